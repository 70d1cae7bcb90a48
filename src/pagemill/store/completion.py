"""How tasks end once nothing of them is left to do, and how they wait while nothing of them can be done."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.tasks import PageState, Task, TaskStatus
from pagemill.store.changes import OPEN, change_status, is_over
from pagemill.store.tables import task_pages, tasks


def workable(now: datetime) -> ColumnElement[bool]:
    """Pages that can be leased."""
    due = or_(task_pages.c.retry_at.is_(None), is_over(task_pages.c.retry_at, now))
    return and_(task_pages.c.state == PageState.QUEUED, due)


def resting_tasks(task_id: str | None, now: datetime) -> Select[*tuple[object, ...]]:
    """Running and cancelling tasks (or the one named) none of whose pages is or can be worked on."""
    busy = or_(task_pages.c.state == PageState.LEASED, workable(now))
    query = select(tasks).where(
        tasks.c.status.in_((TaskStatus.RUNNING, TaskStatus.CANCELLING)),
        ~select(task_pages.c.number).where(task_pages.c.task_id == tasks.c.task_id, busy).exists(),
    )
    return query if task_id is None else query.where(tasks.c.task_id == task_id)


async def settle_task(connection: AsyncConnection, task: Task, now: datetime) -> Task:
    """End a locked task none of whose pages is left to do, or let it wait for the next try of those that are left.

    Pages may have been leased or come due before the task was locked; such a task stays as it is.
    """
    busy = or_(task_pages.c.state == PageState.LEASED, workable(now))
    left = select(func.count(), func.count().filter(busy)).where(
        task_pages.c.task_id == task.task_id, task_pages.c.state.in_(OPEN)
    )
    open_pages, busy_pages = (await connection.execute(left)).one()
    if busy_pages:
        return task
    if open_pages:
        return await change_status(connection, task, TaskStatus.RETRYING, now=now)
    return await _finish(connection, task, now)


async def _finish(connection: AsyncConnection, task: Task, now: datetime) -> Task:
    status = final_status(task)
    reason, message = None, None
    if status is TaskStatus.PARTIALLY_SUCCEEDED:
        message = f"{task.pages_failed} of {task.pages_total} pages could not be read."
    if status is TaskStatus.FAILED:
        reason, message = await _commonest_failure(connection, task.task_id)
    return await change_status(connection, task, status, now=now, reason=reason, message=message)


def final_status(task: Task) -> TaskStatus:
    """How a task ends none of whose pages is left to do."""
    if task.status is TaskStatus.CANCELLING:
        return TaskStatus.CANCELLED
    if task.pages_failed == 0:
        return TaskStatus.SUCCEEDED
    return TaskStatus.PARTIALLY_SUCCEEDED if task.pages_done else TaskStatus.FAILED


async def _commonest_failure(connection: AsyncConnection, task_id: str) -> tuple[TaskFailureReason | None, str | None]:
    query = (
        select(task_pages.c.failure_reason, func.min(task_pages.c.failure_message))
        .where(task_pages.c.task_id == task_id, task_pages.c.state == PageState.FAILED)
        .group_by(task_pages.c.failure_reason)
        .order_by(func.count().desc(), task_pages.c.failure_reason)
        .limit(1)
    )
    reason, message = (await connection.execute(query)).one()
    return reason, message
