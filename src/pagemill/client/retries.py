"""When to retry a call: after which errors, after which pause, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass

from pagemill.client.errors import ClientError, ServiceRefusal, ServiceUnreachable

BUSY_STATUSES = frozenset({408, 429, 502, 503, 504})
"""A proxy answers with these, without a problem detail."""
UP_TO_THE_CALLER = frozenset({"result_not_ready"})
"""Retryable, but only after a task has progressed, which may take long; there is a separate call to wait for that."""


@dataclass(frozen=True)
class RetryRules:
    """When a client retries.

    Attributes:
        first_delay_s: About the length of the first pause; each pause is twice the previous one.
        longest_delay_s: The longest pause, unless the service asks for a longer one.
        total_s: Give up a call if its next attempt would start later than this after its first; 0 means one attempt.
        silence_s: A stream that is silent for this long is broken; streams send something every five seconds.
    """

    first_delay_s: float = 0.5
    longest_delay_s: float = 15.0
    total_s: float = 120.0
    silence_s: float = 20.0


class Retrying:
    """The attempts of one call.

    Args:
        rules: When to retry.
        now: Seconds on a clock that never goes back.
        spread: A random number between two, so that clients that failed together do not return together.
    """

    def __init__(self, rules: RetryRules, *, now: Callable[[], float], spread: Callable[[float, float], float]) -> None:
        self._rules = rules
        self._now = now
        self._spread = spread
        self._begun = now()
        self._failures = 0
        self._reply_lost = False

    def start_over(self) -> None:
        """Start counting again, because something succeeded."""
        self._begun = self._now()
        self._failures = 0

    def pause_after(self, error: ClientError) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            ClientError: The same error, if another attempt is useless or would be too late.
        """
        if isinstance(error, ServiceRefusal):
            error.reply_was_lost = self._reply_lost
        if not may_be_tried_again(error):
            raise error
        self._reply_lost |= isinstance(error, ServiceUnreachable) or _came_from_between(error)
        delay = self._delay(error)
        if self._now() + delay > self._begun + self._rules.total_s:
            raise error
        self._failures += 1
        return delay

    def _delay(self, error: ClientError) -> float:
        rules = self._rules
        usual = min(rules.longest_delay_s, rules.first_delay_s * 2.0 ** min(self._failures, 30))
        asked = error.retry_after_s if isinstance(error, ServiceRefusal) else None
        if asked is None:
            return self._spread(usual / 2, usual)
        return asked + self._spread(0.0, rules.first_delay_s)


def may_be_tried_again(error: ClientError) -> bool:
    """Whether the same call may succeed soon by itself."""
    if not isinstance(error, ServiceRefusal):
        return isinstance(error, ServiceUnreachable)
    if error.code in UP_TO_THE_CALLER:
        return False
    return error.problem.retryable or (error.code == "http_error" and error.status in BUSY_STATUSES)


def _came_from_between(error: ClientError) -> bool:
    """Whether a proxy answered, so that it is unknown what the service did."""
    return isinstance(error, ServiceRefusal) and error.code == "http_error"
