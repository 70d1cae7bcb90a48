"""The whole service at one moment, as it goes over the wire. Sizes are MiB, durations seconds."""

from typing import Self

from pagemill.domain.memory import CPU, MIB
from pagemill.domain.snapshot import LaneSnapshot, ModelSetSnapshot, QueueSnapshot
from pagemill.domain.status import Durations, ServiceStatus, WorkDone
from pagemill.domain.tasks import TaskStatus
from pagemill.web.wire import DeviceMemoryWire
from pagemill.web.wire_model import WireModel


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

    @classmethod
    def of(cls, models: ModelSetSnapshot) -> Self:
        """The model set as it is shown."""
        device = models.key.device
        reserved = models.reserved.ram_bytes if device == CPU else models.reserved.gpu_bytes
        return cls(
            worker_id=models.worker_id,
            model_set=str(models.key),
            device=device,
            pid=models.pid,
            references=models.references,
            idle_s=models.idle_for.total_seconds(),
            memory_mb=models.rss_bytes // MIB,
            reserved_mb=reserved // MIB,
            service_instance_id=models.service_instance_id,
        )


class LaneWire(WireModel):
    """Places for services of one kind."""

    name: str
    device: str
    capacity: int
    in_use: int

    @classmethod
    def of(cls, lane: LaneSnapshot) -> Self:
        """The lane as it is shown."""
        return cls.model_validate(lane, from_attributes=True)


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

    @classmethod
    def of(cls, queue: QueueSnapshot) -> Self:
        """The queue as it is shown."""
        return cls(
            active_tasks=queue.active_tasks,
            queued_tasks=queue.queued_tasks,
            waiting_pages=queue.waiting_pages,
            average_wait_s=queue.average_wait.total_seconds(),
            oldest_wait_s=queue.oldest_wait.total_seconds(),
            page_s=queue.page_seconds,
            tasks=dict(queue.tasks),
        )


class DurationsWire(WireModel):
    """How long pages took, counted in classes."""

    bounds: list[float]
    """Upper ends of the classes; a last one without end follows."""
    counts: list[int]
    total_s: float

    @classmethod
    def of(cls, durations: Durations) -> Self:
        """The classes as they are shown."""
        return cls(bounds=list(durations.bounds), counts=list(durations.counts), total_s=durations.total_s)


class WorkWire(WireModel):
    """What was done since the server was started; numbers only rise."""

    pages_read: dict[str, DurationsWire]
    """By stage: text layers taken, images recognised."""
    pages_failed: int
    pages_retried: int
    oom_recoveries: dict[str, int]
    """Failures for want of memory, by what was tried next."""
    worker_losses: dict[str, int]
    """Workers lost while they held a page, by cause."""

    @classmethod
    def of(cls, work: WorkDone) -> Self:
        """The counts as they are shown."""
        rungs = {"gave_up" if rung is None else rung.name.lower(): count for rung, count in work.oom_recoveries.items()}
        return cls(
            pages_read={stage.value: DurationsWire.of(durations) for stage, durations in work.pages_read.items()},
            pages_failed=work.pages_failed,
            pages_retried=work.pages_retried,
            oom_recoveries=rungs,
            worker_losses={cause.value: count for cause, count in work.worker_losses.items()},
        )


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
    queue: QueueWire
    work: WorkWire

    @classmethod
    def of(cls, status: ServiceStatus) -> Self:
        """The picture as it is shown."""
        return cls(
            devices={device.device: DeviceMemoryWire.of(device) for device in status.devices},
            server_mb=status.server_bytes // MIB,
            model_sets=[ModelSetWire.of(models) for models in status.pool.model_sets],
            lanes=[LaneWire.of(lane) for lane in status.pool.lanes],
            unloads=status.pool.unloads,
            unloaded_mb=status.pool.unloaded_bytes // MIB,
            queue=QueueWire.of(status.queue),
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
    """Of every engine, the default first."""
    max_upload_bytes: int
    guard_percent: dict[str, int]
    """Per cent of a device's limit at which each level of the memory guard is entered."""
    idle_timeout_s: float
    """A model set unused for so long is unloaded."""
