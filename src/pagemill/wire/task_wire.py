"""What goes over the wire: the JSON forms of tasks, pages, events, health and metrics, made here and nowhere else.

Sizes are MiB where the name says so, durations seconds, times ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pagemill.domain.documents import DocumentKind, OcrMode
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB, DeviceMemory
from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.task.events import Details, EventRecord, TaskEvent, TaskNotice
from pagemill.domain.task.task import CacheUse, PageState, Task, TaskOptions, TaskPage, TaskStatus
from pagemill.domain.work.recognition import Stage
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.wire_model import WireModel


class DocumentWire(WireModel):
    """The document that was sent."""

    name: str
    """What its sender calls it."""
    size_bytes: int
    sha256: str
    kind: DocumentKind
    """Told by its bytes."""
    page_count: int
    """Pages it has; a task may ask for fewer."""


class OptionsWire(WireModel):
    """How it is to be read, under the names it is asked for by."""

    pages: str
    ocr: OcrMode
    engine: str
    profile: str
    languages: list[str]
    dpi: int
    rotation: int | None
    allow_lower_resolution: bool
    structure: bool
    device: str | None
    priority: int
    start: bool
    labels: dict[str, str]
    deadline_seconds: float | None
    time_to_live_seconds: float | None
    cache: CacheUse
    webhook_url: str | None

    @classmethod
    def of(cls, options: TaskOptions) -> Self:
        """The options, flat."""
        return cls(**options.model_dump(exclude={"recognition"}), **options.recognition.model_dump())


class ProgressWire(WireModel):
    """How far it is."""

    pages_total: int
    """Pages asked for."""
    pages_done: int
    """Of these, read."""
    pages_failed: int
    """Of these, given up."""


class FailureWire(WireModel):
    """Why it failed."""

    reason: TaskFailureReason
    message: str

    @classmethod
    def of(cls, reason: TaskFailureReason | None, message: str | None) -> Self | None:
        """None where nothing failed."""
        return cls(reason=reason, message=message or "") if reason else None


class LinksWire(WireModel):
    """Where to go from here."""

    self: str
    pages: str
    result: str
    events: str
    health: str
    receipt: str
    metrics: str
    start: str
    retry: str
    cancel: str

    @classmethod
    def of(cls, task_id: str, *, root: str) -> Self:
        """Paths of everything that belongs to the task."""
        task = task_path(task_id, root=root)
        parts = ("pages", "result", "events", "health", "receipt", "metrics", "start", "retry", "cancel")
        return cls.model_validate({"self": task, **{part: f"{task}/{part}" for part in parts}})


class TaskWire(WireModel):
    """One document and its fate."""

    task_id: str
    status: TaskStatus
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    document: DocumentWire
    options: OptionsWire
    priority: int
    """Its present one; a requeued task sinks."""
    progress: ProgressWire
    failure: FailureWire | None
    estimated_memory_mb: int | None
    """Peak expected before it ran."""
    actual_memory_mb: int | None
    """Highest peak of any worker on any of its pages so far."""
    assigned_device: str | None
    service_instance_id: str | None
    """The pooled service that last worked on it."""
    resource_cleanup_completed: bool
    """All it held was released, and that was checked."""
    batch_id: str | None
    """The documents it was sent together with."""
    receipt: ReceiptWire | None
    """What it took, of a task that is over and was asked for alone; of others, see its link."""
    links: LinksWire

    @classmethod
    def of(cls, task: Task, *, root: str, receipt: ReceiptWire | None = None) -> Self:
        """The task as it is shown, with links below `root`, the path under which the service is mounted."""
        return cls.show(
            task,
            document=DocumentWire.show(task.document, kind=task.kind, page_count=task.page_count),
            options=OptionsWire.of(task.options),
            progress=task,
            failure=FailureWire.of(task.failure_reason, task.failure_message),
            receipt=receipt,
            links=LinksWire.of(task.task_id, root=root),
        )


class TaskListWire(WireModel):
    """Tasks, newest first."""

    tasks: list[TaskWire]
    next: str | None
    """Where the older ones are; also in the Link header."""


class PageWire(WireModel):
    """One page of a task."""

    number: int
    """1-based position in the document."""
    state: PageState
    stage: Stage
    """What is done for it: its text layer is looked for, or its image recognised."""
    attempts: int
    """Times its own work failed."""
    crashes: int
    """Times a worker died while it held this page."""
    failure: FailureWire | None
    seconds: float | None
    confidence: float | None
    finished_at: datetime | None

    @classmethod
    def of(cls, page: TaskPage) -> Self:
        """The page as it is shown."""
        return cls.show(page, failure=FailureWire.of(page.failure_reason, page.failure_message))


class PageListWire(WireModel):
    """All pages of a task by number."""

    task_id: str
    pages: list[PageWire]


class EventWire(WireModel):
    """One thing that happened to a task."""

    sequence: int
    event_type: TaskEvent
    timestamp: datetime
    details: Details


class EventListWire(WireModel):
    """What happened to a task, oldest first."""

    task_id: str
    events: list[EventWire]
    last_sequence: int
    """Ask again with `after` set to this."""

    @classmethod
    def of(cls, task_id: str, events: Sequence[EventRecord], *, after: int) -> Self:
        """The events after a sequence number."""
        last = events[-1].sequence if events else after
        return cls(task_id=task_id, events=[EventWire.show(event) for event in events], last_sequence=last)


class NoticeWire(WireModel):
    """That something happened to a task, and how far it is."""

    task_id: str
    status: TaskStatus
    progress: ProgressWire

    @classmethod
    def of(cls, notice: TaskNotice) -> Self:
        """The notice as it is shown."""
        return cls.show(notice, progress=notice)


class HealthWire(WireModel):
    """How a task is doing."""

    status: TaskStatus
    memory_usage_mb: int | None
    """What its workers hold now; null while none works on it."""
    processing_time_s: float | None
    device: str | None
    warnings: list[str]


class SampleWire(WireModel):
    """What a task's workers held on one device at one moment."""

    sequence: int
    timestamp: datetime
    memory_usage_mb: int
    device: str
    processing_stage: str


class SampleListWire(WireModel):
    """Memory of a task's workers over time, oldest first."""

    task_id: str
    samples: list[SampleWire]
    last_sequence: int
    """Ask again with `after` set to this."""

    @classmethod
    def of(cls, task_id: str, samples: Sequence[TaskSample], *, after: int) -> Self:
        """The samples after a sequence number."""
        shown = [SampleWire.show(sample) for sample in samples]
        return cls(task_id=task_id, samples=shown, last_sequence=shown[-1].sequence if shown else after)


class DeviceMemoryWire(WireModel):
    """One device's memory."""

    limit_mb: int
    used_mb: int
    """In use by anybody."""
    reserved_mb: int
    """Promised to our workers."""
    level: str
    """normal, soft, hard or emergency."""

    @classmethod
    def of(cls, memory: DeviceMemory) -> Self:
        """The device as it is shown."""
        return cls(
            limit_mb=memory.limit_bytes // MIB,
            used_mb=memory.used_bytes // MIB,
            reserved_mb=memory.reserved_bytes // MIB,
            level=memory.level.name.lower(),
        )


def task_path(task_id: str, *, root: str) -> str:
    """Where a task is found."""
    return f"{root}/tasks/{task_id}"


class ServiceWire(WireModel):
    """What answers here."""

    service: str
    version: str
    links: dict[str, str]


class StateWire(WireModel):
    """How the process is."""

    status: Literal["alive", "ready"]


class ProblemKindWire(WireModel):
    """One kind of problem."""

    type: str
    title: str
    status: int
    code: str
