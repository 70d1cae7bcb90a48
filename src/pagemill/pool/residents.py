"""A resident model set and its state. Others read its attributes; only its own methods change them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from pagemill.domain.memory import MemoryNeed, Reservation
from pagemill.domain.reports.snapshot import ModelSetSnapshot, WatchedWorker
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.pool.growth import Growth
from pagemill.pool.worker import Worker


def _future() -> asyncio.Future[None]:
    """A future whose error needs no reader."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


_LAST_RESORT = 2


class ResidentState(StrEnum):
    """The states of a model set, in order."""

    RESERVING = "reserving"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"


@dataclass(frozen=True)
class Departure:
    """What was measured just before a worker was told to end.

    Attributes:
        used_bytes: Use of its device by all processes.
        held_bytes: Its own part of that.
    """

    used_bytes: int
    held_bytes: int


@dataclass(eq=False)
class Resident:
    """One model set in one worker process.

    Attributes:
        idle_since: Monotonic seconds of its last use.
        is_spare: It serves the spare place and no other.
        deaths_before: Workers of its model set that died while they loaded, one after the other, before this one.
        ready: Done once the models are loaded, or with the error of loading them.
        ended: Done once its process was seen dead and its reservation released.
        turn: Held by the one chunk that the worker works on.
        references: Uses at this moment; it is unloaded only at zero.
        departure: What its end is expected to give back; None if nothing measures its device.
        leaving: The effort to end its process, under way or failed.
        load_s: Seconds that loading took.
        loaded_at: Monotonic seconds at which it was loaded.
        base_rss_bytes: Resident size when its models were loaded.
        trimmed: It gave its free memory back since its last use.
        has_worked: It has been given a chunk.
        growth: Its sizes from chunk to chunk.
        growth_bytes: What it held beyond its base as its present chunk began: what earlier pages have left behind.
        outgrown: It has grown so much that it must be replaced.
        busy_since: Monotonic seconds at which its present work began; None while it has none.
        task_id: The task of its present chunk.
    """

    worker_id: str
    key: ModelSetKey
    idle_since: float
    is_spare: bool = False
    deaths_before: int = 0
    ready: asyncio.Future[None] = field(default_factory=_future)
    ended: asyncio.Future[None] = field(default_factory=_future)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    state: ResidentState = ResidentState.RESERVING
    references: int = 0
    reservation: Reservation | None = None
    worker: Worker | None = None
    departure: Departure | None = None
    leaving: asyncio.Task[None] | None = None
    load_s: float = 0.0
    loaded_at: float = 0.0
    base_rss_bytes: int = 0
    trimmed: bool = False
    has_worked: bool = False
    growth: Growth = field(default_factory=Growth)
    growth_bytes: int = 0
    outgrown: bool = False
    busy_since: float | None = None
    task_id: str | None = None

    # --- its life ----------------------------------------------------------------------------------------------------

    def promise(self, reservation: Reservation | None) -> bool:
        """Keep a new reservation in place of the old one; returns whether the ledger granted one."""
        self.reservation = reservation or self.reservation
        return reservation is not None

    def begin_loading(self) -> None:
        """Note that its process is being started."""
        self.state = ResidentState.LOADING

    def attach(self, worker: Worker) -> None:
        """Note that its process was started."""
        self.worker = worker

    def finish_loading(self, *, rss_bytes: int, since: float, now: float) -> None:
        """Note that its models are loaded; a resident that is already unloading stays so."""
        self.base_rss_bytes = rss_bytes
        self.load_s = now - since
        self.loaded_at = self.idle_since = now
        if self.state is ResidentState.LOADING:
            self.state = ResidentState.READY

    def begin_unloading(self) -> None:
        """Let no further use of it begin."""
        self.state = ResidentState.UNLOADING

    def leave(self, end: Callable[[], asyncio.Task[None]]) -> asyncio.Task[None]:
        """End it, with one effort at a time; returns the present effort."""
        self.begin_unloading()
        if self.leaving is None or self.leaving.done():
            self.leaving = end()
        return self.leaving

    def depart(self, departure: Departure | None) -> None:
        """Keep the measurements from before its end."""
        self.departure = departure

    # --- its uses ----------------------------------------------------------------------------------------------------

    def begin_use(self) -> None:
        """Count one more use."""
        self.references += 1

    def end_use(self, now: float) -> None:
        """Count one use less."""
        self.references -= 1
        self.idle_since = now
        self.trimmed = False

    def note_trim(self) -> None:
        """Note that it returned its free memory."""
        self.trimmed = True

    def measure_growth(self, base_bytes: int) -> int:
        """The bytes it holds beyond `base_bytes`, and beyond its size when loaded."""
        grown_bytes = max(0, self.rss_bytes - max(base_bytes, self.base_rss_bytes))
        self.growth_bytes = grown_bytes if self.has_worked else 0
        return self.growth_bytes

    def retire(self) -> None:
        """Allow no further use: it has grown too much."""
        self.outgrown = True

    @contextmanager
    def working(self, since: float, task_id: str | None = None) -> Iterator[None]:
        """Show it as busy while the block runs; a chunk names its task."""
        self.busy_since, self.task_id = since, task_id
        self.has_worked = self.has_worked or task_id is not None
        try:
            yield
        finally:
            self.busy_since = self.task_id = None

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def reserved(self) -> MemoryNeed:
        """Its reservation in the ledger."""
        return self.reservation.need if self.reservation else MemoryNeed(0)

    @property
    def room_bytes(self) -> int | None:
        """What a reader may take beyond what it holds before its allocations fail; None for engines.

        This is twice its reservation. The guard ends it at a fourth more, so the kernel refuses only if the guard is
        too late. Libraries silently leave out what they cannot allocate, so that must stay the exception.
        """
        if not self.key.is_reader or self.key.structure or self.reservation is None:
            return None
        return max(0, _LAST_RESORT * self.reserved.ram_bytes - self.rss_bytes)

    @property
    def rss_bytes(self) -> int:
        """Resident size now."""
        return self.worker.rss_bytes if self.worker else 0

    @property
    def is_usable(self) -> bool:
        """Whether another use of it may begin, now or once it is loaded."""
        if self.state is ResidentState.READY:
            return self.worker is not None and self.worker.is_usable and not self.outgrown
        return self.state is ResidentState.LOADING

    @property
    def is_unkillable(self) -> bool:
        """Whether its process does not obey SIGKILL: it keeps its memory until it ends, and can do nothing more."""
        return self.worker is not None and self.worker.is_unkillable

    @property
    def is_stuck(self) -> bool:
        """Whether ending it failed because of a fault in Pagemill, so that it must be tried again."""
        has_failed = self.leaving is not None and self.leaving.done() and not self.ended.done()
        return self.state is ResidentState.UNLOADING and has_failed and not self.is_unkillable

    @property
    def is_idle(self) -> bool:
        """Whether it may be unloaded."""
        return self.state is ResidentState.READY and self.references == 0

    def idle_for(self, now: float) -> float:
        """Seconds since its last use; zero while in use."""
        return now - self.idle_since if self.is_idle else 0.0

    def snapshot(self, now: float) -> ModelSetSnapshot | None:
        """Its state for metrics; None before it has a process."""
        if self.worker is None:
            return None
        return ModelSetSnapshot(
            worker_id=self.worker_id,
            key=self.key,
            pid=self.worker.pid,
            references=self.references,
            idle_for=timedelta(seconds=self.idle_for(now)),
            rss_bytes=self.rss_bytes,
            reserved=self.reserved,
            unkillable=self.is_unkillable,
        )

    def watched_worker(self) -> WatchedWorker | None:
        """Its state for the memory guard; None if it has no live process."""
        if self.worker is None or self.worker.is_gone:
            return None
        return WatchedWorker(
            worker_id=self.worker_id,
            pid=self.worker.pid,
            key=self.key,
            reserved=self.reserved,
            busy_since=self.busy_since,
            task_id=self.task_id,
            unkillable=self.is_unkillable,
        )
