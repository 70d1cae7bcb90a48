"""The clock, as a port."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in so that tests can control it."""

    def now(self) -> datetime:
        """Aware UTC time, for what is stored."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for local waiting."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        ...
