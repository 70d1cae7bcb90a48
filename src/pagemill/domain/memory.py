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
    """Bytes in MiB, rounded up."""
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
        limit_bytes: The tightest limit of the machine and every cgroup above us.
        used_bytes: What all processes under that limit use, without reclaimable file cache.
        source: Where the tightest limit comes from ("MemAvailable", a cgroup path, "NVML").
        unwritten_bytes: The part of the use that is file pages not yet on the disk. They become free once they are
            written: nothing is reserved from them, and no process is ended because of them.
    """

    device: DeviceId
    limit_bytes: int
    used_bytes: int
    source: str
    unwritten_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        """Memory that could be allocated at once, never below zero."""
        return max(0, self.limit_bytes - self.used_bytes)

    @property
    def held_bytes(self) -> int:
        """Memory that comes back only if a process releases it or ends. The levels depend on it."""
        return max(0, self.used_bytes - self.unwritten_bytes)

    @property
    def slack_bytes(self) -> int:
        """The room between `held_bytes` and the limit."""
        return max(0, self.limit_bytes - self.held_bytes)


@dataclass(frozen=True)
class MemoryNeed:
    """The memory that a piece of work needs: host memory and GPU memory, separately."""

    ram_bytes: int
    gpu_bytes: int = 0

    def __add__(self, other: "MemoryNeed") -> "MemoryNeed":
        """Both together."""
        return MemoryNeed(self.ram_bytes + other.ram_bytes, self.gpu_bytes + other.gpu_bytes)

    def at_least(self, other: "MemoryNeed") -> "MemoryNeed":
        """The need that covers both, each memory by itself."""
        return MemoryNeed(max(self.ram_bytes, other.ram_bytes), max(self.gpu_bytes, other.gpu_bytes))

    def on(self, device: DeviceId) -> int:
        """The part that counts there: host memory on the CPU, GPU memory elsewhere."""
        return self.ram_bytes if device == CPU else self.gpu_bytes


NOTHING = MemoryNeed(0)


@dataclass(frozen=True)
class Reservation:
    """Bytes that the ledger has reserved for one owner (a worker) until their release."""

    reservation_id: str
    owner: str
    device: DeviceId
    need: MemoryNeed


@dataclass(frozen=True)
class MemorySeed:
    """An engine's memory before Pagemill has learned anything: `base + fixed + per_pixel · pixels · batch`.

    Attributes:
        base: A loaded, idle, trimmed worker.
        fixed: What a page of any size costs.
        ram_per_pixel: Host bytes for each pixel of the page image as the engine works on it.
        gpu_per_pixel: GPU bytes for each such pixel.
        per_language: Host bytes for each language beyond the first, if each language has its own model.
        kept: Host bytes beyond `base` that a worker comes to hold as it meets new sizes: compiled kernels, caches.
        batch_size: Text lines in one run of the recognition model, as these figures assume; the engine's own.
    """

    base: MemoryNeed
    fixed: MemoryNeed = field(default_factory=lambda: MemoryNeed(0))
    ram_per_pixel: float = 0.0
    gpu_per_pixel: float = 0.0
    per_language: int = 0
    kept: int = 0
    batch_size: int = 1

    def of_languages(self, count: int) -> "MemorySeed":
        """The seed of a model set that loads this many languages."""
        return replace(self, base=self.base + MemoryNeed(self.per_language * max(0, count - 1)))

    def __add__(self, other: "MemorySeed") -> "MemorySeed":
        """Both in one worker; the batch size is that of the first."""
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
    """The most that Pagemill can ever reserve of a device, whatever its present use. It decides what "never fits".

    Attributes:
        limit_bytes: The limit of the device.
        margin_bytes: The part of the limit that is never reserved.
        own_bytes: The part of the limit that the server itself needs.
    """

    limit_bytes: int
    margin_bytes: int = 0
    own_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """What Pagemill can reserve."""
        return max(0, self.limit_bytes - self.margin_bytes - self.own_bytes)

    def limit_for(self, size_bytes: int) -> int:
        """The limit that would allow this reservation, with its share of margin."""
        share = self.margin_bytes / self.limit_bytes if self.limit_bytes else 0.0
        return ceil((size_bytes + self.own_bytes) / (1 - share))


def demands(device: DeviceId, need: MemoryNeed) -> Mapping[DeviceId, int]:
    """What a need takes from each device: GPU memory from its GPU, host memory from the host."""
    asked = {CPU: need.ram_bytes}
    if device != CPU:
        asked[device] = need.gpu_bytes
    return asked


@dataclass(frozen=True)
class DeviceMemory:
    """One device in the status of the service.

    Attributes:
        margin_bytes: The part of the limit that is never reserved.
        own_bytes: What the server itself needs of the device.
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
        """The most that Pagemill can ever reserve of the device."""
        return Ceiling(self.limit_bytes, self.margin_bytes, self.own_bytes)


@dataclass(frozen=True)
class LevelChanged:
    """The memory guard's notice that the level of a device changed.

    Attributes:
        device: The device.
        before: Its level until now.
        level: Its level from now on.
        reading: The measurement.
    """

    device: DeviceId
    before: MemoryLevel
    level: MemoryLevel
    reading: MemoryReading


OnLevel = Callable[[LevelChanged], None]
"""Called on the event loop for every change of level."""


@dataclass(frozen=True)
class Drift:
    """How well one model set's estimates held lately: peak divided by estimate. Above 1, the estimate was too low.

    Attributes:
        last: The value of the last page.
        pages: The number of pages behind p50 and p99.
    """

    last: float
    p50: float
    p99: float
    pages: int
