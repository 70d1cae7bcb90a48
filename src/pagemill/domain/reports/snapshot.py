"""Frozen pictures of the running parts, for metrics, the dashboard and the guard."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.task.task import TaskStatus
from pagemill.domain.work.recognition import ModelSetKey


@dataclass(frozen=True)
class ModelSetSnapshot:
    """One resident model set.

    Attributes:
        worker_id: Its process among ours.
        pid: Its process on the machine.
        references: Uses at this moment; it is unloaded only at zero.
        idle_for: Since its last use; zero while in use.
        rss_bytes: Resident size now.
        reserved: What the ledger promised it.
        service_instance_id: The service that uses it now; None while idle.
        unkillable: Its process was killed and does not end; it holds its memory until it does.
    """

    worker_id: str
    key: ModelSetKey
    pid: int
    references: int
    idle_for: timedelta
    rss_bytes: int
    reserved: MemoryNeed
    service_instance_id: str | None = None
    unkillable: bool = False


@dataclass(frozen=True)
class LaneSnapshot:
    """Places for services of one kind: a device's, or the readers'."""

    name: str
    device: DeviceId
    capacity: int
    in_use: int


class UnloadCause(StrEnum):
    """Why a model set was unloaded."""

    IDLE = "idle"
    """Unused for the idle timeout."""
    SPENT = "spent"
    """Its process had grown, or could not be used any more."""
    ROOM = "room"
    """Its memory was wanted for other models or for a larger page."""
    PRESSURE = "pressure"
    """The memory guard asked for memory."""


@dataclass(frozen=True)
class EvictionRecord:
    """What one unloading gave back, measured.

    Attributes:
        at: When every process was seen dead.
        keys: The model sets that went.
        rss_bytes: What their processes held just before.
        used_before_bytes: Use of the device before; None where nothing measures it.
        used_after_bytes: Use of it once every process was seen dead.
    """

    at: datetime
    cause: UnloadCause
    device: DeviceId
    keys: tuple[ModelSetKey, ...]
    rss_bytes: int
    used_before_bytes: int | None
    used_after_bytes: int | None

    @property
    def returned_bytes(self) -> int:
        """Bytes back; what the dead processes held, where nothing measures the device.

        Others use the device too; what they gave back in the same moment is not counted as ours.
        """
        if self.used_before_bytes is None or self.used_after_bytes is None:
            return self.rss_bytes
        return min(self.rss_bytes, max(0, self.used_before_bytes - self.used_after_bytes))


@dataclass(frozen=True)
class PoolSnapshot:
    """The pool at one moment.

    Attributes:
        unloads: Model sets unloaded since the server was started.
        unloaded_bytes: What that gave back, measured.
        last_eviction: The last of these unloadings.
    """

    lanes: tuple[LaneSnapshot, ...]
    model_sets: tuple[ModelSetSnapshot, ...]
    unloads: int = 0
    unloaded_bytes: int = 0
    last_eviction: EvictionRecord | None = None

    @property
    def utilization(self) -> float:
        """Places in use over places there are, 0 … 1."""
        capacity = sum(lane.capacity for lane in self.lanes)
        return sum(lane.in_use for lane in self.lanes) / capacity if capacity else 0.0


@dataclass(frozen=True)
class WatchedWorker:
    """A worker as the memory guard sees it.

    Attributes:
        reserved: What the ledger promised it.
        busy_since: Monotonic seconds at which its present chunk began; None while idle.
        task_id: The task of its present chunk.
        unkillable: It was killed and does not end; killing it again gives nothing back.
    """

    worker_id: str
    pid: int
    key: ModelSetKey
    reserved: MemoryNeed
    busy_since: float | None
    task_id: str | None
    unkillable: bool = False


@dataclass(frozen=True)
class Spread:
    """How some durations are spread: half, nine in ten and 99 in a hundred of them are no longer than these.

    Attributes:
        count: How many there were; without any, all are zero.
    """

    count: int = 0
    p50: timedelta = timedelta()
    p90: timedelta = timedelta()
    p99: timedelta = timedelta()

    @classmethod
    def of(cls, durations: Iterable[timedelta]) -> Self:
        """Each is one of the durations (nearest rank), none is made up between two."""
        ordered = sorted(durations)
        if not ordered:
            return cls()
        ranks = (ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 90, 99))
        return cls(len(ordered), *ranks)


@dataclass(frozen=True)
class FailureGroup:
    """Tasks that ended badly for one reason.

    Attributes:
        newest_task_id: One of them to look at.
    """

    reason: TaskFailureReason
    tasks: int
    newest_task_id: str


@dataclass(frozen=True)
class TaskInLine:
    """An unfinished task.

    Attributes:
        waits: Whether it has still to be let in.
        pages_left: Pages of it that are neither done nor given up.
    """

    task_id: str
    waits: bool
    pages_left: int


@dataclass(frozen=True)
class TaskGroup:
    """Unfinished tasks that are alike.

    Attributes:
        device: Where they run or are to run; None where that is not known.
        priority: Their present one.
        engine: What reads them.
        tasks: How many.
    """

    status: TaskStatus
    device: DeviceId | None
    priority: int
    engine: str
    tasks: int


@dataclass(frozen=True)
class QueueSnapshot:
    """The queue at one moment.

    Attributes:
        active_tasks: Tasks that run, wait for a retry or are being cancelled.
        queued_tasks: Tasks that wait to be let in.
        waiting_pages: Pages of all those that are not done yet.
        average_wait: Mean time from queued to started, of the tasks started in the last hour.
        page_seconds: Mean time a worker spent on a page, of the pages finished in the last hour; None without any.
        oldest_wait: How long the task that waits longest has waited; zero where none waits.
        tasks: How many tasks there are in each status.
        oldest_by_priority: How long the longest waiting task of each priority has waited, the highest first.
        waits: From queued to started, of the tasks started in the last hour.
        runs: From started to finished, of the tasks finished in the last hour.
        failures: Tasks that failed or expired in the last day, by reason, the commonest first.
        line: Unfinished tasks that were let in, then those that wait, in the order they come; the first of them.
        groups: All unfinished tasks that were queued.
    """

    active_tasks: int
    queued_tasks: int
    waiting_pages: int
    average_wait: timedelta
    page_seconds: float | None
    oldest_wait: timedelta = timedelta()
    tasks: Mapping[TaskStatus, int] = field(default_factory=dict)
    oldest_by_priority: Mapping[int, timedelta] = field(default_factory=dict)
    waits: Spread = Spread()
    runs: Spread = Spread()
    failures: tuple[FailureGroup, ...] = ()
    line: tuple[TaskInLine, ...] = ()
    groups: tuple[TaskGroup, ...] = ()
