"""The whole service at one moment, as it goes over the wire. Sizes are MiB, durations seconds."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

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
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.task_wire import DeviceMemoryWire
from pagemill.wire.wire_model import WireModel


class ModelSetWire(WireModel):
    """One resident model set: a process."""

    worker_id: str
    model_set: str
    """Engine, profile, languages and device."""
    device: str
    pid: int
    references: int
    """Uses at this moment; it is unloaded only at zero."""
    idle_s: float
    """Since its last use."""
    memory_mb: int
    """Host memory it holds."""
    reserved_mb: int
    """Promised to it on its device."""
    service_instance_id: str | None
    """The service that uses it now."""
    unkillable: bool
    """Its process was killed and does not end: it can do no work, and holds its memory until it ends."""

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
    """One unloading of model sets."""

    at: datetime
    cause: UnloadCause
    """idle: unused for the idle timeout; spent: grown or broken; room: its memory was wanted for other models or for a
    larger page; pressure: the memory guard asked for memory."""
    device: str
    model_sets: list[str]
    returned_mb: int
    """What that gave back, measured."""

    @classmethod
    def of(cls, record: EvictionRecord) -> Self:
        """The unloading as it is shown."""
        return cls.show(record, model_sets=list(map(str, record.keys)), returned_mb=record.returned_bytes // MIB)


class SpreadWire(WireModel):
    """How durations are spread, in seconds: so many per cent of them are no longer than these."""

    count: int
    """How many there were."""
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
    newest_task_id: str


class ForecastWire(WireModel):
    """What an unfinished task can expect."""

    task_id: str
    position: int
    """Its place among the tasks that wait, from 1; 0 once it was let in."""
    pages_left: int
    left_s: float | None
    """About how long it has still to go; null where nothing can be said."""

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
    """Pages of both that are not done yet."""
    average_wait_s: float
    """From queued to started, of the tasks started in the last hour."""
    oldest_wait_s: float
    """Of the task that waits longest."""
    page_s: float | None
    """Mean time a worker spent on a page in the last hour."""
    tasks: dict[TaskStatus, int]
    """How many there are in each status."""
    oldest_by_priority: list[PriorityWaitWire]
    """The highest priority first."""
    waits: SpreadWire
    """From queued to started, of the tasks started in the last hour."""
    runs: SpreadWire
    """From started to finished, of the tasks finished in the last hour."""
    failures: list[FailureGroupWire]
    """Tasks that failed or expired in the last day, the commonest reason first."""
    line: list[ForecastWire]
    """Unfinished tasks that were let in, then those that wait, in the order they come; the first 200 of them."""

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
    """How long pages took, counted in classes."""

    bounds: list[float]
    """Upper ends of the classes; a last one without end follows."""
    counts: list[int]
    total_s: float


class WorkWire(WireModel):
    """What was done since the server was started; numbers only rise."""

    pages_read: dict[str, DurationsWire]
    """By stage: text layers taken, images recognised."""
    pages_failed: int
    failed_for: dict[TaskFailureReason, int]
    """Of the pages that failed, how many for each reason."""
    pages_retried: int
    oom_recoveries: dict[str, int]
    """Failures for want of memory, by what was tried next."""
    worker_losses: dict[str, int]
    """Workers lost while they held a page, by cause."""
    tasks_stalled: int
    """Tasks in which nothing happened any more, and which were ended for that: each is a fault of the service."""

    @classmethod
    def of(cls, work: WorkDone) -> Self:
        """The counts as they are shown."""
        rungs = {"gave_up" if rung is None else rung.name.lower(): count for rung, count in work.oom_recoveries.items()}
        return cls.show(work, oom_recoveries=rungs)


class StatusWire(WireModel):
    """The whole service at one moment."""

    devices: dict[str, DeviceMemoryWire]
    server_mb: int
    """Held by the server process itself."""
    model_sets: list[ModelSetWire]
    lanes: list[LaneWire]
    unloads: int
    """Model sets unloaded since the server was started."""
    unloaded_mb: int
    """What that gave back, measured."""
    last_eviction: EvictionWire | None
    """The last of these unloadings, and why."""
    queue: QueueWire
    work: WorkWire

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
        )


class FormatWire(WireModel):
    """A form in which results can be had."""

    name: str
    media_type: str
    extension: str


class SetupWire(WireModel):
    """What does not change while the server runs, for those who show the rest."""

    version: str
    formats: list[FormatWire]
    profiles: dict[str, list[str]]
    """Of every engine that can be used, the default first; `GET /engines` tells of all."""
    max_upload_bytes: int
    guard_percent: dict[str, int]
    """Per cent of a device's limit at which each level of the memory guard is entered."""
    idle_timeout_s: float
    """A model set unused for so long is unloaded."""
