"""How the service and a single task are doing, as people and machines are shown it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId, DeviceMemory, Drift
from pagemill.domain.outcomes import LossCause
from pagemill.domain.recognition import ModelSetKey, Stage
from pagemill.domain.snapshot import PoolSnapshot, QueueSnapshot
from pagemill.domain.tasks import Rung, TaskStatus


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
class TaskMetrics:
    """The answer to `GET /tasks/metrics`.

    Attributes:
        active_tasks: Tasks whose pages are being worked on (`running`, `retrying`, `cancelling`).
        queued_tasks: Tasks that wait.
        memory_by_device: Limit, use, promises and level of every device.
        pool_utilization: Services in use over services there may be, 0 … 1.
        average_wait_time: Mean time from queued to started of the tasks started lately; zero where there were none.
    """

    active_tasks: int
    queued_tasks: int
    memory_by_device: Mapping[DeviceId, DeviceMemory]
    pool_utilization: float
    average_wait_time: timedelta

    @classmethod
    def of(cls, status: ServiceStatus) -> Self:
        """What the specification asks for, of the whole picture."""
        return cls(
            active_tasks=status.queue.active_tasks,
            queued_tasks=status.queue.queued_tasks,
            memory_by_device={device.device: device for device in status.devices},
            pool_utilization=status.pool.utilization,
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
