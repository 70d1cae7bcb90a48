"""Frozen snapshots of the running parts, for metrics, the dashboard and the guard."""

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
        worker_id: Pagemill's id of its process.
        pid: The system's id of its process.
        references: Present uses; only at zero may it be unloaded.
        idle_for: Time since its last use; zero while in use.
        rss_bytes: Present resident size.
        reserved: Its reservation in the ledger.
        service_instance_id: The service that uses it now; None while idle.
        unkillable: Its process does not end although Pagemill killed it; it holds its memory until it ends.
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
    """Places for services of one kind: those of a device, or those of the readers."""

    name: str
    device: DeviceId
    capacity: int
    in_use: int


class UnloadCause(StrEnum):
    """Why a model set was unloaded."""

    IDLE = "idle"
    """Unused for the idle timeout."""
    SPENT = "spent"
    """Its process had grown, or became unusable."""
    ROOM = "room"
    """Other models or a larger page needed its memory."""
    PRESSURE = "pressure"
    """The memory guard needed memory."""


@dataclass(frozen=True)
class EvictionRecord:
    """The memory that one unload returned, as measured.

    Attributes:
        at: When all processes had ended.
        keys: The unloaded model sets.
        rss_bytes: What their processes held just before.
        used_before_bytes: Use of the device before; None if nothing measures it.
        used_after_bytes: Use of the device once all processes had ended.
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
        """Bytes that came back; if nothing measures the device, what the dead processes held.

        Memory that other programs returned at the same moment does not count.
        """
        if self.used_before_bytes is None or self.used_after_bytes is None:
            return self.rss_bytes
        return min(self.rss_bytes, max(0, self.used_before_bytes - self.used_after_bytes))


@dataclass(frozen=True)
class PoolSnapshot:
    """The pool at one moment.

    Attributes:
        unloads: Model sets unloaded since the start of the server.
        unloaded_bytes: Memory that this returned, as measured.
        last_eviction: The last unload.
    """

    lanes: tuple[LaneSnapshot, ...]
    model_sets: tuple[ModelSetSnapshot, ...]
    unloads: int = 0
    unloaded_bytes: int = 0
    last_eviction: EvictionRecord | None = None

    @property
    def utilization(self) -> float:
        """Places in use divided by all places, 0 … 1."""
        capacity = sum(lane.capacity for lane in self.lanes)
        return sum(lane.in_use for lane in self.lanes) / capacity if capacity else 0.0


@dataclass(frozen=True)
class WatchedWorker:
    """A worker as the memory guard sees it.

    Attributes:
        reserved: Its reservation in the ledger.
        busy_since: Monotonic seconds at which its present chunk began; None while idle.
        task_id: The task of its present chunk.
        unkillable: It does not end although Pagemill killed it; killing it again returns nothing.
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
    """Percentiles of some durations: half, nine in ten and 99 in a hundred are at most this long.

    Attributes:
        count: How many durations; without any, all values are zero.
    """

    count: int = 0
    p50: timedelta = timedelta()
    p90: timedelta = timedelta()
    p99: timedelta = timedelta()

    @classmethod
    def of(cls, durations: Iterable[timedelta]) -> Self:
        """Compute the percentiles; each is one of the durations (nearest rank)."""
        ordered = sorted(durations)
        if not ordered:
            return cls()
        ranks = (ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 90, 99))
        return cls(len(ordered), *ranks)


@dataclass(frozen=True)
class FailureGroup:
    """Tasks that failed or expired for one reason.

    Attributes:
        newest_task_id: The newest of them, as an example; None if the reader may not see it.
        newest_caller: Its caller.
    """

    reason: TaskFailureReason
    tasks: int
    newest_task_id: str | None
    newest_caller: str = ""


@dataclass(frozen=True)
class TaskInLine:
    """An unfinished task.

    Attributes:
        waits: Whether it has not started yet.
        pages_left: Its pages that are neither done nor failed.
    """

    task_id: str
    waits: bool
    pages_left: int
    caller: str = ""


@dataclass(frozen=True)
class TaskGroup:
    """Unfinished tasks with equal device, priority and engine.

    Attributes:
        device: Where they run or will run; None if that is unknown.
        priority: Their present priority.
        engine: The engine that reads them.
        tasks: Their number.
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
        queued_tasks: Tasks that wait to start.
        waiting_pages: Unfinished pages of all these tasks.
        average_wait: Mean time from queued to started, of the tasks started in the last hour.
        page_seconds: Mean time of a worker on a page, of the pages finished in the last hour; None without any.
        oldest_wait: How long the oldest waiting task has waited; zero if none waits.
        tasks: The number of tasks in each status.
        oldest_by_priority: How long the oldest waiting task of each priority has waited, the highest priority first.
        waits: Times from queued to started, of the tasks started in the last hour.
        runs: Times from started to finished, of the tasks finished in the last hour.
        failures: Tasks that failed or expired in the last day, by reason, the most common first.
        line: The first unfinished tasks: running ones, then waiting ones in their order.
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
