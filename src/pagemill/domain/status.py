"""How the service and a single task are doing, as people and machines are shown it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.memory import DeviceId, DeviceMemory
from pagemill.domain.tasks import TaskStatus


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
