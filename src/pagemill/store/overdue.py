"""Tasks that have waited too long, in SQL.

Waiting times use a clock that does not jump (`SteadyClock`). A task that was served a moment ago, by this server or
another, no longer meets the conditions once its row is locked, because whatever serves it writes there.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, false, func, or_, select, update

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import NOTHING, MemoryNeed, in_mib
from pagemill.domain.ports import Clock, IsGone, is_never_gone
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import FINAL_STATUSES, PageLease, PageState, Task, TaskStatus
from pagemill.store.changes import OPEN, begin_to_wait, change_status, note
from pagemill.store.database import Database, reading, writing
from pagemill.store.each_task import each_task
from pagemill.store.records import task_of
from pagemill.store.settling import lock_status, rows_of, stale_lease
from pagemill.store.tables import task_pages, tasks

LET_IN = (TaskStatus.RUNNING, TaskStatus.RETRYING)
UNDER_WAY = (TaskStatus.QUEUED, *LET_IN)
WATCHED = tuple(status for status in TaskStatus if status is not TaskStatus.CREATED and status not in FINAL_STATUSES)
AT_ONCE = 100
"""Maximum number of tasks to end in one transaction."""

_IN_WORK = (
    select(task_pages.c.number)
    .where(
        task_pages.c.task_id == tasks.c.task_id, task_pages.c.state == PageState.LEASED, task_pages.c.begun.is_(True)
    )
    .exists()
)


class SqlOverdueTasks:
    """`OverdueTasks` on SQLite and PostgreSQL. Runs in the server process; several servers may run it at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def note_begun(self, connection: Connection, lease: PageLease) -> None:
        """See `OverdueTasks.note_begun`."""
        lock_status(connection, lease)
        pages = update(task_pages).where(*rows_of(lease, lease.pages)).values(begun=True)
        if connection.execute(pages).rowcount == 0:
            raise stale_lease(lease)

    @writing
    def note_refused(self, connection: Connection, task_ids: Collection[str]) -> None:
        """See `OverdueTasks.note_refused`."""
        begin_to_wait(connection, task_ids, now=self._clock.now())

    async def expire(self, *, queue_timeout: timedelta | None, is_gone: IsGone = is_never_gone) -> Sequence[Task]:
        """See `OverdueTasks.expire`."""
        is_any = await self._is_any_overdue(queue_timeout)
        return await self._expire(queue_timeout, is_gone) if is_any else []

    @reading
    def _is_any_overdue(self, connection: Connection, queue_timeout: timedelta | None) -> bool:
        return connection.execute(_select_overdue(self._clock.now(), queue_timeout).limit(1)).first() is not None

    @writing
    def _expire(self, connection: Connection, queue_timeout: timedelta | None, is_gone: IsGone) -> Sequence[Task]:
        now = self._clock.now()
        overdue = _select_overdue(now, queue_timeout).order_by(tasks.c.task_id)
        locked = overdue.limit(AT_ONCE).with_for_update(skip_locked=True, key_share=True)
        ids = [row["task_id"] for row in connection.execute(locked).mappings()]
        still = overdue.where(tasks.c.task_id.in_(ids))  # a worker may have begun a page before we got the lock
        rows = connection.execute(still).mappings().all()
        return each_task(connection, rows, lambda row: _expire(connection, row, now, is_gone), now=now)

    @reading
    def find_unchanged(self, connection: Connection, silence: timedelta) -> Sequence[str]:
        """See `OverdueTasks.find_unchanged`."""
        query = _select_unchanged(self._clock.now() - silence).order_by(tasks.c.changed_at, tasks.c.task_id)
        return connection.execute(query.with_only_columns(tasks.c.task_id)).scalars().all()

    @writing
    def end_stalled(self, connection: Connection, task_id: str, silence: timedelta) -> Task | None:
        """See `OverdueTasks.end_stalled`."""
        now = self._clock.now()
        query = _select_unchanged(now - silence).where(tasks.c.task_id == task_id).with_for_update(key_share=True)
        rows = connection.execute(query).mappings().all()
        ended = each_task(connection, rows, lambda row: _end_stalled(connection, row, now), now=now)
        return ended[0] if ended else None


# --- expired ---------------------------------------------------------------------------------------------------------


def _expire(connection: Connection, row: RowMapping, now: datetime, is_gone: IsGone) -> Task:
    task = task_of(row)
    is_device_gone = task.assigned_device is not None and is_gone(task.assigned_device)
    reason, message = why_expired(
        task,
        now,
        unserved_since=row["unserved_since"],
        is_device_gone=is_device_gone,
        need=_find_need(connection, task.task_id),
    )
    return change_status(connection, task, TaskStatus.EXPIRED, now=now, reason=reason, message=message)


def _find_need(connection: Connection, task_id: str) -> MemoryNeed:
    """What its unfinished pages need at least, if a node was too small for them."""
    largest = select(
        func.coalesce(func.max(task_pages.c.need_ram_bytes), 0), func.coalesce(func.max(task_pages.c.need_gpu_bytes), 0)
    ).where(task_pages.c.task_id == task_id, task_pages.c.state.in_(OPEN))
    ram_bytes, gpu_bytes = connection.execute(largest).one()
    return MemoryNeed(ram_bytes, gpu_bytes)


def why_expired(
    task: Task,
    now: datetime,
    *,
    unserved_since: datetime | None,
    is_device_gone: bool = False,
    need: MemoryNeed = NOTHING,
) -> tuple[TaskFailureReason, str]:
    """The reason and message of an overdue task."""
    if task.deadline_at is not None and task.deadline_at <= now:
        read = f"{task.pages_done} of its {task.pages_total} pages were read"
        return TaskFailureReason.DEADLINE_EXCEEDED, f"The task missed its deadline; {read} and remain available."
    waited = (now - unserved_since).total_seconds() if unserved_since else 0
    if is_device_gone:
        return TaskFailureReason.DEVICE_UNAVAILABLE, (
            f"The device {task.assigned_device} is gone; the task waited {waited:.0f} s for it. Retry the task when "
            "the device is back, or send the document again for another device or engine. Its finished pages remain "
            "available."
        )
    if need != NOTHING:
        return TaskFailureReason.POOL_EXHAUSTED, (
            f"For {waited:.0f} s, no node took pages of the task that are too large for the others: they need "
            f"{_list_sizes(need)}. Start a node that can provide this, or raise the limit of one, and retry the task. "
            "Its finished pages remain available."
        )
    if task.status is TaskStatus.QUEUED and task.started_at is None:
        return TaskFailureReason.QUEUE_TIMEOUT, (
            f"The task waited {waited:.0f} s without starting. Send it again when the service is less busy, or raise "
            f"tasks.queue_timeout_seconds.{_about_password(task)}"
        )
    return TaskFailureReason.POOL_EXHAUSTED, (
        f"For {waited:.0f} s, no service or memory was free for a page of the task. Retry the task when the service is "
        "less busy or has more memory, or raise tasks.queue_timeout_seconds. Its finished pages remain available."
        f"{_about_password(task)}"
    )


def _list_sizes(need: MemoryNeed) -> str:
    sizes = {"host memory": need.ram_bytes, "GPU memory": need.gpu_bytes}
    return " and ".join(f"{in_mib(size)} MiB of {name}" for name, size in sizes.items() if size)


def _about_password(task: Task) -> str:
    """Another possible reason, if the document needs a password."""
    if not task.needs_password:
        return ""
    return (
        " Only the server that was told the password of the PDF can read it: if that server was restarted, retry the "
        "task with its password."
    )


def _select_overdue(now: datetime, queue_timeout: timedelta | None) -> Select[*tuple[object, ...]]:
    return select(tasks).where(or_(_is_late(now), _is_unserved(now, queue_timeout)))


def _is_late(now: datetime) -> ColumnElement[bool]:
    return and_(tasks.c.status.in_(UNDER_WAY), tasks.c.deadline_at <= now)


def _is_unserved(now: datetime, queue_timeout: timedelta | None) -> ColumnElement[bool]:
    """Waiting tasks, and running tasks on whose pages no worker has begun."""
    if queue_timeout is None:
        return false()
    return and_(tasks.c.status.in_(UNDER_WAY), tasks.c.unserved_since <= now - queue_timeout, ~_IN_WORK)


# --- stalled ---------------------------------------------------------------------------------------------------------


def _select_unchanged(since: datetime) -> Select[*tuple[object, ...]]:
    return select(tasks).where(tasks.c.status.in_(WATCHED), tasks.c.changed_at <= since)


def _end_stalled(connection: Connection, row: RowMapping, now: datetime) -> Task:
    task, silent_s = task_of(row), round((now - row["changed_at"]).total_seconds())
    note(connection, task.task_id, TaskEvent.STALLED, now=now, details={"status": task.status, "silent_s": silent_s})
    if task.status is TaskStatus.CANCELLING:
        return change_status(connection, task, TaskStatus.CANCELLED, now=now)
    message = (
        f"Nothing happened in the task for {silent_s} s although it had pages left. This is a fault in the service; "
        "its log has the details. Retry the task, and report this if it happens again. Its finished pages "
        "remain available."
    )
    reason = TaskFailureReason.INTERNAL_ERROR
    return change_status(connection, task, TaskStatus.FAILED, now=now, reason=reason, message=message)
