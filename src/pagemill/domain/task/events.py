"""The events of a task, in order."""

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
    """One entry. `sequence` rises within the whole log; readers resume after it."""

    sequence: int
    task_id: str
    event_type: TaskEvent
    timestamp: datetime
    details: Details = field(default_factory=dict)


@dataclass(frozen=True)
class TaskNotice:
    """Notice of new events of a task, with its progress.

    Attributes:
        sequence: That of the newest event of the task; readers resume after it.
    """

    sequence: int
    task_id: str
    status: TaskStatus
    pages_total: int
    pages_done: int
    pages_failed: int
