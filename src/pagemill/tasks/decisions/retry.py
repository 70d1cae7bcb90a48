"""What to do with a page after its work failed: a pure decision, and a value."""

from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.task.task import RetryPolicy
from pagemill.domain.work.outcomes import LossCause, PageFailed, WorkerLoss

INNOCENT = frozenset({LossCause.MEMORY_PRESSURE, LossCause.NODE})
"""Deaths for which the worker's page is not to blame."""


@dataclass(frozen=True)
class RetryPage:
    """Queue the page again after a while."""

    delay: timedelta


@dataclass(frozen=True)
class GiveUpPage:
    """Mark the page as failed for good."""


@dataclass(frozen=True)
class ReturnPage:
    """Return the page unchanged to the queue."""


Decision = RetryPage | GiveUpPage | ReturnPage


LONGEST_BACKOFF = timedelta(hours=1)


def backoff(policy: RetryPolicy, failures: int) -> timedelta:
    """Wait after the `failures`-th failure (1-based).

    First delay × multiplier^(failures - 1), at most an hour.
    """
    seconds = policy.first_delay.total_seconds() * policy.backoff_multiplier ** (failures - 1)
    return timedelta(seconds=min(seconds, LONGEST_BACKOFF.total_seconds()))


def after_failure(policy: RetryPolicy, failure: PageFailed, *, attempts: int) -> Decision:
    """Decide on a page whose own work failed.

    Args:
        policy: When to retry.
        failure: The present failure.
        attempts: How often its work failed before.
    """
    failures = attempts + 1
    if not failure.retryable or failures >= policy.max_attempts:
        return GiveUpPage()
    return RetryPage(backoff(policy, failures))


def after_loss(policy: RetryPolicy, loss: WorkerLoss, *, crashes: int) -> Decision:
    """Decide on the page that a worker held when it died; `crashes` workers died with it before.

    A page that has killed `max_crashes` workers fails and goes to quarantine, so that it cannot block the others.
    """
    if loss.cause in INNOCENT:
        return ReturnPage()
    if crashes + 1 >= policy.max_crashes:
        return GiveUpPage()
    return RetryPage(timedelta(0))
