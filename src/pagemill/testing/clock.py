"""A clock that stands still until a test advances it."""

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    """`Clock` for tests: `advance` makes time pass, and wakes those who slept until then."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """See `Clock.monotonic`. Since it was made."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`. Until time was advanced so far."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed + seconds, woken))
        await woken

    def advance(self, passed: timedelta) -> None:
        """Let time pass."""
        self._elapsed += passed.total_seconds()
        due = [woken for until, woken in self._sleepers if until <= self._elapsed]
        self._sleepers = [(until, woken) for until, woken in self._sleepers if until > self._elapsed]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
