"""How near to its limit a device is, and when to look again: functions from values to values."""

from collections.abc import Iterable
from dataclasses import dataclass

from pagemill.domain.memory import MIB, MemoryLevel, MemoryReading


@dataclass(frozen=True)
class Levels:
    """Shares of a device's limit at which each level is entered; each is left `hysteresis` below."""

    soft: float = 0.80
    hard: float = 0.90
    emergency: float = 0.95
    hysteresis: float = 0.05

    def entry(self, level: MemoryLevel) -> float:
        """The share at which the level is entered."""
        match level:
            case MemoryLevel.NORMAL:
                return 0.0
            case MemoryLevel.SOFT:
                return self.soft
            case MemoryLevel.HARD:
                return self.hard
            case MemoryLevel.EMERGENCY:
                return self.emergency

    def soft_excess(self, reading: MemoryReading) -> int:
        """Bytes that must come back for the soft level to be left."""
        return max(0, reading.used_bytes - int((self.soft - self.hysteresis) * reading.limit_bytes))


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

    A level is entered at its share of the limit and left `hysteresis` below that. The emergency is also entered where
    the present rate reaches the limit within two polls, even of the shortest.
    """
    runway = Runway(reading.free_bytes, bytes_per_s)
    if runway.seconds <= 2 * polling.shortest_s:
        return MemoryLevel.EMERGENCY
    share = reading.used_bytes / reading.limit_bytes if reading.limit_bytes else 1.0
    return max(level for level in MemoryLevel if _is_on(level, share, previous, levels))


def _is_on(level: MemoryLevel, share: float, previous: MemoryLevel, levels: Levels) -> bool:
    entry = levels.entry(level)
    return share >= entry or (previous >= level and share > entry - levels.hysteresis)


def poll_interval(runways: Iterable[Runway], polling: Polling) -> float:
    """Seconds to the next look: half the time to the nearest line, so that every line is two polls away."""
    nearest = min((runway.seconds for runway in runways), default=float("inf"))
    return min(polling.longest_s, max(polling.shortest_s, nearest / 2))
