"""Ends tasks without unfinished pages, and marks tasks whose pages all wait for another attempt as `retrying`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, or_, select

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.task import PageState, Task, TaskStatus
from pagemill.store.changes import OPEN, at, change_status, is_over
from pagemill.store.records import Values
from pagemill.store.tables import task_pages, tasks

WORKABLE = and_(
    task_pages.c.state == PageState.QUEUED, or_(task_pages.c.retry_at.is_(None), is_over(task_pages.c.retry_at))
)
"""Pages that can be leased now."""
BUSY = or_(task_pages.c.state == PageState.LEASED, WORKABLE)
"""Pages that are leased or can be leased now."""
_ALL_RESTING = (
    select(tasks)
    .where(
        tasks.c.status.in_((TaskStatus.RUNNING, TaskStatus.CANCELLING)),
        ~select(task_pages.c.number).where(task_pages.c.task_id == tasks.c.task_id, BUSY).exists(),
    )
    .order_by(tasks.c.task_id)
)
_RESTING = _ALL_RESTING.where(tasks.c.task_id == bindparam("of_task"))
_ANY_RESTING, _IS_RESTING = _ALL_RESTING.limit(1), _RESTING.limit(1)
_LOCK_ALL, _LOCK = _ALL_RESTING.with_for_update(key_share=True), _RESTING.with_for_update(key_share=True)
_LEFT = select(func.count(), func.count().filter(BUSY)).where(
    task_pages.c.task_id == bindparam("of_task"), task_pages.c.state.in_(OPEN)
)


def is_any_resting(connection: Connection, task_id: str | None, now: datetime) -> bool:
    """Whether any running or cancelling task (or the given one) has no page that is leased or can be leased."""
    query = _ANY_RESTING if task_id is None else _IS_RESTING
    return connection.execute(query, _bind_task(task_id, now)).first() is not None


def lock_resting(connection: Connection, task_id: str | None, now: datetime) -> Sequence[RowMapping]:
    """The rows of the tasks that `is_any_resting` looks for, locked until the transaction ends."""
    query = _LOCK_ALL if task_id is None else _LOCK
    return connection.execute(query, _bind_task(task_id, now)).mappings().all()


def _bind_task(task_id: str | None, now: datetime) -> Values:
    return at(now) if task_id is None else {**at(now), "of_task": task_id}


def settle_task(connection: Connection, task: Task, now: datetime) -> Task:
    """End a locked task without unfinished pages, or mark it `retrying` if all of them wait for another attempt.

    A task whose pages were leased or came due before it was locked stays as it is.
    """
    open_pages, busy_pages = connection.execute(_LEFT, _bind_task(task.task_id, now)).one()
    if busy_pages:
        return task
    if open_pages:
        return change_status(connection, task, TaskStatus.RETRYING, now=now)
    return _finish(connection, task, now)


def _finish(connection: Connection, task: Task, now: datetime) -> Task:
    status = final_status(task)
    reason, message = None, None
    if status is TaskStatus.PARTIALLY_SUCCEEDED:
        message = f"{task.pages_failed} of {task.pages_total} pages could not be read."
    if status is TaskStatus.FAILED:
        reason, message = _commonest_failure(connection, task.task_id)
    return change_status(connection, task, status, now=now, reason=reason, message=message)


def final_status(task: Task) -> TaskStatus:
    """The final status of a task without unfinished pages."""
    if task.status is TaskStatus.CANCELLING:
        return TaskStatus.CANCELLED
    if task.pages_failed == 0:
        return TaskStatus.SUCCEEDED
    return TaskStatus.PARTIALLY_SUCCEEDED if task.pages_done else TaskStatus.FAILED


def _commonest_failure(connection: Connection, task_id: str) -> tuple[TaskFailureReason | None, str | None]:
    query = (
        select(task_pages.c.failure_reason, func.min(task_pages.c.failure_message))
        .where(task_pages.c.task_id == task_id, task_pages.c.state == PageState.FAILED)
        .group_by(task_pages.c.failure_reason)
        .order_by(func.count().desc(), task_pages.c.failure_reason)
        .limit(1)
    )
    reason, message = connection.execute(query).one()
    return reason, message
