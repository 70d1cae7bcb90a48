"""Tasks that have waited too long, in SQL.

Waiting for a first page and deadlines are told by the times at which tasks were queued, on a clock that does not jump
(`SteadyClock`). All conditions are about the task's own row, so a task that was started a moment ago, by this server or
another, no longer meets them once its row is locked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, and_, false, or_, select

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.ports import Clock
from pagemill.domain.tasks import Task, TaskStatus
from pagemill.store.changes import change_status
from pagemill.store.database import Database, reading, writing
from pagemill.store.records import task_of
from pagemill.store.tables import tasks

UNDER_WAY = (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.RETRYING)
AT_ONCE = 100
"""Most tasks that are ended in one transaction."""


class SqlOverdueTasks:
    """`OverdueTasks` on SQLite and PostgreSQL. Runs in the server process, and beside others of its kind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def expire(self, *, queue_timeout: timedelta | None) -> Sequence[Task]:
        """End (`expired`) the tasks past their deadline, and those that waited so long without a page being started.

        None leaves those that wait alone. Finished pages are kept; leases on the others are stale from then on.
        """
        return await self._expire(queue_timeout) if await self._is_any_overdue(queue_timeout) else []

    @reading
    def _is_any_overdue(self, connection: Connection, queue_timeout: timedelta | None) -> bool:
        return connection.execute(_overdue(self._clock.now(), queue_timeout).limit(1)).first() is not None

    @writing
    def _expire(self, connection: Connection, queue_timeout: timedelta | None) -> Sequence[Task]:
        now = self._clock.now()
        overdue = _overdue(now, queue_timeout).limit(AT_ONCE).order_by(tasks.c.task_id)
        locked = overdue.with_for_update(skip_locked=True, key_share=True)
        return [_end(connection, task_of(row), now) for row in connection.execute(locked).mappings().all()]


def _end(connection: Connection, task: Task, now: datetime) -> Task:
    reason, message = why_expired(task, now)
    return change_status(connection, task, TaskStatus.EXPIRED, now=now, reason=reason, message=message)


def _overdue(now: datetime, queue_timeout: timedelta | None) -> Select[*tuple[object, ...]]:
    return select(tasks).where(or_(_late(now), _unserved(now, queue_timeout)))


def why_expired(task: Task, now: datetime) -> tuple[TaskFailureReason, str]:
    """What an overdue task is marked with."""
    if task.deadline_at is not None and task.deadline_at <= now:
        read = f"{task.pages_done} of its {task.pages_total} pages were read"
        return TaskFailureReason.DEADLINE_EXCEEDED, f"The task was not done by its deadline; {read} and are kept."
    waited = (now - task.queued_at).total_seconds() if task.queued_at else 0
    return TaskFailureReason.QUEUE_TIMEOUT, (
        f"No page was started in {waited:.0f} s of waiting; send it again when there is less to do, "
        "or raise tasks.queue_timeout_seconds."
    )


def _late(now: datetime) -> ColumnElement[bool]:
    return and_(tasks.c.status.in_(UNDER_WAY), tasks.c.deadline_at <= now)


def _unserved(now: datetime, queue_timeout: timedelta | None) -> ColumnElement[bool]:
    """Tasks that wait to be let in, and those let in of which no page was ever leased."""
    if queue_timeout is None:
        return false()
    never_leased = and_(tasks.c.status == TaskStatus.RUNNING, tasks.c.lease_token == 0)
    return and_(or_(tasks.c.status == TaskStatus.QUEUED, never_leased), tasks.c.queued_at <= now - queue_timeout)
