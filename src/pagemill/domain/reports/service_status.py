"""The state of the service and of single tasks, for users and programs."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId, DeviceMemory, Drift
from pagemill.domain.reports.snapshot import PoolSnapshot, QueueSnapshot, TaskGroup
from pagemill.domain.task.task import Rung, TaskStatus
from pagemill.domain.work.nodes import NodeStatus
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import READER, ModelSetKey, Stage


@dataclass(frozen=True)
class Durations:
    """A histogram of durations.

    Attributes:
        bounds: Upper bounds of the classes in seconds, ascending; a last class without a bound follows.
        counts: The count of each class; one more than `bounds`.
        total_s: The sum of all durations.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total_s: float


@dataclass(frozen=True)
class WorkDone:
    """The work of this server process since its start; every number only rises.

    Attributes:
        pages_read: Time that workers spent on the pages they read, by stage.
        pages_retried: How often a page was queued again after a failure.
        oom_recoveries: Out-of-memory failures, by the next rung; None: the page failed.
        worker_losses: Workers lost while they held a page, by cause.
        failed_for: Failed pages, by reason.
        tasks_stalled: Tasks that the watchdog ended because nothing happened in them; each is a fault in Pagemill.
    """

    pages_read: Mapping[Stage, Durations]
    pages_retried: int = 0
    oom_recoveries: Mapping[Rung | None, int] = field(default_factory=dict)
    worker_losses: Mapping[LossCause, int] = field(default_factory=dict)
    failed_for: Mapping[TaskFailureReason, int] = field(default_factory=dict)
    tasks_stalled: int = 0

    @property
    def pages_failed(self) -> int:
        """The number of failed pages."""
        return sum(self.failed_for.values())


@dataclass(frozen=True)
class Forecast:
    """The forecast for an unfinished task.

    Attributes:
        position: Its place among the waiting tasks, from 1; 0 once it has started.
        pages_left: Its pages that are neither done nor failed.
        time_left: Estimated remaining time; None if unknown.
    """

    task_id: str
    position: int
    pages_left: int
    time_left: timedelta | None
    caller: str = ""


@dataclass(frozen=True)
class ServiceStatus:
    """The whole service at one moment; metrics, dashboard and Prometheus all show this snapshot.

    Attributes:
        devices: Every device with its limit, use, reservations and level.
        server_bytes: Memory of the server process itself, without its workers.
        forecasts: The first unfinished tasks, running ones before waiting ones.
        drifts: How well estimates of pages held lately, for model sets that read pages.
        nodes: The servers that read pages, also those that ended lately.
    """

    queue: QueueSnapshot
    pool: PoolSnapshot
    devices: tuple[DeviceMemory, ...]
    work: WorkDone
    server_bytes: int
    forecasts: tuple[Forecast, ...] = ()
    drifts: Mapping[ModelSetKey, Drift] = field(default_factory=dict)
    nodes: tuple[NodeStatus, ...] = ()

    def seen_by(self, caller: str, *, tasks: Mapping[TaskStatus, int]) -> Self:
        """The status without details of other callers' tasks; `tasks` is the number of the caller's own by status."""
        mine = tuple(forecast for forecast in self.forecasts if forecast.caller == caller)
        failures = tuple(
            group if group.newest_caller == caller else replace(group, newest_task_id=None)
            for group in self.queue.failures
        )
        return replace(self, forecasts=mine, queue=replace(self.queue, failures=failures, tasks=tasks))


@dataclass(frozen=True)
class TaskCounts:
    """Number of tasks: in total, and by status, device, priority and engine.

    Attributes:
        by_device: By the device where they run or will run.
        by_priority: By their present priority, the highest first.
        by_engine: By the engine that reads them.
    """

    total: int
    by_status: Mapping[TaskStatus, int]
    by_device: Mapping[DeviceId, int]
    by_priority: Mapping[int, int]
    by_engine: Mapping[str, int]

    @classmethod
    def of(cls, groups: Iterable[TaskGroup], statuses: Collection[TaskStatus]) -> Self:
        """Count the tasks in these statuses; a status without tasks counts 0."""
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
        capacity: Their limit.
        in_use: How many are in use.
    """

    capacity: int
    in_use: int

    @property
    def utilization(self) -> float:
        """Share of them in use, 0 … 1."""
        return self.in_use / self.capacity if self.capacity else 0.0


@dataclass(frozen=True)
class PoolUtilization:
    """The use of the pool.

    Attributes:
        total: All services, including readers.
        by_device: Services that recognise, by device.
        readers: Services that read text layers and inspect documents.
        by_engine: Loaded model sets of each engine, and how many are in use.
    """

    total: Places
    by_device: Mapping[str, Places]
    readers: Places
    by_engine: Mapping[str, Places]

    @classmethod
    def of(cls, pool: PoolSnapshot) -> Self:
        """The use of the pool in this snapshot."""
        lanes = {lane.name: Places(lane.capacity, lane.in_use) for lane in pool.lanes}
        readers = lanes.pop(READER, Places(0, 0))
        resident = Counter(models.key.engine for models in pool.model_sets)
        working = Counter(models.key.engine for models in pool.model_sets if models.references)
        total = Places(sum(lane.capacity for lane in pool.lanes), sum(lane.in_use for lane in pool.lanes))
        return cls(total, lanes, readers, {engine: Places(n, working[engine]) for engine, n in resident.items()})


ACTIVE = (TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.CANCELLING)
"""Statuses of tasks that have started and not ended."""


@dataclass(frozen=True)
class TaskMetrics:
    """The answer to `GET /tasks/metrics`.

    Attributes:
        active_tasks: Tasks that have started and not ended (`ACTIVE`).
        queued_tasks: Waiting tasks.
        memory_by_device: Limit, use, reservations and level of every device.
        pool_utilization: Services in use, and their limits.
        average_wait_time: Mean time from queued to started of recently started tasks; zero if there are none.
        nodes: The servers that read pages, also those that ended lately.
    """

    active_tasks: TaskCounts
    queued_tasks: TaskCounts
    memory_by_device: Mapping[DeviceId, DeviceMemory]
    pool_utilization: PoolUtilization
    average_wait_time: timedelta
    nodes: tuple[NodeStatus, ...] = ()

    @classmethod
    def of(cls, status: ServiceStatus) -> Self:
        """The metrics of this status."""
        return cls(
            active_tasks=TaskCounts.of(status.queue.groups, ACTIVE),
            queued_tasks=TaskCounts.of(status.queue.groups, (TaskStatus.QUEUED,)),
            memory_by_device={device.device: device for device in status.devices},
            pool_utilization=PoolUtilization.of(status.pool),
            average_wait_time=status.queue.average_wait,
            nodes=status.nodes,
        )


@dataclass(frozen=True)
class TaskSample:
    """The memory of a task's workers on one device at one moment.

    Attributes:
        memory_usage_mb: Resident size, MiB.
        processing_stage: What the workers did.
        sequence: Rises with every sample; 0 before it is stored.
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
        memory_usage_mb: Present memory of its workers, MiB; None while no worker works on it.
        processing_time_s: From its start until now or its end; None before its start.
        device: Where it runs, ran or will run.
        warnings: One sentence each: over estimate, slow, retried, near a limit; and those of its pages.
    """

    status: TaskStatus
    memory_usage_mb: int | None
    processing_time_s: float | None
    device: DeviceId | None
    warnings: tuple[str, ...] = ()
