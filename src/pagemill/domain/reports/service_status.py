"""How the service and a single task are doing, as people and machines are shown it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId, DeviceMemory, Drift
from pagemill.domain.reports.snapshot import PoolSnapshot, QueueSnapshot, TaskGroup
from pagemill.domain.task.task import Rung, TaskStatus
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import READER, ModelSetKey, Stage


@dataclass(frozen=True)
class Durations:
    """How long things took, counted in classes.

    Attributes:
        bounds: Upper ends of the classes in seconds, ascending; a last class without end follows them.
        counts: How many fell into each class; one more than there are bounds.
        total_s: All of them together.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total_s: float


@dataclass(frozen=True)
class WorkDone:
    """What this server process has seen done since it was started; every number only ever rises.

    Attributes:
        pages_read: Time the workers spent on the pages they read, by what was done for them.
        pages_retried: Times a page was queued again after its work failed.
        oom_recoveries: Failures for want of memory, by the rung taken next; None: given up.
        worker_losses: Workers lost while they held a page, by cause.
        failed_for: Pages given up, by reason.
        tasks_stalled: Tasks in which nothing happened any more, and which were ended for that: each is a fault of ours.
    """

    pages_read: Mapping[Stage, Durations]
    pages_retried: int = 0
    oom_recoveries: Mapping[Rung | None, int] = field(default_factory=dict)
    worker_losses: Mapping[LossCause, int] = field(default_factory=dict)
    failed_for: Mapping[TaskFailureReason, int] = field(default_factory=dict)
    tasks_stalled: int = 0

    @property
    def pages_failed(self) -> int:
        """Pages given up."""
        return sum(self.failed_for.values())


@dataclass(frozen=True)
class Forecast:
    """What an unfinished task can expect.

    Attributes:
        position: Its place among the tasks that wait, from 1; 0 once it was let in.
        pages_left: Pages of it that are neither done nor given up.
        time_left: About how long it has still to go; None where nothing can be said.
    """

    task_id: str
    position: int
    pages_left: int
    time_left: timedelta | None


@dataclass(frozen=True)
class ServiceStatus:
    """The whole service at one moment; metrics, dashboard and Prometheus all show this one picture.

    Attributes:
        devices: Every device with its limit, use, promises and level.
        server_bytes: What the server process itself holds, workers not counted.
        forecasts: Unfinished tasks, those let in before those that wait; the first of them.
        drifts: How well the memory of pages was foretold lately; model sets that read none are left out.
    """

    queue: QueueSnapshot
    pool: PoolSnapshot
    devices: tuple[DeviceMemory, ...]
    work: WorkDone
    server_bytes: int
    forecasts: tuple[Forecast, ...] = ()
    drifts: Mapping[ModelSetKey, Drift] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskCounts:
    """How many tasks there are, in all and by what they are told apart by.

    Attributes:
        by_device: Where they run or are to run.
        by_priority: Their present one, the highest first.
        by_engine: What reads them.
    """

    total: int
    by_status: Mapping[TaskStatus, int]
    by_device: Mapping[DeviceId, int]
    by_priority: Mapping[int, int]
    by_engine: Mapping[str, int]

    @classmethod
    def of(cls, groups: Iterable[TaskGroup], statuses: Collection[TaskStatus]) -> Self:
        """Of the tasks in these statuses; each of them is named, though no task is in it."""
        counted = [group for group in groups if group.status in statuses]
        by_status = Counter(dict.fromkeys(statuses, 0))
        by_device, by_priority, by_engine = Counter[DeviceId](), Counter[int](), Counter[str]()
        for group in counted:
            by_status[group.status] += group.tasks
            by_priority[group.priority] += group.tasks
            by_engine[group.engine] += group.tasks
            if group.device is not None:
                by_device[group.device] += group.tasks
        total = sum(group.tasks for group in counted)
        return cls(total, by_status, by_device, dict(sorted(by_priority.items(), reverse=True)), by_engine)


@dataclass(frozen=True)
class Places:
    """Services of one kind.

    Attributes:
        capacity: How many there may be.
        in_use: How many work.
    """

    capacity: int
    in_use: int

    @property
    def utilization(self) -> float:
        """Share of them that work, 0 … 1."""
        return self.in_use / self.capacity if self.capacity else 0.0


@dataclass(frozen=True)
class PoolUtilization:
    """How much of the pool is in use.

    Attributes:
        total: All services, those of the readers included.
        by_device: Those that recognise.
        readers: Those that take text layers and inspect documents.
        by_engine: Resident model sets of each engine, and how many of them work.
    """

    total: Places
    by_device: Mapping[str, Places]
    readers: Places
    by_engine: Mapping[str, Places]

    @classmethod
    def of(cls, pool: PoolSnapshot) -> Self:
        """Of the pool at one moment."""
        lanes = {lane.name: Places(lane.capacity, lane.in_use) for lane in pool.lanes}
        readers = lanes.pop(READER, Places(0, 0))
        resident = Counter(models.key.engine for models in pool.model_sets)
        working = Counter(models.key.engine for models in pool.model_sets if models.references)
        total = Places(sum(lane.capacity for lane in pool.lanes), sum(lane.in_use for lane in pool.lanes))
        return cls(total, lanes, readers, {engine: Places(n, working[engine]) for engine, n in resident.items()})


ACTIVE = (TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.CANCELLING)
"""Tasks whose pages are worked on, wait for their next try, or are being cancelled."""


@dataclass(frozen=True)
class TaskMetrics:
    """The answer to `GET /tasks/metrics`.

    Attributes:
        active_tasks: Tasks that were let in (`ACTIVE`).
        queued_tasks: Tasks that wait.
        memory_by_device: Limit, use, promises and level of every device.
        pool_utilization: Services in use of those there may be.
        average_wait_time: Mean time from queued to started of the tasks started lately; zero where there were none.
    """

    active_tasks: TaskCounts
    queued_tasks: TaskCounts
    memory_by_device: Mapping[DeviceId, DeviceMemory]
    pool_utilization: PoolUtilization
    average_wait_time: timedelta

    @classmethod
    def of(cls, status: ServiceStatus) -> Self:
        """What the specification asks for, of the whole picture."""
        return cls(
            active_tasks=TaskCounts.of(status.queue.groups, ACTIVE),
            queued_tasks=TaskCounts.of(status.queue.groups, (TaskStatus.QUEUED,)),
            memory_by_device={device.device: device for device in status.devices},
            pool_utilization=PoolUtilization.of(status.pool),
            average_wait_time=status.queue.average_wait,
        )


@dataclass(frozen=True)
class TaskSample:
    """What a task's workers held on one device at one moment.

    Attributes:
        memory_usage_mb: Resident size, MiB.
        processing_stage: What they did for it.
        sequence: Rises with every sample; 0 before it was written.
    """

    task_id: str
    timestamp: datetime
    memory_usage_mb: int
    device: str
    processing_stage: str
    sequence: int = 0


@dataclass(frozen=True)
class TaskHealth:
    """The answer to `GET /tasks/{task_id}/health`.

    Attributes:
        memory_usage_mb: What its workers hold now, MiB; None while none works on it.
        processing_time_s: Since it was started, up to now or to its end; None before.
        device: Where it runs, ran or is to run.
        warnings: One sentence each: over estimate, slow, retried, near a limit.
    """

    status: TaskStatus
    memory_usage_mb: int | None
    processing_time_s: float | None
    device: DeviceId | None
    warnings: tuple[str, ...] = ()
