"""When a call is tried again: after what, how long to wait first, and when to give up."""

from collections.abc import Callable
from dataclasses import dataclass

from pagemill.client.errors import ClientError, ServiceRefusal, ServiceUnreachable

BUSY_STATUSES = frozenset({408, 429, 502, 503, 504})
"""A proxy in between says these without a problem detail."""
UP_TO_THE_CALLER = frozenset({"result_not_ready"})
"""Retryable, but only once a task has gone on, which may take long; waiting for that is a call of its own."""


@dataclass(frozen=True)
class RetryRules:
    """How patient a client is.

    Attributes:
        first_delay_s: About how long the first pause is; each is twice the one before.
        longest_delay_s: Where pauses stop to grow; a longer one is made where the service asks for it.
        total_s: A call is given up where its next try would come later than this after its first; 0 tries once.
        silence_s: A stream of which nothing comes for so long is held to be broken; it shows life every five seconds.
    """

    first_delay_s: float = 0.5
    longest_delay_s: float = 15.0
    total_s: float = 120.0
    silence_s: float = 20.0


class Retrying:
    """The tries of one call.

    Args:
        rules: How patient to be.
        now: Seconds on a clock that never goes back.
        spread: A random number between two; keeps clients that failed together from coming back together.
    """

    def __init__(self, rules: RetryRules, *, now: Callable[[], float], spread: Callable[[float, float], float]) -> None:
        self._rules = rules
        self._now = now
        self._spread = spread
        self._begun = now()
        self._failures = 0
        self._reply_lost = False

    def succeeded(self) -> None:
        """Something came through: patience begins anew."""
        self._begun = self._now()
        self._failures = 0

    def pause_after(self, error: ClientError) -> float:
        """Seconds to wait before the next try.

        Raises:
            ClientError: The same error; trying again is of no use, or has been tried for long enough.
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
    """Whether the same call may succeed soon without anything else being done."""
    if not isinstance(error, ServiceRefusal):
        return isinstance(error, ServiceUnreachable)
    if error.code in UP_TO_THE_CALLER:
        return False
    return error.problem.retryable or (error.code == "http_error" and error.status in BUSY_STATUSES)


def _came_from_between(error: ClientError) -> bool:
    """Whether a proxy answered, so that nobody knows what the service did."""
    return isinstance(error, ServiceRefusal) and error.code == "http_error"
