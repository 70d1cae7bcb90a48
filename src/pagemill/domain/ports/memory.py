"""How much memory is left: what other rooms ask of `memory`, and what `memory` asks of the pool."""

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
        """One reading for each device of the machine."""
        ...


class MemoryEstimator(Protocol):
    """The memory that work needs at its peak, from shipped seeds and observed peaks."""

    def base(self, key: ModelSetKey) -> MemoryNeed:
        """The memory of a loaded, idle, trimmed worker.

        Raises:
            UnknownEngine: The engine or profile does not exist.
        """
        ...

    def peak(
        self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None, climbed: bool = False
    ) -> MemoryNeed:
        """The memory of a worker, base included, at the peak of reading a page image with this many pixels.

        Never less with more pixels or a larger batch. `climbed`: the page ran out of memory before. Only then do
        failures of other pages, and rare peaks, count.

        Raises:
            UnknownEngine: The engine or profile does not exist.
        """
        ...

    def modest_peak(self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None) -> MemoryNeed:
        """The least that may be enough: at most the seed. It decides whether a page never fits. Raises as `peak`."""
        ...

    def observe(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, peak: MemoryNeed) -> None:
        """Learn from a page that was read; a figure of 0 was not measured. For failed pages, use `observe_failure`."""
        ...

    def observe_base(self, key: ModelSetKey, *, settled: MemoryNeed) -> None:
        """Learn from a loaded, idle, trimmed worker."""
        ...

    def observe_failure(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, reached: MemoryNeed) -> None:
        """Learn that this much was not enough for work of this size, nor for any larger work that failed too."""
        ...


class MemoryHistory(Protocol):
    """Measured memory of workers and pages."""

    def find_measured(self, key: ModelSetKey) -> MeasuredMemory | None:
        """The largest figures of the last workers and pages; None if there were none."""
        ...


class MemoryAdmission(Protocol):
    """The ledger as the pool sees it: reserve before use, release after the memory is back.

    The owner of a reservation is the `worker_id` of its worker. So the ledger does not count twice the part that the
    worker already uses and the probe measures.
    """

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """Reserve memory, atomically on host and GPU; None if it does not fit now.

        Raises:
            NeverFits: It would not fit even if nothing else used the device; the error has the numbers.
            DeviceUnavailable: There is no such device.
        """
        ...

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """Reserve memory as soon as it fits; None if `wait` passes first.

        Smaller requests may overtake one that does not fit yet, a bounded number of times; then they queue behind it.

        Raises:
            NeverFits: It would not fit even if nothing else used the device; the error has the numbers.
            DeviceUnavailable: There is no such device.
        """
        ...

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """Change the reservation. Shrinking always succeeds; None if it cannot grow now.

        Raises:
            NeverFits: It would not fit even if nothing else used the device; the error has the numbers.
        """
        ...

    def release(self, reservation: Reservation) -> None:
        """Release the reservation; releasing twice is not an error."""
        ...

    def level(self, device: DeviceId) -> MemoryLevel:
        """How close the device is to its limit."""
        ...

    def devices(self) -> Sequence[DeviceMemory]:
        """Every device with its limit, use, reservations and level."""
        ...

    def was_short(self, device: DeviceId, *, since: float) -> bool:
        """Whether other programs left too little for the reservations, now or at a measurement after `since`.

        `since` is in monotonic seconds.
        """
        ...


class WatchedWorkers(Protocol):
    """The guard's view of workers, and what it may do to them."""

    def workers(self) -> Sequence[WatchedWorker]:
        """Every live worker. The guard's thread calls this: copy the collection before you read its members."""
        ...

    async def evict_idle(self, device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        """Unload idle model sets, cheapest first, until this many bytes are back (None: all).

        Returns:
            Bytes that came back, as measured.
        """
        ...

    async def trim_idle(self, device: DeviceId) -> None:
        """Make idle workers return the free memory of their allocators."""
        ...

    async def kill(self, worker_id: str, cause: LossCause) -> None:
        """End a worker now; its chunk ends with this cause. A worker that is gone is not an error."""
        ...
