"""Changes a task's row: locks it first, follows the state machine, and always writes the event.

These functions run inside a write transaction of their caller.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    ScalarSelect,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageState, Rung, Task, TaskStatus, check_transition, no_such_task
from pagemill.domain.text import without_paths
from pagemill.store.columns import UtcDateTime
from pagemill.store.outbox import announce_end
from pagemill.store.records import Values, task_of
from pagemill.store.tables import task_events, task_pages, tasks

FARTHEST = timedelta(hours=2)
"""Leases and retries end sooner than this; a later time comes from a clock that has been corrected since."""

EVENT_OF_STATUS = {
    TaskStatus.CREATED: TaskEvent.CREATED,
    TaskStatus.QUEUED: TaskEvent.QUEUED,
    TaskStatus.RUNNING: TaskEvent.STARTED,
    TaskStatus.RETRYING: TaskEvent.RETRYING,
    TaskStatus.CANCELLING: TaskEvent.CANCEL_REQUESTED,
    TaskStatus.SUCCEEDED: TaskEvent.SUCCEEDED,
    TaskStatus.PARTIALLY_SUCCEEDED: TaskEvent.PARTIALLY_SUCCEEDED,
    TaskStatus.FAILED: TaskEvent.FAILED,
    TaskStatus.CANCELLED: TaskEvent.CANCELLED,
    TaskStatus.EXPIRED: TaskEvent.EXPIRED,
}

OPEN = (PageState.QUEUED, PageState.LEASED)
"""States of unfinished pages."""

RELEASED: Values = {"lease_owner": None, "lease_until": None, "begun": False}
"""The lease of a page that its holder has settled; the token remains as a mark of that."""

REVOKED: Values = {**RELEASED, "lease_token": None}
"""The lease of a page that was taken from its holder."""


# Statements that run for every chunk or page are built once, because building one takes longer than running it. So the
# present time is a parameter, which `at` binds.
_NOW = bindparam("at_moment", type_=UtcDateTime)
_TOO_FAR = bindparam("too_far", type_=UtcDateTime)
_LOCKED = select(tasks).where(tasks.c.task_id == bindparam("of_task")).with_for_update(key_share=True)
_NOTE = insert(task_events)


def at(now: datetime) -> Values:
    """The parameters of a statement that uses `is_over`."""
    return {_NOW.key: now, _TOO_FAR.key: now + FARTHEST}


def is_over(until: ColumnElement[datetime | None]) -> ColumnElement[bool]:
    """Whether a lease or the wait for a retry is over; run the statement with `at`."""
    return or_(until <= _NOW, until > _TOO_FAR)


def lock_task(connection: Connection, task_id: str) -> Task:
    """The task, locked until the transaction ends.

    Raises:
        NotFound: No task has that id.
    """
    return task_of(lock_row(connection, task_id))


def lock_row(connection: Connection, task_id: str) -> RowMapping:
    """The task's row, locked until the transaction ends.

    Raises:
        NotFound: No task has that id.
    """
    row = connection.execute(_LOCKED, {"of_task": task_id}).mappings().one_or_none()
    if row is None:
        raise no_such_task(task_id)
    return row


def raised_peak(peak_mb: ColumnElement[int]) -> ColumnElement[int | None]:
    """`actual_memory_mb` raised to a peak, MiB; never lowered, and unchanged by NULL."""
    known = tasks.c.actual_memory_mb
    return case((or_(known.is_(None), known < peak_mb), peak_mb), else_=known)


def note(
    connection: Connection, task_id: str, event: TaskEvent, *, now: datetime, details: Details | None = None
) -> None:
    """Write an event. The task's row must be locked, so that sequences become visible in order."""
    note_all(connection, task_id, event, now=now, details=[details or {}])


def note_all(
    connection: Connection, task_id: str, event: TaskEvent, *, now: datetime, details: Sequence[Details]
) -> None:
    """Write several events of one kind, in their order. The task's row must be locked."""
    about: Values = {"task_id": task_id, "event_type": event, "timestamp": now}
    connection.execute(_NOTE, [{**about, "details": each} for each in details])


def begin_to_wait(connection: Connection, task_ids: Collection[str], *, now: datetime) -> None:
    """Mark these tasks as unserved from now on, unless they already are."""
    unserved = update(tasks).where(tasks.c.task_id.in_(task_ids), tasks.c.unserved_since.is_(None))
    connection.execute(unserved.values(unserved_since=now, changed_at=now))


def climb(connection: Connection, task: Task, rung: Rung, *, device: DeviceId | None = None) -> None:
    """Move a locked task's waiting pages up to a rung of the out-of-memory ladder, and to a device."""
    waiting = update(task_pages).where(
        task_pages.c.task_id == task.task_id, task_pages.c.state == PageState.QUEUED, task_pages.c.rung < rung.value
    )
    moved: Values = {} if device is None else {"device": device}
    connection.execute(waiting.values({"rung": rung.value, **moved}))


def change_status(
    connection: Connection,
    task: Task,
    after: TaskStatus,
    *,
    now: datetime,
    reason: TaskFailureReason | None = None,
    message: str | None = None,
    values: Values | None = None,
) -> Task:
    """Change the status of a locked task: its row, its pages and its event.

    Raises:
        IllegalTransition: The state machine does not allow the change.
    """
    check_transition(task.task_id, task.status, after)
    changes = {
        "status": after,
        "failure_reason": reason,
        "failure_message": None if message is None else without_paths(message),
        "changed_at": now,
        **_times(task, after, now),
        **(values or {}),
    }
    statement = update(tasks).where(tasks.c.task_id == task.task_id).values(changes).returning(tasks)
    changed = task_of(connection.execute(statement).mappings().one())
    _settle_pages(connection, task, after)
    note(connection, task.task_id, _event(task, after), now=now, details=_details(changed))
    if after.is_final:
        announce_end(connection, changed, now=now)
    return changed


def _times(task: Task, after: TaskStatus, now: datetime) -> Values:
    """The columns that belong to a status."""
    if after is TaskStatus.QUEUED:
        place: Values = {"queue_order": func.coalesce(tasks.c.queue_order, now)}
        come_back: Values = {"unserved_since": func.coalesce(tasks.c.unserved_since, now)}
        return place | (_first_times(task, now) if _begins(task) else come_back)
    if after is TaskStatus.RUNNING and task.status is TaskStatus.QUEUED:
        return {"started_at": now, "admission": _next_admission()}
    return (
        {"finished_at": now, "delete_at": _add_seconds(now, task.options.time_to_live_seconds)}
        if after.is_final
        else {}
    )


def _begins(task: Task) -> bool:
    """Whether the task enters the queue for the first time or for a retry, and does not merely return to it."""
    return task.status is TaskStatus.CREATED or task.status.is_final


def _first_times(task: Task, now: datetime) -> Values:
    fresh: Values = {"started_at": None, "finished_at": None, "resource_cleanup_completed": False}
    fresh |= {"queued_at": now, "unserved_since": now}
    fresh |= {"deadline_at": _add_seconds(now, task.options.deadline_seconds), "delete_at": None}
    return fresh | ({"pages_failed": 0} if task.status.is_final else {})


def _add_seconds(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _next_admission() -> ScalarSelect[int]:
    return select(func.coalesce(func.max(tasks.c.admission), 0) + 1).scalar_subquery()


def _event(task: Task, after: TaskStatus) -> TaskEvent:
    comes_back = after is TaskStatus.QUEUED and task.status in (TaskStatus.RUNNING, TaskStatus.RETRYING)
    return TaskEvent.REQUEUED if comes_back else EVENT_OF_STATUS[after]


def _details(task: Task) -> Details:
    details: Details = {}
    if task.status is TaskStatus.QUEUED:
        details["priority"] = task.priority
    if task.status is TaskStatus.RUNNING:
        details["device"] = task.assigned_device
    if task.failure_reason is not None:
        details["reason"] = task.failure_reason.value
    if task.failure_message is not None:
        details["message"] = task.failure_message
    return details


def _settle_pages(connection: Connection, task: Task, after: TaskStatus) -> None:
    if after is TaskStatus.CANCELLING:
        _move_pages(connection, task, (PageState.QUEUED,), {"state": PageState.CANCELLED})
    elif after.is_final:
        _move_pages(connection, task, OPEN, {"state": PageState.CANCELLED, **REVOKED})
    elif after is TaskStatus.QUEUED and task.status.is_final:
        _move_pages(connection, task, (PageState.FAILED, PageState.CANCELLED), _reset_values())


def _reset_values() -> Values:
    return {
        "state": PageState.QUEUED,
        "attempts": 0,
        "crashes": 0,
        "rung": 0,
        "device": None,
        "need_ram_bytes": 0,
        "need_gpu_bytes": 0,
        "retry_at": None,
        "failure_reason": None,
        "failure_message": None,
        "finished_at": None,
    }


def _move_pages(connection: Connection, task: Task, states: tuple[PageState, ...], values: Values) -> None:
    pages = update(task_pages).where(task_pages.c.task_id == task.task_id, task_pages.c.state.in_(states))
    connection.execute(pages.values(values))
