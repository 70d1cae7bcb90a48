"""Frozen pictures of the running parts, for metrics, the dashboard and the guard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.recognition import ModelSetKey
from pagemill.domain.tasks import TaskStatus


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
    """

    worker_id: str
    key: ModelSetKey
    pid: int
    references: int
    idle_for: timedelta
    rss_bytes: int
    reserved: MemoryNeed
    service_instance_id: str | None = None


@dataclass(frozen=True)
class LaneSnapshot:
    """Places for services of one kind: a device's, or the readers'."""

    name: str
    device: DeviceId
    capacity: int
    in_use: int


@dataclass(frozen=True)
class PoolSnapshot:
    """The pool at one moment.

    Attributes:
        unloads: Model sets unloaded since the server was started.
        unloaded_bytes: What that gave back, measured.
    """

    lanes: tuple[LaneSnapshot, ...]
    model_sets: tuple[ModelSetSnapshot, ...]
    unloads: int = 0
    unloaded_bytes: int = 0

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
        busy_since: Monotonic seconds at which its present batch began; None while idle.
        task_id: The task of its present batch.
    """

    worker_id: str
    pid: int
    key: ModelSetKey
    reserved: MemoryNeed
    busy_since: float | None
    task_id: str | None


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
    """

    active_tasks: int
    queued_tasks: int
    waiting_pages: int
    average_wait: timedelta
    page_seconds: float | None
    oldest_wait: timedelta = timedelta()
    tasks: Mapping[TaskStatus, int] = field(default_factory=dict)
