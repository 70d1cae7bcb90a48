"""Which tasks had events lately, from the log of all tasks together."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, select, true

from pagemill.domain.task.events import TaskNotice
from pagemill.store.database import Database, reading
from pagemill.store.tables import task_events, tasks


class SqlTaskNotices:
    """`TaskNotices` on SQLite and PostgreSQL. Runs in the server process.

    Unlike the log of one task, it may miss an event if two servers write to one PostgreSQL at the same moment; the
    task's next event makes up for it. Use it for views that refresh, not for programs that count.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @reading
    def find_latest(self, connection: Connection) -> int:
        """See `TaskNotices.find_latest`."""
        newest: int | None = connection.execute(select(func.max(task_events.c.sequence))).scalar_one()
        return newest or 0

    @reading
    def read(
        self,
        connection: Connection,
        *,
        after: int,
        limit: int = 200,
        batch_id: str | None = None,
        caller: str | None = None,
    ) -> Sequence[TaskNotice]:
        """See `TaskNotices.read`."""
        newest = (
            select(task_events.c.task_id, func.max(task_events.c.sequence).label("sequence"))
            .where(task_events.c.sequence > after, _of(batch_id, caller))
            .group_by(task_events.c.task_id)
            .order_by(func.max(task_events.c.sequence))
            .limit(limit)
            .subquery()
        )
        columns = (tasks.c.task_id, tasks.c.status, tasks.c.pages_total, tasks.c.pages_done, tasks.c.pages_failed)
        query = (
            select(newest.c.sequence, *columns)
            .join(tasks, tasks.c.task_id == newest.c.task_id)
            .order_by(newest.c.sequence)
        )
        return [TaskNotice(**row) for row in connection.execute(query).mappings()]


def _of(batch_id: str | None, caller: str | None) -> ColumnElement[bool]:
    wanted = {tasks.c.batch_id: batch_id, tasks.c.caller: caller}
    given = [column == value for column, value in wanted.items() if value is not None]
    return task_events.c.task_id.in_(select(tasks.c.task_id).where(*given)) if given else true()
