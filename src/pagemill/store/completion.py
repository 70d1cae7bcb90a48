"""How tasks end once nothing of them is left to do."""

from datetime import datetime

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.tasks import PageState, Task, TaskStatus
from pagemill.store.changes import OPEN, change_status
from pagemill.store.tables import task_pages, tasks


def completed_tasks(task_id: str | None) -> Select[*tuple[object, ...]]:
    """Running and cancelling tasks (or the one named) none of whose pages is left to do."""
    is_open = and_(task_pages.c.task_id == tasks.c.task_id, task_pages.c.state.in_(OPEN))
    query = select(tasks).where(
        tasks.c.status.in_((TaskStatus.RUNNING, TaskStatus.CANCELLING)),
        ~select(task_pages.c.number).where(is_open).exists(),
    )
    return query if task_id is None else query.where(tasks.c.task_id == task_id)


async def finish_task(connection: AsyncConnection, task: Task, now: datetime) -> Task:
    """End a locked task none of whose pages is left to do."""
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
