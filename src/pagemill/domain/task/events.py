"""What happens to a task, in the order it happens."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pagemill.domain.task.task import TaskStatus

Details = dict[str, str | int | float | bool | None]


class TaskEvent(StrEnum):
    """The kinds of entries in a task's durable log."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    PROGRESS = "progress"
    PAGE_DONE = "page_done"
    PAGE_FAILED = "page_failed"
    PAGE_RETRIED = "page_retried"
    RETRYING = "retrying"
    STALLED = "stalled"
    REQUEUED = "requeued"
    WORKER_LOST = "worker_lost"
    OOM_RECOVERY = "oom_recovery"
    CANCEL_REQUESTED = "cancel_requested"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RESOURCE_ACQUIRED = "resource_acquired"
    RESOURCE_RELEASED = "resource_released"
    MEMORY_WARNING = "memory_warning"
    CLEANUP_STARTED = "cleanup_started"
    CLEANUP_COMPLETED = "cleanup_completed"


@dataclass(frozen=True)
class EventRecord:
    """One entry. `sequence` rises within the whole log and is what readers resume from."""

    sequence: int
    task_id: str
    event_type: TaskEvent
    timestamp: datetime
    details: Details = field(default_factory=dict)


@dataclass(frozen=True)
class TaskNotice:
    """That something happened to a task, and how far it is now.

    Attributes:
        sequence: Of the newest event of the task; what readers resume from.
    """

    sequence: int
    task_id: str
    status: TaskStatus
    pages_total: int
    pages_done: int
    pages_failed: int
