"""The JSON of the whole service at one moment. Sizes are MiB, durations seconds."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pagemill.domain.callers import Scope
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB
from pagemill.domain.reports.service_status import Forecast, ServiceStatus, WorkDone
from pagemill.domain.reports.snapshot import (
    EvictionRecord,
    ModelSetSnapshot,
    QueueSnapshot,
    Spread,
    UnloadCause,
)
from pagemill.domain.task.task import TaskStatus, rung_name
from pagemill.wire.node_wire import NodeWire
from pagemill.wire.task_wire import DeviceMemoryWire
from pagemill.wire.wire_model import WireModel


class ModelSetWire(WireModel):
    """One loaded model set: a process."""

    worker_id: str
    model_set: str
    """Engine, profile, languages and device."""
    device: str
    pid: int
    references: int
    """Present uses; only at zero may it be unloaded."""
    idle_s: float
    """Time since its last use."""
    memory_mb: int
    """Its host memory."""
    reserved_mb: int
    """Its reservation on its device."""
    service_instance_id: str | None
    """The service that uses it now."""
    unkillable: bool
    """Its process does not end although Pagemill killed it: it cannot work, and holds its memory until it ends."""

    @classmethod
    def of(cls, models: ModelSetSnapshot) -> Self:
        """The model set as it is shown."""
        return cls.show(
            models,
            model_set=str(models.key),
            device=models.key.device,
            idle_s=models.idle_for.total_seconds(),
            memory_mb=models.rss_bytes // MIB,
            reserved_mb=models.reserved.on(models.key.device) // MIB,
        )


class LaneWire(WireModel):
    """Places for services of one kind."""

    name: str
    device: str
    capacity: int
    in_use: int


class EvictionWire(WireModel):
    """One unload of model sets."""

    at: datetime
    cause: UnloadCause
    """idle: unused for the idle timeout; spent: its process had grown or became unusable; room: other models or a
    larger page needed its memory; pressure: the memory guard needed memory."""
    device: str
    model_sets: list[str]
    returned_mb: int
    """Memory that came back, as measured."""

    @classmethod
    def of(cls, record: EvictionRecord) -> Self:
        """The unload as it is shown."""
        return cls.show(record, model_sets=list(map(str, record.keys)), returned_mb=record.returned_bytes // MIB)


class SpreadWire(WireModel):
    """Percentiles of durations, in seconds."""

    count: int
    """Number of durations."""
    p50_s: float
    p90_s: float
    p99_s: float

    @classmethod
    def of(cls, spread: Spread) -> Self:
        """The spread as it is shown."""
        p50, p90, p99 = (each.total_seconds() for each in (spread.p50, spread.p90, spread.p99))
        return cls(count=spread.count, p50_s=p50, p90_s=p90, p99_s=p99)


class PriorityWaitWire(WireModel):
    """The longest wait among waiting tasks of one priority."""

    priority: int
    oldest_wait_s: float


class FailureGroupWire(WireModel):
    """Tasks that failed or expired for one reason."""

    reason: TaskFailureReason
    tasks: int
    newest_task_id: str | None
    """An example; null if it belongs to another caller."""


class ForecastWire(WireModel):
    """Forecast for an unfinished task."""

    task_id: str
    position: int
    """Its place among the waiting tasks, from 1; 0 once it has started."""
    pages_left: int
    left_s: float | None
    """Estimated remaining time; null if unknown."""

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """The forecast as it is shown."""
        left = forecast.time_left
        return cls.show(forecast, left_s=None if left is None else left.total_seconds())


class QueueWire(WireModel):
    """The queue."""

    active_tasks: int
    queued_tasks: int
    waiting_pages: int
    """Unfinished pages of both."""
    average_wait_s: float
    """From queued to started, of the tasks started in the last hour."""
    oldest_wait_s: float
    """How long the oldest waiting task has waited."""
    page_s: float | None
    """Mean time of a worker on a page in the last hour."""
    tasks: dict[TaskStatus, int]
    """Number of the caller's tasks in each status; for an admin, of all tasks."""
    oldest_by_priority: list[PriorityWaitWire]
    """The highest priority first."""
    waits: SpreadWire
    """From queued to started, of the tasks started in the last hour."""
    runs: SpreadWire
    """From started to finished, of the tasks finished in the last hour."""
    failures: list[FailureGroupWire]
    """Tasks that failed or expired in the last day, the most common reason first."""
    line: list[ForecastWire]
    """The first 200 unfinished tasks: running ones, then waiting ones in order. Only an admin sees those of others."""

    @classmethod
    def of(cls, queue: QueueSnapshot, forecasts: Iterable[Forecast]) -> Self:
        """The queue as it is shown."""
        return cls.show(
            queue,
            average_wait_s=queue.average_wait.total_seconds(),
            oldest_wait_s=queue.oldest_wait.total_seconds(),
            page_s=queue.page_seconds,
            oldest_by_priority=[
                PriorityWaitWire(priority=priority, oldest_wait_s=wait.total_seconds())
                for priority, wait in queue.oldest_by_priority.items()
            ],
            waits=SpreadWire.of(queue.waits),
            runs=SpreadWire.of(queue.runs),
            line=[ForecastWire.of(forecast) for forecast in forecasts],
        )


class DurationsWire(WireModel):
    """Histogram of page durations."""

    bounds: list[float]
    """Upper bounds of the classes; a last class without a bound follows."""
    counts: list[int]
    total_s: float


class WorkWire(WireModel):
    """Work since the start of the server; numbers only rise."""

    pages_read: dict[str, DurationsWire]
    """By stage: text layers read, images recognised."""
    pages_failed: int
    failed_for: dict[TaskFailureReason, int]
    """Failed pages, by reason."""
    pages_retried: int
    oom_recoveries: dict[str, int]
    """Out-of-memory failures, by the next rung."""
    worker_losses: dict[str, int]
    """Workers lost while they held a page, by cause."""
    tasks_stalled: int
    """Tasks that Pagemill ended because nothing happened in them; each is a fault in the service."""

    @classmethod
    def of(cls, work: WorkDone) -> Self:
        """The counts as they are shown."""
        rungs = {rung_name(rung): count for rung, count in work.oom_recoveries.items()}
        return cls.show(work, oom_recoveries=rungs)


class StatusWire(WireModel):
    """The whole service at one moment."""

    devices: dict[str, DeviceMemoryWire]
    server_mb: int
    """Memory of the server process itself."""
    model_sets: list[ModelSetWire]
    lanes: list[LaneWire]
    unloads: int
    """Model sets unloaded since the start of the server."""
    unloaded_mb: int
    """Memory that came back, as measured."""
    last_eviction: EvictionWire | None
    """The last unload, and its cause."""
    queue: QueueWire
    work: WorkWire
    nodes: list[NodeWire]
    """The servers that read pages, by name; one that ended stays for an hour."""

    @classmethod
    def of(cls, status: ServiceStatus) -> Self:
        """The picture as it is shown."""
        return cls(
            devices={device.device: DeviceMemoryWire.of(device) for device in status.devices},
            server_mb=status.server_bytes // MIB,
            model_sets=[ModelSetWire.of(models) for models in status.pool.model_sets],
            lanes=[LaneWire.show(lane) for lane in status.pool.lanes],
            unloads=status.pool.unloads,
            unloaded_mb=status.pool.unloaded_bytes // MIB,
            last_eviction=EvictionWire.of(evicted) if (evicted := status.pool.last_eviction) else None,
            queue=QueueWire.of(status.queue, status.forecasts),
            work=WorkWire.of(status.work),
            nodes=[NodeWire.of(node) for node in status.nodes],
        )


class FormatWire(WireModel):
    """A format of results."""

    name: str
    media_type: str
    extension: str


class SetupWire(WireModel):
    """Formats, engines and limits, which do not change while the server runs, and the caller who asks."""

    version: str
    formats: list[FormatWire]
    profiles: dict[str, list[str]]
    """Profiles of every available engine, the default first; `GET /engines` lists all engines."""
    max_upload_bytes: int
    guard_percent: dict[str, int]
    """Percentage of a device's limit at which each level of the memory guard begins."""
    idle_timeout_s: float
    """Pagemill unloads a model set that has been unused for this long."""
    caller: str = ""
    """The name of your key's caller; empty if the service needs no key."""
    scope: Scope = Scope.ADMIN
    """What your key allows."""
