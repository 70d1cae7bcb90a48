"""Earlier requests by idempotency key, in SQL.

The transaction that stores a task also writes its key, so a key always has a task, and of two concurrent requests one
finds the key of the other. A key is deleted with its task, or after `KEPT_FOR`.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pagemill.domain.errors import DuplicateSubmission
from pagemill.domain.ports import Clock
from pagemill.domain.task.submission import Submitted
from pagemill.domain.task.task import NewTask
from pagemill.store.database import Database, reading
from pagemill.store.tables import idempotency_keys

KEPT_FOR = timedelta(hours=24)


class SqlSubmissions:
    """`Submissions` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @reading
    def find(self, connection: Connection, caller: str, key: str) -> Submitted | None:
        """See `Submissions.find`."""
        query = select(idempotency_keys.c.task_id, idempotency_keys.c.content).where(
            idempotency_keys.c.caller == caller,
            idempotency_keys.c.key == key,
            idempotency_keys.c.created_at > self._clock.now() - KEPT_FOR,
        )
        row = connection.execute(query).one_or_none()
        return None if row is None else Submitted(row.task_id, row.content)


def keep_key(connection: Connection, new: NewTask, *, now: datetime) -> None:
    """Store the key of a new task, if it has one, and delete old keys.

    Raises:
        DuplicateSubmission: An earlier request used the key; roll the transaction back.
    """
    request = new.request
    if request.idempotency_key is None:
        return
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at <= now - KEPT_FOR))
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {
        "caller": request.caller,
        "key": request.idempotency_key,
        "content": request.content,
        "task_id": new.task_id,
        "created_at": now,
    }
    written = insert(idempotency_keys).values(values).on_conflict_do_nothing().returning(idempotency_keys.c.key)
    if connection.execute(written).first() is None:
        raise DuplicateSubmission(
            f"Another request used the idempotency key {request.idempotency_key!r} at the same time. Send yours again."
        )
