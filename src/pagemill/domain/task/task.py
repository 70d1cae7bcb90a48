"""Tasks, their pages, their states and what people ask for."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pagemill.domain.documents import DocumentInfo, DocumentKind
from pagemill.domain.errors import IllegalTransition, TaskFailureReason
from pagemill.domain.memory import DeviceId
from pagemill.domain.text import TextFromOutside
from pagemill.domain.text_fields import Name, Text
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import RecognitionOptions, Stage


class TaskStatus(StrEnum):
    """Where a task stands.

    `retrying` is a running task all of whose open pages wait for the time of their next try; it runs again as soon as
    one of them is leased.
    """

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen unless somebody asks for it."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset(
    {
        TaskStatus.SUCCEEDED,
        TaskStatus.PARTIALLY_SUCCEEDED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
        TaskStatus.EXPIRED,
    }
)

TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.CREATED: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED, TaskStatus.EXPIRED}),
    TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.EXPIRED, TaskStatus.FAILED}),
    TaskStatus.RUNNING: frozenset(
        {
            TaskStatus.QUEUED,
            TaskStatus.RETRYING,
            TaskStatus.CANCELLING,
            TaskStatus.SUCCEEDED,
            TaskStatus.PARTIALLY_SUCCEEDED,
            TaskStatus.FAILED,
            TaskStatus.CANCELLED,
            TaskStatus.EXPIRED,
        }
    ),
    TaskStatus.RETRYING: frozenset(
        {
            TaskStatus.QUEUED,
            TaskStatus.RUNNING,
            TaskStatus.CANCELLING,
            TaskStatus.CANCELLED,
            TaskStatus.FAILED,
            TaskStatus.EXPIRED,
        }
    ),
    TaskStatus.CANCELLING: frozenset({TaskStatus.CANCELLED}),
    TaskStatus.SUCCEEDED: frozenset(),
    TaskStatus.PARTIALLY_SUCCEEDED: frozenset({TaskStatus.QUEUED}),
    TaskStatus.FAILED: frozenset({TaskStatus.QUEUED}),
    TaskStatus.CANCELLED: frozenset({TaskStatus.QUEUED}),
    TaskStatus.EXPIRED: frozenset({TaskStatus.QUEUED}),
}
"""Every allowed change of status. A final task goes back to the queue only when its failed pages are retried."""


def check_transition(task_id: str, before: TaskStatus, after: TaskStatus) -> None:
    """Allow a change of status, or say why not.

    Raises:
        IllegalTransition: The table has no such step.
    """
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"Task {task_id} is {before}; it cannot become {after}.")


class PageState(StrEnum):
    """Where a page of a task stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the page needs no more work."""
        return self not in (PageState.QUEUED, PageState.LEASED)


class Rung(IntEnum):
    """How far a page has climbed the out-of-memory ladder; each rung keeps what the ones below it changed."""

    USUAL = 0
    SMALLER_BATCH = 1
    FRESH_PROCESS = 2
    ALONE = 3
    OTHER_DEVICE = 4
    LOWER_RESOLUTION = 5


class CacheUse(StrEnum):
    """What a task has to do with pages that were read before.

    `off` reads every page, and shares none. `use` takes pages that the same caller had read from the same content with
    the same options by a task that shares its own, and shares its own. `refresh` reads every page, and shares them.
    """

    OFF = "off"
    USE = "use"
    REFRESH = "refresh"


LONGEST_PAGE_RANGE = 16 * 1024
"""Characters: every second one of 5,000 pages can be named."""


class TaskStartRequest(BaseModel):
    """The body of `POST /tasks/{task_id}/start`."""

    model_config = ConfigDict(extra="forbid")

    device: Name | None = Field(
        default=None,
        description='"cpu" or "cuda:N". Default: the least loaded device that fits.',
    )


class TaskOptions(BaseModel):
    """What a caller may say about a task, beside the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pages: Annotated[Text, Field(max_length=LONGEST_PAGE_RANGE)] = Field(
        default="", description='Page range such as "1-3,7,-1"; empty for all.'
    )
    recognition: RecognitionOptions = RecognitionOptions()
    device: Name | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    start: bool = True
    labels: dict[Text, Text] = Field(default_factory=dict)
    cache: CacheUse = CacheUse.OFF
    webhook_url: Text | None = None
    deadline_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    time_to_live_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None


@dataclass(frozen=True)
class StoredDocument(TextFromOutside):
    """An upload on disk, complete and synced.

    Attributes:
        path: Where it lies; the task owns the file from now on.
        name: What its sender called it; shown to people, never trusted.
        size_bytes: Its size.
        sha256: Hex digest of its bytes.
    """

    taken_as_it_is: ClassVar[frozenset[str]] = frozenset({"path"})

    path: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class TaskCreateRequest(TextFromOutside):
    """Everything `TaskManager.create_task` needs: a stored document and what to do with it.

    Attributes:
        caller: Whom tasks are shared out between; empty where everybody may ask.
        idempotency_key: A request with a key the caller used before is answered with the task it made then.
    """

    document: StoredDocument
    options: TaskOptions = field(default_factory=TaskOptions)
    caller: str = ""
    idempotency_key: str | None = None

    @property
    def content(self) -> str:
        """Hash of what was asked: of the document's bytes and every option."""
        asked = f"{self.document.sha256}/{self.options.model_dump_json()}"
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """One document and its fate.

    Attributes:
        task_id: Sorts by time of creation.
        estimated_memory_mb: Peak expected before it ran, MiB.
        actual_memory_mb: Highest peak of any worker on any of its pages, MiB; None until one page ran.
        assigned_device: Where it is to run, or ran.
        service_instance_id: The pooled service that last worked on it.
        resource_cleanup_completed: Everything it held was released, and that was checked.
        pages_total: Pages asked for.
        pages_done: Of these, read.
        pages_failed: Of these, given up.
        caller: Who sent it; empty where everybody may ask.
        deadline_at: When it expires unless it is done; None for no deadline.
        batch_id: The documents it was sent together with; None where it was sent alone.
        page_pixels: Pixels of its largest page image, where that is known.
    """

    task_id: str
    status: TaskStatus
    document: StoredDocument
    kind: DocumentKind
    page_count: int
    options: TaskOptions
    priority: int
    created_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failure_reason: TaskFailureReason | None = None
    failure_message: str | None = None
    pages_total: int = 0
    pages_done: int = 0
    pages_failed: int = 0
    estimated_memory_mb: int | None = None
    actual_memory_mb: int | None = None
    assigned_device: DeviceId | None = None
    service_instance_id: str | None = None
    resource_cleanup_completed: bool = False
    caller: str = ""
    deadline_at: datetime | None = None
    batch_id: str | None = None
    page_pixels: int | None = None


def check_startable(task: Task) -> None:
    """Allow a task to be put into the queue by people: a new one, or one that is over with pages left to read.

    Raises:
        IllegalTransition: It is under way, or all its pages were read.
    """
    if not (task.status is TaskStatus.CREATED or task.status.is_final):
        raise IllegalTransition(f"Task {task.task_id} is {task.status}; it has already started.")
    check_transition(task.task_id, task.status, TaskStatus.QUEUED)


@dataclass(frozen=True)
class NewTask:
    """A task that was inspected, estimated and placed, and now is to be stored.

    Attributes:
        circumstances: Under what its pages will be worked; those that are quarantined there are given up at once.
    """

    task_id: str
    request: TaskCreateRequest
    info: DocumentInfo
    pages: tuple[int, ...]
    first_stage: Stage
    estimated_memory_mb: int
    assigned_device: DeviceId
    page_pixels: int | None = None
    batch_id: str | None = None
    circumstances: tuple[Circumstances, ...] = ()


@dataclass(frozen=True)
class TaskPage:
    """One page of a task as people are shown it.

    Attributes:
        number: 1-based position in the document.
        attempts: Times the page's own work failed.
        crashes: Times a worker died while it held this page.
        rung: How far it has climbed the out-of-memory ladder.
    """

    task_id: str
    number: int
    state: PageState
    stage: Stage
    attempts: int = 0
    crashes: int = 0
    rung: Rung = Rung.USUAL
    failure_reason: TaskFailureReason | None = None
    failure_message: str | None = None
    seconds: float | None = None
    confidence: float | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class PageLease:
    """The right to work some pages of one task until a time.

    Attributes:
        token: Fencing token; a commit under an older one is refused.
        pages: 1-based page numbers, ascending.
        attempts: For each of `pages`, how often its own work has failed before.
        crashes: For each of `pages`, how often a worker died with it.
        until: When the lease ends unless renewed.
        rungs: For each of `pages`, how far it has climbed the out-of-memory ladder.
        pixels: Pixels of the document's largest page image, where that is known.
        is_unserved: No page of the task was settled since it was queued or refused a service.
    """

    task_id: str
    token: int
    stage: Stage
    pages: tuple[int, ...]
    attempts: tuple[int, ...]
    crashes: tuple[int, ...]
    document: StoredDocument
    options: RecognitionOptions
    until: datetime
    rungs: tuple[Rung, ...] = ()
    pixels: int | None = None
    is_unserved: bool = False


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed page is tried again; the settings' `tasks.retry`.

    `memory_reduction_factor` is what a batch is multiplied by after running out of memory.
    """

    max_attempts: int = 3
    backoff_multiplier: float = 2.0
    memory_reduction_factor: float = 0.5
    first_delay: timedelta = timedelta(seconds=1)
    max_crashes: int = 2
