"""The real clocks."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

from pagemill.domain.ports import Clock

SLEW = 0.1
"""How much faster or slower than it is time may seem to pass while a `SteadyClock` follows a jump."""


class SystemClock:
    """`Clock` of the machine."""

    def now(self) -> datetime:
        """Aware UTC time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class SteadyClock:
    """`Clock` whose time never jumps: where the machine's does, it follows by running 10 % faster or slower.

    Leases, retries, waiting and deadlines are stored as times and compared with `now`. So setting the machine's clock
    by hours makes no duration longer or shorter than by a tenth: nothing expires early, nothing is rescued from a
    worker that lives, nothing waits for hours. While both clocks agree, it says what the machine says.

    Attributes:
        machine: The machine's own clock, for times that others compare with theirs.
    """

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self._time = machine.now()
        self._monotonic = machine.monotonic()
        self._one_at_a_time = threading.Lock()  # transactions tell the time in threads

    def now(self) -> datetime:
        """Aware UTC time; never earlier than it was."""
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
        """Seconds that never run backwards."""
        return self.machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self.machine.sleep(seconds)
