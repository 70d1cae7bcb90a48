"""The JSON of batches of documents."""

from datetime import datetime
from typing import Self

from pagemill.domain.task.document_batch import DocumentBatch
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.task_wire import ProgressWire
from pagemill.wire.wire_model import WireModel


class BatchLinksWire(WireModel):
    """Links of the batch."""

    self: str
    tasks: str
    events: str
    cancel: str

    @classmethod
    def of(cls, batch_id: str, *, root: str) -> Self:
        """Paths of everything that belongs to the batch."""
        batch = batch_path(batch_id, root=root)
        return cls.model_validate(
            {"self": batch, **{part: f"{batch}/{part}" for part in ("tasks", "events", "cancel")}}
        )


class BatchWire(WireModel):
    """Documents sent together, as they are now."""

    batch_id: str
    status: TaskStatus
    """Status of the whole batch: queued, running or cancelling until all tasks have ended, then the result."""
    created_at: datetime
    documents: int
    """Number of documents sent."""
    tasks: dict[TaskStatus, int]
    """Number of tasks in each status, without deleted tasks."""
    progress: ProgressWire
    """Pages of all tasks."""
    links: BatchLinksWire

    @classmethod
    def of(cls, batch: DocumentBatch, *, root: str) -> Self:
        """The batch as it is shown."""
        return cls.show(batch, progress=batch, links=BatchLinksWire.of(batch.batch_id, root=root))


class BatchListWire(WireModel):
    """Batches, newest first."""

    batches: list[BatchWire]
    next: str | None
    """URL of the next page with older batches; also in the Link header."""


def batch_path(batch_id: str, *, root: str) -> str:
    """Path of a batch."""
    return f"{root}/batches/{batch_id}"
