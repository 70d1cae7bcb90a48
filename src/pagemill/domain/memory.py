"""Memory as values: readings, needs, reservations and levels. All sizes are bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import ceil
from typing import NewType

DeviceId = NewType("DeviceId", str)
"""`"cpu"` (host memory) or `"cuda:N"` (GPU N and, for what stays on the host, host memory too)."""

CPU = DeviceId("cpu")
MIB = 1024 * 1024


def in_mib(size_bytes: int) -> int:
    """Whole MiB that hold so many bytes."""
    return -(-size_bytes // MIB)


class MemoryLevel(IntEnum):
    """How close a device is to its limit, mildest first."""

    NORMAL = 0
    SOFT = 1
    HARD = 2
    EMERGENCY = 3


@dataclass(frozen=True)
class MemoryReading:
    """What a probe measured of one device at one moment.

    Attributes:
        device: Whose memory it is.
        limit_bytes: The most that may be in use: the tightest of the machine and every cgroup above us.
        used_bytes: In use by anybody under that limit, reclaimable file cache not counted.
        source: Where the tightest limit was found ("MemAvailable", a cgroup path, "NVML").
        unwritten_bytes: Of the use, file pages that are free once they are on the disk. Nothing is promised of them,
            and nobody is ended for them.
    """

    device: DeviceId
    limit_bytes: int
    used_bytes: int
    source: str
    unwritten_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        """What could still be taken at once, never below zero."""
        return max(0, self.limit_bytes - self.used_bytes)

    @property
    def held_bytes(self) -> int:
        """What comes back only if somebody gives it back or is ended: what the levels go by."""
        return max(0, self.used_bytes - self.unwritten_bytes)

    @property
    def slack_bytes(self) -> int:
        """What is left between that and the limit."""
        return max(0, self.limit_bytes - self.held_bytes)


@dataclass(frozen=True)
class MemoryNeed:
    """What a piece of work takes: host memory, and GPU memory apart."""

    ram_bytes: int
    gpu_bytes: int = 0

    def __add__(self, other: "MemoryNeed") -> "MemoryNeed":
        """Both together."""
        return MemoryNeed(self.ram_bytes + other.ram_bytes, self.gpu_bytes + other.gpu_bytes)

    def on(self, device: DeviceId) -> int:
        """The part that counts there: host memory on the CPU, GPU memory elsewhere."""
        return self.ram_bytes if device == CPU else self.gpu_bytes


@dataclass(frozen=True)
class Reservation:
    """Bytes the ledger has promised to one owner (a worker), until released."""

    reservation_id: str
    owner: str
    device: DeviceId
    need: MemoryNeed


@dataclass(frozen=True)
class MemorySeed:
    """An engine's memory before anything was learned: `base + fixed + per_pixel · pixels · batch`.

    Attributes:
        base: A loaded, idle, trimmed worker.
        fixed: What a page costs whatever its size.
        ram_per_pixel: Host bytes for each pixel of the page image as the engine works on it.
        gpu_per_pixel: GPU bytes for each such pixel.
        per_language: Host bytes for each language beyond the first, where languages are loaded for themselves.
        kept: Host bytes that a worker comes to hold beyond `base` as it meets new sizes: compiled kernels, caches.
        batch_size: Text lines in one run of the recognition model that these figures hold for, the engine's own.
    """

    base: MemoryNeed
    fixed: MemoryNeed = field(default_factory=lambda: MemoryNeed(0))
    ram_per_pixel: float = 0.0
    gpu_per_pixel: float = 0.0
    per_language: int = 0
    kept: int = 0
    batch_size: int = 1

    def of_languages(self, count: int) -> "MemorySeed":
        """The seed of a model set for which so many languages are loaded."""
        return replace(self, base=self.base + MemoryNeed(self.per_language * max(0, count - 1)))

    def __add__(self, other: "MemorySeed") -> "MemorySeed":
        """Both in one worker; the batch is that of the first."""
        return MemorySeed(
            self.base + other.base,
            self.fixed + other.fixed,
            self.ram_per_pixel + other.ram_per_pixel,
            self.gpu_per_pixel + other.gpu_per_pixel,
            kept=self.kept + other.kept,
            batch_size=self.batch_size,
        )


@dataclass(frozen=True)
class Ceiling:
    """The most of a device that can ever be promised, whoever else uses it now: what "never fits" is decided by.

    Attributes:
        limit_bytes: The most that may be in use.
        margin_bytes: Of that, what is never promised.
        own_bytes: Of that, what the server itself needs.
    """

    limit_bytes: int
    margin_bytes: int = 0
    own_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """What is left to promise."""
        return max(0, self.limit_bytes - self.margin_bytes - self.own_bytes)

    def limit_for(self, size_bytes: int) -> int:
        """The limit under which so much could be promised, its share of margin included."""
        share = self.margin_bytes / self.limit_bytes if self.limit_bytes else 0.0
        return ceil((size_bytes + self.own_bytes) / (1 - share))


def demands(device: DeviceId, need: MemoryNeed) -> Mapping[DeviceId, int]:
    """What a need asks of which device: GPU memory of its own, host memory of the host."""
    asked = {CPU: need.ram_bytes}
    if device != CPU:
        asked[device] = need.gpu_bytes
    return asked


@dataclass(frozen=True)
class DeviceMemory:
    """One device as people are shown it.

    Attributes:
        margin_bytes: Of the limit, what is never promised.
        own_bytes: What the server itself needs of it.
    """

    device: DeviceId
    limit_bytes: int
    used_bytes: int
    reserved_bytes: int
    level: MemoryLevel
    margin_bytes: int = 0
    own_bytes: int = 0

    @property
    def ceiling(self) -> Ceiling:
        """The most of it that can ever be promised."""
        return Ceiling(self.limit_bytes, self.margin_bytes, self.own_bytes)


@dataclass(frozen=True)
class LevelChanged:
    """The memory guard's notice that a device came nearer to its limit, or went further from it.

    Attributes:
        device: Whose memory it is.
        before: Its level until now.
        level: Its level from now on.
        reading: What was measured.
    """

    device: DeviceId
    before: MemoryLevel
    level: MemoryLevel
    reading: MemoryReading


OnLevel = Callable[[LevelChanged], None]
"""Told of every change of level, on the event loop."""


@dataclass(frozen=True)
class Drift:
    """How one model set's estimates held lately: peaks over the estimates made before them; above 1 was not covered.

    Attributes:
        last: Of the last page.
        pages: How many pages p50 and p99 are of.
    """

    last: float
    p50: float
    p99: float
    pages: int
