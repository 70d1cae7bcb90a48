"""Several documents that were sent together: admitted together, looked at, cancelled and removed together.

Not to be taken for the batches of pages that are leased together.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pagemill.domain.errors import BatchTooLarge
from pagemill.domain.task.task import NewTask, TaskCreateRequest, TaskStatus

_WAITING = frozenset({TaskStatus.CREATED, TaskStatus.QUEUED})


@dataclass(frozen=True)
class NewDocumentBatch:
    """A batch whose documents were inspected, estimated and placed, and now is to be stored.

    Attributes:
        batch_id: Sorts by time of creation.
        tasks: One for each document, in the order they were sent.
        content: Hash of all that was asked; what an idempotency key stands for.
    """

    batch_id: str
    tasks: tuple[NewTask, ...]
    content: str
    caller: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class DocumentBatch:
    """A batch as it stands.

    Attributes:
        documents: Documents that were sent; those whose tasks were deleted since are counted here and nowhere else.
        tasks: How many tasks stand where.
        pages_total: Pages asked for, of all tasks together.
        pages_done: Of these, read.
        pages_failed: Of these, given up.
    """

    batch_id: str
    created_at: datetime
    documents: int
    tasks: Mapping[TaskStatus, int]
    pages_total: int
    pages_done: int
    pages_failed: int

    @property
    def status(self) -> TaskStatus:
        """Where the batch stands as a whole."""
        return status_of(self.tasks)


@dataclass(frozen=True)
class SubmittedBatch:
    """What was sent under an idempotency key.

    Attributes:
        content: `NewDocumentBatch.content` of it.
    """

    batch_id: str
    content: str


@dataclass(frozen=True)
class BatchSubmission:
    """The answer to a request to make a batch.

    Attributes:
        replayed: It was made by an earlier request with the same key; this one's documents are not needed.
    """

    batch: DocumentBatch
    replayed: bool = False


def status_of(tasks: Mapping[TaskStatus, int]) -> TaskStatus:
    """One status for many tasks.

    While any is not over: queued until one has begun, then running, or cancelling where nothing else is left. Then, as
    of a task with many pages: succeeded if all did, cancelled if all were, failed if nothing succeeded, and
    partially_succeeded otherwise.
    """
    present = {status for status, number in tasks.items() if number}
    unfinished = {status for status in present if not status.is_final}
    if unfinished:
        return _unfinished_status(present, unfinished)
    if present <= {TaskStatus.SUCCEEDED}:
        return TaskStatus.SUCCEEDED
    if present == {TaskStatus.CANCELLED}:
        return TaskStatus.CANCELLED
    any_read = present & {TaskStatus.SUCCEEDED, TaskStatus.PARTIALLY_SUCCEEDED}
    return TaskStatus.PARTIALLY_SUCCEEDED if any_read else TaskStatus.FAILED


def _unfinished_status(present: set[TaskStatus], unfinished: set[TaskStatus]) -> TaskStatus:
    if unfinished == {TaskStatus.CANCELLING}:
        return TaskStatus.CANCELLING
    if present <= {TaskStatus.CREATED}:
        return TaskStatus.CREATED
    return TaskStatus.QUEUED if present <= _WAITING else TaskStatus.RUNNING


def content_of(requests: Iterable[TaskCreateRequest]) -> str:
    """Hash of what was asked: of every document's bytes and options, in their order."""
    return hashlib.sha256("/".join(request.content for request in requests).encode()).hexdigest()


def check_size(documents: int, most: int) -> None:
    """Refuse a batch that could not even be queued by itself.

    Raises:
        BatchTooLarge: `details` hold `documents` and `max_queue_size`.
    """
    if documents > most:
        raise BatchTooLarge(
            f"The batch has {documents} documents, but at most {most} tasks may wait at a time. Send smaller "
            "batches, or raise tasks.max_queue_size.",
            documents=documents,
            max_queue_size=most,
        )
