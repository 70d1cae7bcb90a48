"""The real clocks."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

from pagemill.domain.ports import Clock

SLEW = 0.1
"""How much faster or slower time seems to pass while a `SteadyClock` follows a jump."""


class SystemClock:
    """`Clock` of the machine."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


class SteadyClock:
    """`Clock` whose time never jumps: if the machine's clock jumps, this one follows by running 10 % faster or slower.

    Leases, retries, waits and deadlines are stored as times and compared with `now`. Even if somebody sets the
    machine's clock by hours, each duration changes by at most a tenth: nothing expires early, no live worker loses its
    pages, and nothing waits for hours. While both clocks agree, it returns the machine's time.

    Attributes:
        machine: The machine's own clock, for times that others compare with theirs.
    """

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self._time = machine.now()
        self._monotonic = machine.monotonic()
        self._one_at_a_time = threading.Lock()  # transactions read the clock in threads

    def now(self) -> datetime:
        """See `Clock.now`. Never earlier than before."""
        with self._one_at_a_time:
            return self._advance(self.machine.monotonic())

    def _advance(self, monotonic: float) -> datetime:
        passed = timedelta(seconds=monotonic - self._monotonic)
        expected = self._time + passed
        most = passed * SLEW
        self._time = expected + min(max(self.machine.now() - expected, -most), most)
        self._monotonic = monotonic
        return self._time

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await self.machine.sleep(seconds)
