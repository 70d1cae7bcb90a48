"""The durable log of task events, in SQL."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from pagemill.domain.ports import Clock
from pagemill.domain.task.events import Details, EventRecord, TaskEvent
from pagemill.store.changes import lock_row, note
from pagemill.store.database import Database, reading, writing
from pagemill.store.records import event_of
from pagemill.store.tables import task_events


class SqlEventLog:
    """`EventLog` on SQLite and PostgreSQL. Runs in the server process.

    A reader that continues after the last sequence that it saw misses nothing: entries of one task are written under
    the lock of its row, so they become visible in the order of their sequences.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def append(self, connection: Connection, task_id: str, event: TaskEvent, details: Details | None = None) -> None:
        """See `EventLog.append`."""
        lock_row(connection, task_id)
        note(connection, task_id, event, now=self._clock.now(), details=details)

    @reading
    def read(
        self,
        connection: Connection,
        task_id: str,
        *,
        after: int = 0,
        limit: int = 500,
        kinds: Collection[TaskEvent] = (),
    ) -> Sequence[EventRecord]:
        """See `EventLog.read`."""
        query = (
            select(task_events)
            .where(task_events.c.task_id == task_id, task_events.c.sequence > after)
            .order_by(task_events.c.sequence)
            .limit(limit)
        )
        if kinds:
            query = query.where(task_events.c.event_type.in_(kinds))
        return [event_of(row) for row in connection.execute(query).mappings()]
