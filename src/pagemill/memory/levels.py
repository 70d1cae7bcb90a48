"""How near to its limit a device is, and when to look again: functions from values to values."""

from collections.abc import Iterable
from dataclasses import dataclass

from pagemill.domain.memory import MIB, MemoryLevel, MemoryReading


@dataclass(frozen=True)
class Levels:
    """Per cent of a device's limit at which each level is entered; each is left `hysteresis` points below."""

    soft: int = 80
    hard: int = 90
    emergency: int = 95
    hysteresis: int = 5

    def entry(self, level: MemoryLevel) -> int:
        """The per cent at which the level is entered."""
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
        """Bytes that must come back for the soft level to be left."""
        return max(0, reading.held_bytes - reading.limit_bytes * (self.soft - self.hysteresis) // 100)


@dataclass(frozen=True)
class Polling:
    """When to look again.

    Attributes:
        shortest_s: Never sooner.
        longest_s: Never later.
        presumed_bytes_per_s: How fast a worker that has not begun to fill memory may begin to: about what one core can
            touch of fresh pages.
    """

    shortest_s: float = 0.020
    longest_s: float = 1.0
    presumed_bytes_per_s: float = 2048.0 * MIB


@dataclass(frozen=True)
class Runway:
    """Bytes to a line that must not be crossed, and how fast it comes nearer."""

    free_bytes: int
    bytes_per_s: float

    @property
    def seconds(self) -> float:
        """Time until the line is reached at this rate."""
        return self.free_bytes / self.bytes_per_s if self.bytes_per_s > 0 else float("inf")


def next_level(
    previous: MemoryLevel, reading: MemoryReading, *, bytes_per_s: float, levels: Levels, polling: Polling
) -> MemoryLevel:
    """The level after a reading.

    A level is entered at its per cent of the limit and left `hysteresis` points below. The emergency is also entered
    where the present rate reaches the limit within two polls, even of the shortest.
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
    """Seconds to the next look: half the time to the nearest line, so that every line is two polls away."""
    nearest = min((runway.seconds for runway in runways), default=float("inf"))
    return min(polling.longest_s, max(polling.shortest_s, nearest / 2))
