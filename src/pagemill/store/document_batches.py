"""Batches of documents, in SQL.

A batch is one row, and each of its tasks has its id. Its progress is counted on request. Deleting its last task also
deletes the batch.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, RowMapping, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pagemill.domain.errors import Conflict, DuplicateSubmission
from pagemill.domain.ports import Clock
from pagemill.domain.task.document_batch import (
    DocumentBatch,
    NewDocumentBatch,
    SubmittedBatch,
    check_size,
    no_such_batch,
)
from pagemill.domain.task.task import FINAL_STATUSES, Task, TaskStatus
from pagemill.store.creation import create_task
from pagemill.store.database import Database, reading, writing_durably
from pagemill.store.dialects import Lock, serialise
from pagemill.store.records import task_of
from pagemill.store.tables import document_batches, tasks
from pagemill.store.task_queue import QueueConfig, check_room, enqueue

KEY_KEPT_FOR = timedelta(hours=24)


class SqlDocumentBatches:
    """`DocumentBatches` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock, *, config: QueueConfig | None = None) -> None:
        self._database = database
        self._clock = clock
        self._config = config or QueueConfig()

    @writing_durably
    def submit(self, connection: Connection, new: NewDocumentBatch) -> DocumentBatch:
        """See `DocumentBatches.submit`."""
        check_size(len(new.tasks), self._config.max_queue_size)
        serialise(connection, Lock.QUEUE_SIZE)
        now = self._clock.now()
        waiting = [task for task in new.tasks if task.request.options.start]
        check_room(connection, self._config, now=now, wanted=len(waiting))
        self._keep(connection, new)
        for task in new.tasks:
            created = create_task(connection, task, quota=self._config.quota, now=now)
            if task.request.options.start:
                enqueue(connection, created, created.priority, config=self._config, now=now)
        return _get(connection, new.batch_id)

    @reading
    def find(self, connection: Connection, caller: str, key: str) -> SubmittedBatch | None:
        """See `DocumentBatches.find`."""
        query = select(document_batches.c.batch_id, document_batches.c.content).where(
            document_batches.c.caller == caller,
            document_batches.c.idempotency_key == key,
            document_batches.c.created_at > self._clock.now() - KEY_KEPT_FOR,
        )
        row = connection.execute(query).one_or_none()
        return None if row is None else SubmittedBatch(row.batch_id, row.content)

    @reading
    def get(self, connection: Connection, batch_id: str) -> DocumentBatch:
        """See `DocumentBatches.get`."""
        return _get(connection, batch_id)

    @reading
    def list_batches(
        self, connection: Connection, *, caller: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DocumentBatch]:
        """See `DocumentBatches.list_batches`."""
        query = select(document_batches).order_by(document_batches.c.batch_id.desc()).limit(limit)
        if caller is not None:
            query = query.where(document_batches.c.caller == caller)
        if before is not None:
            query = query.where(document_batches.c.batch_id < before)
        return _read_batches(connection, query)

    @reading
    def find_unfinished(self, connection: Connection, batch_id: str) -> Sequence[str]:
        """See `DocumentBatches.find_unfinished`."""
        of_batch = select(tasks.c.task_id).where(tasks.c.batch_id == batch_id)
        query = of_batch.where(tasks.c.status.not_in(FINAL_STATUSES)).order_by(tasks.c.task_id)
        return connection.execute(query).scalars().all()

    @writing_durably
    def delete(self, connection: Connection, batch_id: str) -> Sequence[Task]:
        """See `DocumentBatches.delete`."""
        batch = _get(connection, batch_id)
        of_batch = select(tasks).where(tasks.c.batch_id == batch_id).order_by(tasks.c.task_id)
        found = [task_of(row) for row in connection.execute(of_batch.with_for_update()).mappings()]
        if not all(task.status.is_final or task.status is TaskStatus.CREATED for task in found):
            raise Conflict(f"Batch {batch_id} is {batch.status}; cancel it before deleting it.")
        connection.execute(delete(tasks).where(tasks.c.batch_id == batch_id))
        forget_empty(connection, batch_id)
        return found

    def _keep(self, connection: Connection, new: NewDocumentBatch) -> None:
        now = self._clock.now()
        kept = document_batches.c.idempotency_key.is_not(None)
        old = document_batches.c.created_at <= now - KEY_KEPT_FOR
        connection.execute(update(document_batches).where(kept, old).values(idempotency_key=None))
        values = {
            "batch_id": new.batch_id,
            "created_at": now,
            "documents": len(new.tasks),
            "caller": new.caller,
            "idempotency_key": new.idempotency_key,
            "content": new.content,
        }
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        written = insert(document_batches).values(values).on_conflict_do_nothing()
        if connection.execute(written.returning(document_batches.c.batch_id)).first() is None:
            raise DuplicateSubmission(
                f"Another request used the idempotency key {new.idempotency_key!r} at the same time. Send yours again."
            )


def forget_empty(connection: Connection, batch_id: str | None) -> None:
    """Remove the batch if it has no tasks left."""
    if batch_id is not None:
        left = select(tasks.c.task_id).where(tasks.c.batch_id == batch_id).exists()
        connection.execute(delete(document_batches).where(document_batches.c.batch_id == batch_id, ~left))


def _get(connection: Connection, batch_id: str) -> DocumentBatch:
    query = select(document_batches).where(document_batches.c.batch_id == batch_id)
    for batch in _read_batches(connection, query):
        return batch
    raise no_such_batch(batch_id)


def _read_batches(connection: Connection, query: Select[*tuple[object, ...]]) -> list[DocumentBatch]:
    batches = connection.execute(query).mappings().all()
    counted: dict[str, list[RowMapping]] = {batch["batch_id"]: [] for batch in batches}
    for row in connection.execute(_counts(list(counted))).mappings():
        counted[row["batch_id"]].append(row)
    return [_batch(batch, counted[batch["batch_id"]]) for batch in batches]


def _counts(batch_ids: list[str]) -> Select[*tuple[object, ...]]:
    pages = (tasks.c.pages_total, tasks.c.pages_done, tasks.c.pages_failed)
    sums = (func.sum(column).label(column.name) for column in pages)
    query = select(tasks.c.batch_id, tasks.c.status, func.count().label("tasks"), *sums)
    return query.where(tasks.c.batch_id.in_(batch_ids)).group_by(tasks.c.batch_id, tasks.c.status)


def _batch(row: RowMapping, counts: Sequence[RowMapping]) -> DocumentBatch:
    return DocumentBatch(
        batch_id=row["batch_id"],
        created_at=row["created_at"],
        documents=row["documents"],
        tasks={count["status"]: count["tasks"] for count in counts},
        pages_total=sum(count["pages_total"] for count in counts),
        pages_done=sum(count["pages_done"] for count in counts),
        pages_failed=sum(count["pages_failed"] for count in counts),
        caller=row["caller"],
    )
