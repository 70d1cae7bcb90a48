"""Tasks, their pages, states and options."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pagemill.domain.documents import DocumentInfo, DocumentKind
from pagemill.domain.errors import IllegalTransition, NotFound, TaskFailureReason
from pagemill.domain.memory import NOTHING, DeviceId, MemoryNeed
from pagemill.domain.page.page import PageWarning
from pagemill.domain.text import TextFromOutside
from pagemill.domain.text_fields import Name, Text
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import RecognitionOptions, Stage


class TaskStatus(StrEnum):
    """The status of a task.

    `retrying` is a running task whose unfinished pages all wait for the time of their next attempt; it runs again as
    soon as one of them is leased.
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
        """Whether the task has ended; only a retry changes it."""
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
"""Every allowed change of status. A final task goes back to the queue only to retry its failed pages."""


def check_transition(task_id: str, before: TaskStatus, after: TaskStatus) -> None:
    """Check that a change of status is allowed.

    Raises:
        IllegalTransition: The table does not allow it.
    """
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"Task {task_id} is {before}; it cannot become {after}.")


class PageState(StrEnum):
    """The state of a page of a task."""

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
    """How far a page has climbed the out-of-memory ladder; each rung keeps the changes of the lower ones."""

    USUAL = 0
    SMALLER_BATCH = 1
    FRESH_PROCESS = 2
    ALONE = 3
    OTHER_DEVICE = 4
    LARGER_NODE = 5
    """The page goes to a node with more memory, where it begins at `FRESH_PROCESS` again."""
    LOWER_RESOLUTION = 6


def rung_name(rung: Rung | None) -> str:
    """The rung in the words of the metrics and of the status: `given_up` for None, which ends the page."""
    return "given_up" if rung is None else rung.name.lower()


class CacheUse(StrEnum):
    """How a task uses pages that were read before.

    `off` reads every page and shares none. `use` takes shared pages that the same caller read from the same content
    with the same options, and shares its own. `refresh` reads every page and shares them.
    """

    OFF = "off"
    USE = "use"
    REFRESH = "refresh"


LONGEST_PAGE_RANGE = 16 * 1024
"""Characters; enough to name every second one of 5,000 pages."""


class TaskStartRequest(BaseModel):
    """The body of `POST /tasks/{task_id}/start`."""

    model_config = ConfigDict(extra="forbid")

    device: Name | None = Field(
        default=None,
        description='"cpu" or "cuda:N". Default: the least loaded device that fits.',
    )


class TaskOptions(BaseModel):
    """The options of a task."""

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
        path: Its path; the task owns the file from now on.
        name: The name that its sender gave it; shown to users, never trusted.
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
    """Everything that `TaskManager.create_task` needs: a stored document and what to do with it.

    Attributes:
        caller: Who sent it; callers share the places fairly. Empty if the API is open.
        idempotency_key: A request with a key that the caller used before gets the task of that earlier request.
        password: Password of a protected document. Nothing stores or logs it, and `content` leaves it out.
    """

    document: StoredDocument
    options: TaskOptions = field(default_factory=TaskOptions)
    caller: str = ""
    idempotency_key: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def content(self) -> str:
        """Hash of the request: of the document's bytes and every option."""
        asked = f"{self.document.sha256}/{self.options.model_dump_json()}"
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """One document and what becomes of it.

    Attributes:
        task_id: Sorts by time of creation.
        estimated_memory_mb: Expected peak before it ran, MiB.
        actual_memory_mb: Highest peak of any worker on any of its pages, MiB; None until a page has run.
        assigned_device: Where it will run, or ran.
        service_instance_id: The pooled service that last worked on it.
        resource_cleanup_completed: It has released everything, and Pagemill has verified that.
        pages_total: Number of requested pages.
        pages_done: Number of pages read.
        pages_failed: Number of failed pages.
        caller: Who sent it; empty if the API is open.
        deadline_at: When it expires unless it has ended; None for no deadline.
        batch_id: Its batch; None if it was sent alone.
        page_pixels: Pixels of its largest page image, if known.
        password_at: The server that was told the password of its document; None if it needs none.
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
    password_at: str | None = None

    @property
    def needs_password(self) -> bool:
        """Whether its document opens with a password only."""
        return self.password_at is not None


def no_such_task(task_id: str) -> NotFound:
    """The error for a task that does not exist, or that the caller may not see."""
    return NotFound(f"There is no task {task_id}; it may have been deleted.")


def check_startable(task: Task) -> None:
    """Check that users may queue the task: it is new, or it has ended with pages left to read.

    Raises:
        IllegalTransition: It is queued or running, or all its pages were read.
    """
    if not (task.status is TaskStatus.CREATED or task.status.is_final):
        raise IllegalTransition(f"Task {task.task_id} is {task.status}; you can retry it once it has ended.")
    if task.status is TaskStatus.SUCCEEDED:
        raise IllegalTransition(f"All pages of task {task.task_id} were read, so none can be retried.")
    check_transition(task.task_id, task.status, TaskStatus.QUEUED)


@dataclass(frozen=True)
class NewTask:
    """A task ready to be stored: it was inspected, estimated and placed.

    Attributes:
        circumstances: Model set, device and limit for its pages; pages quarantined under them fail at once.
        password_at: See `Task`.
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
    password_at: str | None = None


@dataclass(frozen=True)
class TaskPage:
    """One page of a task, for users.

    Attributes:
        number: 1-based position in the document.
        attempts: How often the page's own work failed.
        crashes: How often a worker died while it held this page.
        rung: How far it has climbed the out-of-memory ladder.
        warnings: Warnings of its result.
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
    warnings: tuple[PageWarning, ...] = ()


@dataclass(frozen=True)
class PageLease:
    """The right to work on some pages of one task until a certain time.

    Attributes:
        token: Fencing token; the queue refuses a commit with an older one.
        pages: 1-based page numbers, ascending.
        attempts: For each of `pages`, how often its own work has failed.
        crashes: For each of `pages`, how often a worker died with it.
        until: When the lease ends unless it is renewed.
        rungs: For each of `pages`, how far it has climbed the out-of-memory ladder.
        pixels: Pixels of the document's largest page image, if known.
        is_unserved: No page of the task was settled since it was queued or refused a service.
        password_at: The server that was told the password of the document; None if it needs none.
        need: What its pages need at least, if a node was too small for them.
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
    password_at: str | None = None
    need: MemoryNeed = NOTHING


@dataclass(frozen=True)
class RetryPolicy:
    """When to retry a failed page; the settings' `tasks.retry`.

    `memory_reduction_factor` multiplies the batch size after a page has run out of memory.
    """

    max_attempts: int = 3
    backoff_multiplier: float = 2.0
    memory_reduction_factor: float = 0.5
    first_delay: timedelta = timedelta(seconds=1)
    max_crashes: int = 2
