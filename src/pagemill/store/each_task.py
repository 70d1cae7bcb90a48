"""Handles many tasks one by one: a task that cannot be read or changed ends, and does not hold up the others."""

import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection, RowMapping, update
from sqlalchemy.exc import InterfaceError, OperationalError

from pagemill.domain.errors import TaskFailureReason, fault_of_ours
from pagemill.domain.task.task import Task, TaskOptions, TaskStatus
from pagemill.store.changes import change_status, lock_row
from pagemill.store.records import task_of
from pagemill.store.tables import tasks

logger = logging.getLogger(__name__)

UNAVAILABLE = (OperationalError, InterfaceError)
"""Errors of the database, for which no task is to blame."""


def each_task(
    connection: Connection, rows: Iterable[RowMapping], act: Callable[[RowMapping], Task | None], *, now: datetime
) -> list[Task]:
    """Call `act` on every locked task. If it fails, log the error and end the task with an internal error.

    Returns:
        The tasks that `act` returned, and those that ended because of an error.
    """
    changed: list[Task] = []
    for row in rows:
        try:
            with connection.begin_nested():
                task = act(row)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            task = _end(connection, row["task_id"], error, now)
        if task is not None:
            changed.append(task)
    return changed


def parse_readable(rows: Iterable[RowMapping]) -> list[Task]:
    """The tasks of those rows that can be read; the others are logged."""
    found: list[Task] = []
    for row in rows:
        try:
            found.append(task_of(row))
        except Exception:
            logger.exception("Task %s cannot be read and is left out", row["task_id"])
    return found


def _end(connection: Connection, task_id: str, error: Exception, now: datetime) -> Task | None:
    error_id = secrets.token_hex(8)
    logger.error("Error %s: task %s could not be handled and ends", error_id, task_id, exc_info=error)
    try:
        with connection.begin_nested():
            task = _make_readable(connection, task_id)
            if task.status is TaskStatus.CANCELLING:
                return change_status(connection, task, TaskStatus.CANCELLED, now=now)
            reason, message = TaskFailureReason.INTERNAL_ERROR, fault_of_ours(error_id)
            return change_status(connection, task, TaskStatus.FAILED, now=now, reason=reason, message=message)
    except UNAVAILABLE:
        raise
    except Exception:
        logger.exception("Task %s could not be ended; the next sweep tries again", task_id)
        return None


def _make_readable(connection: Connection, task_id: str) -> Task:
    """Lock and read the task; reset options that this version does not understand, so that the task can end."""
    row = lock_row(connection, task_id)
    try:
        return task_of(row)
    except Exception:
        logger.exception("The options of task %s cannot be read and are reset; they were %s", task_id, row["options"])
    usual = TaskOptions().model_dump(mode="json")
    connection.execute(update(tasks).where(tasks.c.task_id == task_id).values(options=usual))
    return task_of(lock_row(connection, task_id))
