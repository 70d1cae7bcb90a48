"""How close a device is to its limit, and when to measure again: functions from values to values."""

from collections.abc import Iterable
from dataclasses import dataclass

from pagemill.domain.memory import MIB, MemoryLevel, MemoryReading


@dataclass(frozen=True)
class Levels:
    """Percentage of a device's limit at which each level begins; each ends `hysteresis` points lower."""

    soft: int = 80
    hard: int = 90
    emergency: int = 95
    hysteresis: int = 5

    def entry(self, level: MemoryLevel) -> int:
        """The percentage at which the level begins."""
        match level:
            case MemoryLevel.NORMAL:
                return 0
            case MemoryLevel.SOFT:
                return self.soft
            case MemoryLevel.HARD:
                return self.hard
            case MemoryLevel.EMERGENCY:
                return self.emergency

    def soft_excess(self, reading: MemoryReading) -> int:
        """Bytes that must come back to leave the soft level."""
        return max(0, reading.held_bytes - reading.limit_bytes * (self.soft - self.hysteresis) // 100)


@dataclass(frozen=True)
class Polling:
    """When to measure again.

    Attributes:
        shortest_s: Shortest time.
        longest_s: Longest time.
        presumed_bytes_per_s: How fast a worker may start to fill memory: about as fast as one core can touch new pages.
    """

    shortest_s: float = 0.020
    longest_s: float = 1.0
    presumed_bytes_per_s: float = 2048.0 * MIB


@dataclass(frozen=True)
class Runway:
    """Bytes until a limit, and how fast it comes closer."""

    free_bytes: int
    bytes_per_s: float

    @property
    def seconds(self) -> float:
        """Time until the limit at this rate."""
        return self.free_bytes / self.bytes_per_s if self.bytes_per_s > 0 else float("inf")


def next_level(
    previous: MemoryLevel, reading: MemoryReading, *, bytes_per_s: float, levels: Levels, polling: Polling
) -> MemoryLevel:
    """The level after a reading.

    A level begins at its percentage of the limit and ends `hysteresis` points lower. The emergency also begins if the
    present rate would reach the limit within two of the shortest polls.
    """
    runway = Runway(reading.slack_bytes, bytes_per_s)
    if runway.seconds <= 2 * polling.shortest_s:
        return MemoryLevel.EMERGENCY
    return max(level for level in MemoryLevel if _is_on(level, reading, previous, levels))


def _is_on(level: MemoryLevel, reading: MemoryReading, previous: MemoryLevel, levels: Levels) -> bool:
    used, entry = reading.held_bytes * 100, levels.entry(level)
    entered = used >= reading.limit_bytes * entry
    return entered or (previous >= level and used > reading.limit_bytes * (entry - levels.hysteresis))


def poll_interval(runways: Iterable[Runway], polling: Polling) -> float:
    """Seconds until the next measurement: half the time to the nearest limit, so that every limit is two polls away."""
    nearest = min((runway.seconds for runway in runways), default=float("inf"))
    return min(polling.longest_s, max(polling.shortest_s, nearest / 2))
