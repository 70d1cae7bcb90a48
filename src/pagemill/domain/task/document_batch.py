"""Documents sent together: accepted, watched, cancelled and deleted together.

Pages that are leased together are a chunk, not a batch.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pagemill.domain.errors import BatchTooLarge, NotFound
from pagemill.domain.task.task import NewTask, TaskCreateRequest, TaskStatus

_WAITING = frozenset({TaskStatus.CREATED, TaskStatus.QUEUED})


@dataclass(frozen=True)
class NewDocumentBatch:
    """A batch ready to be stored: its documents were inspected, estimated and placed.

    Attributes:
        batch_id: Sorts by time of creation.
        tasks: One for each document, in the order of the request.
        content: Hash of the whole request, to compare requests with one idempotency key.
    """

    batch_id: str
    tasks: tuple[NewTask, ...]
    content: str
    caller: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class DocumentBatch:
    """A batch as it is now.

    Attributes:
        documents: Number of documents sent; only this number includes documents whose tasks were deleted.
        tasks: Number of tasks in each status.
        pages_total: Requested pages of all tasks.
        pages_done: Pages read.
        pages_failed: Pages failed.
        caller: Who sent it; empty if the API is open.
    """

    batch_id: str
    created_at: datetime
    documents: int
    tasks: Mapping[TaskStatus, int]
    pages_total: int
    pages_done: int
    pages_failed: int
    caller: str = ""

    @property
    def status(self) -> TaskStatus:
        """The status of the batch as a whole."""
        return status_of(self.tasks)


@dataclass(frozen=True)
class SubmittedBatch:
    """An earlier request with an idempotency key.

    Attributes:
        content: Its `NewDocumentBatch.content`.
    """

    batch_id: str
    content: str


@dataclass(frozen=True)
class BatchSubmission:
    """The answer to a request to make a batch.

    Attributes:
        replayed: An earlier request with the same key made it; the documents of this request are not needed.
    """

    batch: DocumentBatch
    replayed: bool = False


def status_of(tasks: Mapping[TaskStatus, int]) -> TaskStatus:
    """One status for many tasks.

    While any task is unfinished: queued until one starts, then running, or cancelling if the rest is being cancelled.
    Afterwards: succeeded if all succeeded, cancelled if all were cancelled, failed if none succeeded, and
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


def no_such_batch(batch_id: str) -> NotFound:
    """The error for a batch that does not exist, or that the caller may not see."""
    return NotFound(f"There is no batch {batch_id}; it may have been deleted.")


def content_of(requests: Iterable[TaskCreateRequest]) -> str:
    """Hash of the request: of every document's bytes and options, in order."""
    return hashlib.sha256("/".join(request.content for request in requests).encode()).hexdigest()


def check_size(documents: int, most: int) -> None:
    """Refuse a batch that the queue could not hold even if it were empty.

    Raises:
        BatchTooLarge: `details` has `documents` and `max_queue_size`.
    """
    if documents > most:
        raise BatchTooLarge(
            f"The batch has {documents} documents, but at most {most} tasks may wait at a time. Send smaller "
            "batches, or raise tasks.max_queue_size.",
            documents=documents,
            max_queue_size=most,
        )
