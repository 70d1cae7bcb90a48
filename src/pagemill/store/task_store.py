"""Tasks, their pages and results, in SQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, and_, delete, literal, select, update

from pagemill.domain.errors import Conflict, TaskFailureReason
from pagemill.domain.memory import DeviceId
from pagemill.domain.ports import Clock
from pagemill.domain.task.task import (
    FINAL_STATUSES,
    NewTask,
    PageState,
    Task,
    TaskPage,
    TaskStatus,
    no_such_task,
)
from pagemill.store.changes import change_status, lock_task, raised_peak
from pagemill.store.creation import create_task
from pagemill.store.database import Database, reading, writing, writing_durably
from pagemill.store.document_batches import forget_empty
from pagemill.store.each_task import parse_readable
from pagemill.store.labels import has_labels
from pagemill.store.payload import unpack
from pagemill.store.quotas import CallerQuota
from pagemill.store.records import Values, page_of, task_of
from pagemill.store.tables import page_results, task_pages, tasks

RESULTS_AT_ONCE = 16
"""Maximum number of packed page results in memory at a time while a result is read."""


class SqlTaskStore:
    """`TaskStore` and `ResultStore` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock, *, quota: CallerQuota | None = None) -> None:
        self._database = database
        self._clock = clock
        self._quota = quota or CallerQuota()

    @writing_durably
    def create(self, connection: Connection, new: NewTask) -> Task:
        """See `TaskStore.create`."""
        return create_task(connection, new, quota=self._quota, now=self._clock.now())

    @reading
    def get(self, connection: Connection, task_id: str) -> Task:
        """See `TaskStore.get`."""
        result = connection.execute(select(tasks).where(tasks.c.task_id == task_id))
        row = result.mappings().one_or_none()
        if row is None:
            raise no_such_task(task_id)
        return task_of(row)

    @reading
    def list_tasks(
        self,
        connection: Connection,
        *,
        status: TaskStatus | None = None,
        labels: Mapping[str, str] | None = None,
        batch_id: str | None = None,
        caller: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """See `TaskStore.list_tasks`."""
        query = select(tasks).order_by(tasks.c.task_id.desc()).limit(limit)
        if labels:
            query = query.where(has_labels(labels))
        if batch_id is not None:
            query = query.where(tasks.c.batch_id == batch_id)
        if caller is not None:
            query = query.where(tasks.c.caller == caller)
        if status is not None:
            query = query.where(tasks.c.status == status)
        if before is not None:
            query = query.where(tasks.c.task_id < before)
        return parse_readable(connection.execute(query).mappings())

    @reading
    def pages(
        self,
        connection: Connection,
        task_id: str,
        *,
        state: PageState | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Sequence[TaskPage]:
        """See `TaskStore.pages`."""
        query = select(task_pages).where(task_pages.c.task_id == task_id, task_pages.c.number > after)
        query = query.order_by(task_pages.c.number).limit(limit)
        if state is not None:
            query = query.where(task_pages.c.state == state)
        return [page_of(row) for row in connection.execute(query).mappings()]

    @reading
    def list_uncleaned(
        self, connection: Connection, limit: int = 100, *, ended_for: timedelta = timedelta(0), after: str = ""
    ) -> Sequence[str]:
        """See `TaskStore.list_uncleaned`."""
        query = (
            select(tasks.c.task_id)
            .where(
                tasks.c.task_id > after,
                tasks.c.resource_cleanup_completed.is_(False),
                tasks.c.status.in_(FINAL_STATUSES),
                tasks.c.finished_at <= self._clock.now() - ended_for,
            )
            .order_by(tasks.c.task_id)
            .limit(limit)
        )
        return connection.execute(query).scalars().all()

    @writing_durably
    def transition(
        self,
        connection: Connection,
        task_id: str,
        status: TaskStatus,
        *,
        reason: TaskFailureReason | None = None,
        message: str | None = None,
    ) -> Task:
        """See `TaskStore.transition`."""
        now = self._clock.now()
        task = lock_task(connection, task_id)
        if task.status is status:
            return task
        return change_status(connection, task, status, now=now, reason=reason, message=message)

    @writing
    def track(
        self,
        connection: Connection,
        task_id: str,
        *,
        device: DeviceId | None = None,
        service_instance_id: str | None = None,
        peak_memory_mb: int | None = None,
        cleanup_completed: bool | None = None,
    ) -> None:
        """See `TaskStore.track`."""
        given: Values = {
            "assigned_device": device,
            "service_instance_id": service_instance_id,
            "resource_cleanup_completed": cleanup_completed,
            "actual_memory_mb": None if peak_memory_mb is None else raised_peak(literal(peak_memory_mb)),
        }
        values = {name: value for name, value in given.items() if value is not None}
        if not values:
            return
        changed = connection.execute(update(tasks).where(tasks.c.task_id == task_id).values(values))
        if changed.rowcount == 0:
            raise no_such_task(task_id)

    @writing_durably
    def delete(self, connection: Connection, task_id: str) -> Task:
        """See `TaskStore.delete`."""
        task = lock_task(connection, task_id)
        if not (task.status.is_final or task.status is TaskStatus.CREATED):
            raise Conflict(f"Task {task_id} is {task.status}; cancel it before deleting it.")
        connection.execute(delete(tasks).where(tasks.c.task_id == task_id))
        forget_empty(connection, task.batch_id)
        return task

    async def results(self, task_id: str) -> AsyncIterator[bytes]:
        """See `ResultStore.results`."""
        await self.get(task_id)
        last, full = 0, True
        while full:
            found = await self._results_after(task_id, last)
            for number, codec, payload in found:
                yield unpack(codec, payload)
                last = number
            full = len(found) == RESULTS_AT_ONCE

    @reading
    def _results_after(self, connection: Connection, task_id: str, number: int) -> Sequence[tuple[int, str, bytes]]:
        same_options = and_(
            tasks.c.task_id == page_results.c.task_id, tasks.c.fingerprint == page_results.c.fingerprint
        )
        query = (
            select(page_results.c.page_number, page_results.c.codec, page_results.c.payload)
            .join(tasks, same_options)
            .where(page_results.c.task_id == task_id, page_results.c.page_number > number)
            .order_by(page_results.c.page_number)
            .limit(RESULTS_AT_ONCE)
        )
        return [(row.page_number, row.codec, row.payload) for row in connection.execute(query)]
