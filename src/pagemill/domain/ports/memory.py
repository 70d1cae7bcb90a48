"""How much memory is left: asked of the memory room, and by it of the pool."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pagemill.domain.memory import (
    DeviceId,
    DeviceMemory,
    MemoryLevel,
    MemoryNeed,
    MemoryReading,
    Reservation,
)
from pagemill.domain.reports.engine_report import MeasuredMemory
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.outcomes import (
    LossCause,
)
from pagemill.domain.work.recognition import ModelSetKey


class MemoryProbe(Protocol):
    """Measures devices. Reading is cheap (under a millisecond) and never loads a GPU context."""

    def read(self) -> Sequence[MemoryReading]:
        """One reading for each device that is there."""
        ...


class MemoryEstimator(Protocol):
    """What work will need at its peak, from shipped seeds and observed peaks."""

    def base(self, key: ModelSetKey) -> MemoryNeed:
        """A loaded, idle worker."""
        ...

    def peak(
        self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None, climbed: bool = False
    ) -> MemoryNeed:
        """A worker, base included, at the peak of reading a page image of so many pixels.

        `climbed`: of a page that is not at its first try; what was not enough for others counts for such only.
        """
        ...

    def modest_peak(self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None) -> MemoryNeed:
        """What may be enough: no more than the seed. Whether a page never fits is decided by this."""
        ...

    def observe(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, peak: MemoryNeed) -> None:
        """Learn from a page that was read. Failed pages are told to `observe_failure`."""
        ...

    def observe_base(self, key: ModelSetKey, *, settled: MemoryNeed) -> None:
        """Learn from a worker that is loaded, idle and trimmed."""
        ...

    def observe_failure(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, reached: MemoryNeed) -> None:
        """Learn a lower bound: this much was not enough."""
        ...


class MemoryHistory(Protocol):
    """What was seen of memory."""

    def measured(self, key: ModelSetKey) -> MeasuredMemory | None:
        """The largest figures of the last workers and pages; None where nothing was seen."""
        ...


class MemoryAdmission(Protocol):
    """The ledger as the pool sees it: reserve before use, release after the memory is back.

    The owner of a reservation is the `worker_id` of the worker it is for: so the part of it that is already in use,
    and measured, is not counted twice.
    """

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """Promise memory, atomically on host and GPU; None where it does not fit now.

        Raises:
            NeverFits: It would not fit if nobody else were there, with the numbers.
            DeviceUnavailable: There is no such device.
        """
        ...

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """Promise memory as soon as it fits; None where `wait` passed first.

        Smaller requests may pass one that does not fit yet, a bounded number of times; then they queue behind it.

        Raises:
            NeverFits: It would not fit if nobody else were there, with the numbers.
            DeviceUnavailable: There is no such device.
        """
        ...

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """Change what was promised; shrinking always succeeds, growing may be refused with None.

        Raises:
            NeverFits: It would not fit if nobody else were there, with the numbers.
        """
        ...

    def release(self, reservation: Reservation) -> None:
        """Take the promise back; twice is no error."""
        ...

    def level(self, device: DeviceId) -> MemoryLevel:
        """How close the device is to its limit."""
        ...

    def devices(self) -> Sequence[DeviceMemory]:
        """Every device with limit, use, promises and level."""
        ...


class WatchedWorkers(Protocol):
    """What the guard may see and do of workers."""

    def workers(self) -> Sequence[WatchedWorker]:
        """Every live worker. Called from the guard's thread: copy the collection first, then look at its members."""
        ...

    async def evict_idle(self, device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        """Unload idle model sets, cheapest first, until so many bytes are back (None: all).

        Returns:
            Bytes measured back, not assumed.
        """
        ...

    async def trim_idle(self, device: DeviceId) -> None:
        """Have idle workers give their allocator's free memory back."""
        ...

    async def kill(self, worker_id: str, cause: LossCause) -> None:
        """End a worker now; its chunk ends with that cause."""
        ...
