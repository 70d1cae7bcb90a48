"""The JSON of tasks, pages, events, health and samples, defined only here.

Sizes are MiB where the name says so, durations seconds, times ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pagemill.domain.documents import DocumentKind, OcrMode
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB, DeviceMemory
from pagemill.domain.page.page import PageWarning
from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.task.events import Details, EventRecord, TaskEvent, TaskNotice
from pagemill.domain.task.task import CacheUse, PageState, Task, TaskOptions, TaskPage, TaskStatus
from pagemill.domain.text import without_paths
from pagemill.domain.work.recognition import Stage
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.wire_model import WireModel


class DocumentWire(WireModel):
    """The document of a task."""

    name: str
    """The name that its sender gave it."""
    size_bytes: int
    sha256: str
    kind: DocumentKind
    """Its format, determined from its bytes."""
    page_count: int
    """Number of its pages; a task may request fewer."""
    needs_password: bool
    """It opens only with a password. The service keeps the password at most until the task has ended."""


class OptionsWire(WireModel):
    """Options of a task, under the names of the request."""

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
    """Progress of a task."""

    pages_total: int
    """Requested pages."""
    pages_done: int
    """Pages read."""
    pages_failed: int
    """Failed pages."""


class FailureWire(WireModel):
    """Failure of a task or a page."""

    reason: TaskFailureReason
    message: str

    @classmethod
    def of(cls, reason: TaskFailureReason | None, message: str | None) -> Self | None:
        """None if nothing failed."""
        return cls(reason=reason, message=without_paths(message or "")) if reason else None


class LinksWire(WireModel):
    """Links of the task."""

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
    """One document and what becomes of it."""

    task_id: str
    status: TaskStatus
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    document: DocumentWire
    options: OptionsWire
    priority: int
    """Its present priority; going back to the queue lowers it."""
    progress: ProgressWire
    failure: FailureWire | None
    estimated_memory_mb: int | None
    """Expected peak before it ran."""
    actual_memory_mb: int | None
    """Highest peak of any worker on any of its pages so far."""
    assigned_device: str | None
    service_instance_id: str | None
    """The pooled service that last worked on it."""
    resource_cleanup_completed: bool
    """It has released everything, and Pagemill has verified that."""
    batch_id: str | None
    """The batch that it belongs to."""
    receipt: ReceiptWire | None
    """The receipt of a finished task, if the request is for one task; otherwise follow its link."""
    links: LinksWire

    @classmethod
    def of(cls, task: Task, *, root: str, receipt: ReceiptWire | None = None) -> Self:
        """The task as it is shown, with links below `root`, the path under which the service is mounted."""
        return cls.show(
            task,
            document=DocumentWire.show(
                task.document, kind=task.kind, page_count=task.page_count, needs_password=task.needs_password
            ),
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
    """URL of the next page with older tasks; also in the Link header."""


class PageWire(WireModel):
    """One page of a task."""

    number: int
    """1-based position in the document."""
    state: PageState
    stage: Stage
    """The next step: look for its text layer, or recognise its image."""
    attempts: int
    """How often its own work failed."""
    crashes: int
    """How often a worker died while it held this page."""
    failure: FailureWire | None
    seconds: float | None
    confidence: float | None
    finished_at: datetime | None
    warnings: tuple[PageWarning, ...] = ()
    """What users of its result should know, such as places that look like text but could not be read."""

    @classmethod
    def of(cls, page: TaskPage) -> Self:
        """The page as it is shown."""
        return cls.show(page, failure=FailureWire.of(page.failure_reason, page.failure_message))


class PageListWire(WireModel):
    """All pages of a task by number."""

    task_id: str
    pages: list[PageWire]


class EventWire(WireModel):
    """One event of a task."""

    sequence: int
    event_type: TaskEvent
    timestamp: datetime
    details: Details

    @classmethod
    def of(cls, event: EventRecord) -> Self:
        """The event as it is shown."""
        told = {name: without_paths(each) if isinstance(each, str) else each for name, each in event.details.items()}
        return cls.show(event, details=told)


class EventListWire(WireModel):
    """Events of a task, oldest first."""

    task_id: str
    events: list[EventWire]
    last_sequence: int
    """Ask again with `after` set to this."""

    @classmethod
    def of(cls, task_id: str, events: Sequence[EventRecord], *, after: int) -> Self:
        """The events after a sequence number."""
        last = events[-1].sequence if events else after
        return cls(task_id=task_id, events=[EventWire.of(event) for event in events], last_sequence=last)


class NoticeWire(WireModel):
    """Notice of new events of a task, with its progress."""

    task_id: str
    status: TaskStatus
    progress: ProgressWire

    @classmethod
    def of(cls, notice: TaskNotice) -> Self:
        """The notice as it is shown."""
        return cls.show(notice, progress=notice)


class HealthWire(WireModel):
    """Health of a task."""

    status: TaskStatus
    memory_usage_mb: int | None
    """Present memory of its workers; null while no worker works on it."""
    processing_time_s: float | None
    device: str | None
    warnings: list[str]


class SampleWire(WireModel):
    """Memory of a task's workers on one device at one moment."""

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
    """Memory in use, by all programs."""
    reserved_mb: int
    """Memory reserved for workers."""
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
    """Path of a task."""
    return f"{root}/tasks/{task_id}"


class ServiceWire(WireModel):
    """The name, version and links of this service."""

    service: str
    version: str
    links: dict[str, str]


class StateWire(WireModel):
    """State of the process."""

    status: Literal["alive", "ready"]


class ProblemKindWire(WireModel):
    """One kind of problem."""

    type: str
    title: str
    status: int
    code: str
