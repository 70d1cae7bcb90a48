"""Limits the time of a request's body: its sender holds a connection, and often one of few places for uploads."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from starlette.types import Message, Receive

from pagemill.web.problems import RequestRefused


@dataclass(frozen=True)
class BodyRules:
    """Limits on the time for which a server waits for a body; the server's own work on it does not count.

    Attributes:
        stall: Longest wait for the next bytes.
        grace: No least rate applies before this.
        least_bytes_per_second: Least average rate after `grace`.
        longest: Longest wait for the whole body.
    """

    stall: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=20)
    least_bytes_per_second: float = 8 * 1024
    longest: timedelta = timedelta(hours=1)

    def patience(self, received: int, waited: float) -> float:
        """Seconds to wait for the next bytes, after this many bytes and seconds; 0 or less means that time is up."""
        due = self.grace.total_seconds() + received / self.least_bytes_per_second
        return min(self.stall.total_seconds(), min(due, self.longest.total_seconds()) - waited)


class TimedBody:
    """The `receive` of a request, with a time limit on the body.

    Args:
        receive: The server's.
        rules: The limits.
        is_answered: Whether the response has begun; then a late body counts as a disconnected client.
        monotonic: Local time in seconds.
    """

    def __init__(
        self, receive: Receive, rules: BodyRules, *, is_answered: Callable[[], bool], monotonic: Callable[[], float]
    ) -> None:
        self._receive = receive
        self._rules = rules
        self._is_answered = is_answered
        self._monotonic = monotonic
        self._received = 0
        self._waited = 0.0
        self._is_complete = False

    async def __call__(self) -> Message:
        """The next message; no time limit applies after the body.

        Raises:
            RequestRefused: `upload_stalled`: the body is too slow.
        """
        if self._is_complete:
            return await self._receive()
        message = await self._next_of_body()
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        return message

    async def _next_of_body(self) -> Message:
        patience = self._rules.patience(self._received, self._waited)
        begun = self._monotonic()
        if patience > 0:  # once time is up, even bytes that are already here are too late
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    message = await self._receive()
                self._waited += self._monotonic() - begun
                return message
        if self._is_answered():
            return {"type": "http.disconnect"}
        waited = self._waited + self._monotonic() - begun
        reason = f"The upload is too slow: {self._received} bytes came in {waited:.0f} s. Send it again."
        raise RequestRefused("upload_stalled", reason, retryable=True)
