"""The resources of tasks, in SQL: each step is one transaction that writes the task's row and its log together."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select, update

from pagemill.domain.ports import Clock
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageState, Task
from pagemill.store.changes import lock_row, lock_task, note
from pagemill.store.database import Database, writing
from pagemill.store.tables import task_pages, tasks

_HOLDS = update(tasks).where(tasks.c.task_id == bindparam("of_task")).values(service_instance_id=bindparam("holds"))
_CLEAN = update(tasks).where(tasks.c.task_id == bindparam("of_task")).values(resource_cleanup_completed=True)
_LEASED = (
    select(task_pages.c.number)
    .where(task_pages.c.task_id == bindparam("of_task"), task_pages.c.state == PageState.LEASED)
    .order_by(task_pages.c.number)
)


class SqlResourceLog:
    """`ResourceLog` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def record_acquired(self, connection: Connection, task_id: str, service: str, details: Details) -> None:
        """See `ResourceLog.record_acquired`."""
        lock_row(connection, task_id)
        connection.execute(_HOLDS, {"of_task": task_id, "holds": service})
        self._note(connection, task_id, TaskEvent.RESOURCE_ACQUIRED, details)

    @writing
    def record_released(self, connection: Connection, task_id: str, details: Details) -> Task:
        """See `ResourceLog.record_released`."""
        task = lock_task(connection, task_id)
        self._note(connection, task_id, TaskEvent.RESOURCE_RELEASED, details)
        return task

    @writing
    def record_cleaned(self, connection: Connection, task_id: str) -> Sequence[int]:
        """See `ResourceLog.record_cleaned`."""
        lock_row(connection, task_id)
        leased = connection.execute(_LEASED, {"of_task": task_id}).scalars().all()
        if not leased:
            self._note(connection, task_id, TaskEvent.CLEANUP_COMPLETED, {})
            connection.execute(_CLEAN, {"of_task": task_id})
        return leased

    def _note(self, connection: Connection, task_id: str, event: TaskEvent, details: Details) -> None:
        note(connection, task_id, event, now=self._clock.now(), details=details)
