"""Commands on batches of documents."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace

from pagemill.domain.errors import (
    DocumentsRefused,
    DuplicateSubmission,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    PagemillError,
)
from pagemill.domain.ports import Clock, DocumentBatches, TaskNotices, TaskStore
from pagemill.domain.task.document_batch import BatchSubmission, DocumentBatch, NewDocumentBatch, check_size, content_of
from pagemill.domain.task.events import TaskNotice
from pagemill.domain.task.task import NewTask, Task, TaskCreateRequest, TaskStatus
from pagemill.tasks.ids import new_task_id
from pagemill.tasks.manager import TaskManager
from pagemill.tasks.progress.event_feed import LEAST_BETWEEN_NOTICES, NOTICES_AT_ONCE
from pagemill.tasks.progress.task_watch import LOOK_AGAIN, TaskWatch

logger = logging.getLogger(__name__)


class DocumentBatchManager:
    """Creates, shows, cancels and deletes batches of documents. Runs in the server process.

    Args:
        manager: Commands on single tasks.
        batches: The stored batches.
        store: All tasks.
        notices: Which tasks had events.
        watch: Wakes waiters for events.
        clock: The time.
        most: Maximum number of documents in one batch: as many as may wait.
    """

    def __init__(
        self,
        *,
        manager: TaskManager,
        batches: DocumentBatches,
        store: TaskStore,
        notices: TaskNotices,
        watch: TaskWatch,
        clock: Clock,
        most: int,
    ) -> None:
        self._notices = notices
        self._watch = watch
        self._manager = manager
        self._batches = batches
        self._store = store
        self._clock = clock
        self.most = most

    async def submit_batch(
        self, requests: Sequence[TaskCreateRequest], *, caller: str = "", idempotency_key: str | None = None
    ) -> BatchSubmission:
        """Inspect all documents, then store and queue a task for each: all of them or none.

        When this returns, the documents' files belong to the tasks, unless the answer is a replay. On an error they
        still belong to the caller, because nothing raises once the batch is stored. If the database goes away or the
        call is cancelled, it is unknown whether the batch was stored.

        Raises:
            InvalidRequest: There is no document.
            BatchTooLarge: There are more documents than the queue can hold.
            DocumentsRefused: Some cannot be read, or not with these options; the error names them all.
            QueueFull: The queue has no room for all of them now.
            IdempotencyKeyReused: The key belongs to an earlier request with other documents or options.
        """
        if not requests:
            raise InvalidRequest("A batch needs at least one document.")
        check_size(len(requests), self.most)
        content = content_of(requests)
        if earlier := await self._find_submitted(caller, idempotency_key, content):
            return earlier
        prepared = await self._prepare(requests)
        now = self._clock.now()
        batch_id = new_task_id(now)
        tasks = tuple(
            replace(new, task_id=new_task_id(now, place=place), batch_id=batch_id) for place, new in enumerate(prepared)
        )
        try:
            with self._manager.holding_passwords(tasks):
                new = NewDocumentBatch(batch_id, tasks, content, caller, idempotency_key)
                stored = await self._batches.submit(new)
        except DuplicateSubmission:
            faster = await self._find_submitted(caller, idempotency_key, content)
            if faster is None:
                raise
            return faster
        return BatchSubmission(await self._announce(stored))

    async def get_batch(self, batch_id: str) -> DocumentBatch:
        """The batch as it is now.

        Raises:
            NotFound: No batch has that id, or all its tasks were deleted.
        """
        return await self._batches.get(batch_id)

    async def list_batches(
        self, *, caller: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DocumentBatch]:
        """See `DocumentBatches.list_batches`."""
        return await self._batches.list_batches(caller=caller, before=before, limit=limit)

    async def batch_tasks(
        self, batch_id: str, *, status: TaskStatus | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[Task]:
        """Its tasks, the last sent first.

        Raises:
            NotFound: There is no such batch.
        """
        await self._batches.get(batch_id)
        return await self._store.list_tasks(batch_id=batch_id, status=status, before=before, limit=limit)

    async def cancel_batch(self, batch_id: str) -> DocumentBatch:
        """Cancel all its unfinished tasks; finished pages remain. Cancelling twice is not an error.

        Raises:
            NotFound: There is no such batch.
        """
        await self._batches.get(batch_id)
        for task_id in await self._batches.find_unfinished(batch_id):
            with suppress(IllegalTransition, NotFound):  # it ended a moment ago
                await self._manager.cancel_task(task_id)
        return await self._batches.get(batch_id)

    async def delete_batch(self, batch_id: str) -> None:
        """Delete a batch whose tasks have all ended or never started, with its documents and results.

        Raises:
            NotFound: There is no such batch.
            Conflict: One of its tasks is queued or running; cancel it first.
        """
        for task in await self._batches.delete(batch_id):
            await self._manager.remove_files(task)

    async def follow_batch(self, batch_id: str, *, after: int = 0) -> AsyncGenerator[Sequence[TaskNotice], None]:
        """Yield which tasks of the batch changed, with their progress, until all have ended.

        Yields an empty sequence if nothing has happened for a while.

        Raises:
            NotFound: There is no such batch, or it was deleted meanwhile.
        """
        with self._watch.watching_all() as change:
            while True:
                # read before its notices: if the batch is over by now, the following notices are the last
                is_over = (await self._batches.get(batch_id)).status.is_final
                found = await self._notices.read(after=after, limit=NOTICES_AT_ONCE, batch_id=batch_id)
                after = found[-1].sequence if found else after
                if found or not is_over:
                    yield found
                if len(found) == NOTICES_AT_ONCE:
                    continue
                if is_over or self._watch.is_closed:
                    return
                await self._clock.sleep(LEAST_BETWEEN_NOTICES.total_seconds())
                await change.wait(LOOK_AGAIN)

    async def _prepare(self, requests: Sequence[TaskCreateRequest]) -> Sequence[NewTask]:
        """Inspect one document after the other, because the few readers serve others too."""
        prepared: list[NewTask] = []
        refusals: dict[tuple[int, str], PagemillError] = {}
        for place, request in enumerate(requests, start=1):
            try:
                prepared.append(await self._manager.prepare(request))
            except PagemillError as error:
                if error.retryable:
                    raise
                refusals[place, request.document.name] = error
        if refusals:
            raise DocumentsRefused.of(refusals, _sentence(refusals))
        return prepared

    async def _announce(self, stored: DocumentBatch) -> DocumentBatch:
        """Make sure that its tasks get their turn. If that fails, the dispatcher finds them in its next run."""
        try:
            for task in await self._store.list_tasks(batch_id=stored.batch_id, limit=stored.documents):
                with suppress(NotFound):  # it was deleted a moment ago
                    await self._manager.announce(task)
            return await self._batches.get(stored.batch_id)
        except NotFound:
            logger.info("Batch %s was deleted before it was announced", stored.batch_id)
        except Exception:  # it is stored: an error would make the client send it again, and remove its documents
            logger.warning("Batch %s is stored, but was not announced", stored.batch_id, exc_info=True)
        return stored

    async def _find_submitted(self, caller: str, key: str | None, content: str) -> BatchSubmission | None:
        earlier = None if key is None else await self._batches.find(caller, key)
        if earlier is None:
            return None
        if earlier.content != content:
            message = (
                f"The idempotency key {key!r} belongs to an earlier request with other documents or options. "
                "Use a new key."
            )
            raise IdempotencyKeyReused(message, batch_id=earlier.batch_id)
        return BatchSubmission(await self._batches.get(earlier.batch_id), replayed=True)


def _sentence(refusals: dict[tuple[int, str], PagemillError]) -> str:
    (place, name), error = next(iter(refusals.items()))
    others = f" {len(refusals) - 1} more failed too." if len(refusals) > 1 else ""
    return (
        f"The service accepted none of the documents, because it cannot read document {place} ({name}): "
        f"{error.message}{others}"
    )
