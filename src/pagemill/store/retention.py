"""Finds data that is old enough to delete, or that belongs to no task, in SQL."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, and_, delete, or_, select

from pagemill.domain.ports import Clock
from pagemill.domain.task.task import FINAL_STATUSES, Task, TaskStatus
from pagemill.store.database import Database, reading, writing
from pagemill.store.each_task import parse_readable
from pagemill.store.quarantine import prune_quarantine
from pagemill.store.tables import task_metrics, tasks


class SqlRetention:
    """`Retention` on SQLite and PostgreSQL. Runs in the server process; several servers may run it at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @reading
    def find_outdated(self, connection: Connection, kept_for: timedelta, *, limit: int = 50) -> Sequence[Task]:
        """See `Retention.find_outdated`."""
        now = self._clock.now()
        before = now - kept_for
        ended = tasks.c.status.in_(FINAL_STATUSES)
        query = select(tasks).where(
            or_(
                and_(ended, tasks.c.delete_at <= now),
                and_(ended, tasks.c.delete_at.is_(None), tasks.c.finished_at <= before),
                and_(tasks.c.status == TaskStatus.CREATED, tasks.c.created_at <= before),
            )
        )
        rows = connection.execute(query.order_by(tasks.c.task_id).limit(limit))
        return parse_readable(rows.mappings())

    @reading
    def unknown_tasks(self, connection: Connection, task_ids: Sequence[str]) -> set[str]:
        """See `Retention.unknown_tasks`."""
        known = select(tasks.c.task_id).where(tasks.c.task_id.in_(task_ids))
        return set(task_ids) - set(connection.execute(known).scalars())

    @reading
    def unknown_documents(self, connection: Connection, paths: Sequence[str]) -> set[str]:
        """See `Retention.unknown_documents`."""
        known = select(tasks.c.document_path).where(tasks.c.document_path.in_(paths))
        return set(paths) - set(connection.execute(known).scalars())

    @writing
    def prune_samples(self, connection: Connection, kept_for: timedelta, *, limit: int = 1000) -> int:
        """See `Retention.prune_samples`."""
        before = self._clock.now() - kept_for
        oldest = select(task_metrics.c.metric_id).order_by(task_metrics.c.metric_id).limit(limit)
        statement = delete(task_metrics).where(
            task_metrics.c.metric_id.in_(oldest.scalar_subquery()), task_metrics.c.timestamp < before
        )
        return connection.execute(statement).rowcount

    @writing
    def prune_quarantine(self, connection: Connection) -> None:
        """See `Retention.prune_quarantine`."""
        prune_quarantine(connection, now=self._clock.now())
