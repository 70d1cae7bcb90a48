"""What goes over the wire of documents that were sent together."""

from datetime import datetime
from typing import Self

from pagemill.domain.task.document_batch import DocumentBatch
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.task_wire import ProgressWire
from pagemill.wire.wire_model import WireModel


class BatchLinksWire(WireModel):
    """Where to go from here."""

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
    """Documents that were sent together, as they stand."""

    batch_id: str
    status: TaskStatus
    """Of all together: while any is not over, queued, running or cancelling; then as of a task with many pages."""
    created_at: datetime
    documents: int
    """That were sent."""
    tasks: dict[TaskStatus, int]
    """How many tasks stand where; those that were deleted since are not counted."""
    progress: ProgressWire
    """Pages, of all tasks together."""
    links: BatchLinksWire

    @classmethod
    def of(cls, batch: DocumentBatch, *, root: str) -> Self:
        """The batch as it is shown."""
        return cls.show(batch, progress=batch, links=BatchLinksWire.of(batch.batch_id, root=root))


class BatchListWire(WireModel):
    """Batches, newest first."""

    batches: list[BatchWire]
    next: str | None
    """Where the older ones are; also in the Link header."""


def batch_path(batch_id: str, *, root: str) -> str:
    """Where a batch is found."""
    return f"{root}/batches/{batch_id}"
