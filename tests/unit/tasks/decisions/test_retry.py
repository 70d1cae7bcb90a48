from datetime import timedelta

import pytest

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.task import RetryPolicy
from pagemill.domain.work.outcomes import LossCause, PageFailed, WorkerLoss
from pagemill.tasks.decisions.retry import Decision, GiveUpPage, RetryPage, ReturnPage, after_failure, after_loss

POLICY = RetryPolicy(max_attempts=3, backoff_multiplier=2, first_delay=timedelta(seconds=1), max_crashes=2)


@pytest.mark.parametrize(
    ("attempts", "retryable", "decision"),
    [
        (0, True, RetryPage(timedelta(seconds=1))),
        (1, True, RetryPage(timedelta(seconds=2))),
        (2, True, GiveUpPage()),
        (0, False, GiveUpPage()),
    ],
)
def test_a_failed_page_is_tried_three_times_with_growing_waits(
    attempts: int, retryable: bool, decision: Decision
) -> None:
    failure = PageFailed(1, TaskFailureReason.ENGINE_ERROR, "…", retryable=retryable)
    assert after_failure(POLICY, failure, attempts=attempts) == decision


@pytest.mark.parametrize(
    ("cause", "crashes", "decision"),
    [
        (LossCause.CRASH, 0, RetryPage(timedelta(0))),
        (LossCause.CRASH, 1, GiveUpPage()),
        (LossCause.HANG, 1, GiveUpPage()),
        (LossCause.KERNEL_OOM, 0, RetryPage(timedelta(0))),
        (LossCause.MEMORY_PRESSURE, 5, ReturnPage()),
        (LossCause.NODE, 5, ReturnPage()),
    ],
)
def test_a_page_that_kills_workers_is_quarantined_and_an_innocent_one_pays_nothing(
    cause: LossCause, crashes: int, decision: Decision
) -> None:
    assert after_loss(POLICY, WorkerLoss(cause, "…", page=1), crashes=crashes) == decision
