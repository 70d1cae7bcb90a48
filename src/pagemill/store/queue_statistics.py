"""Numbers about the queue, for users: each from a few rows or an index, because views read them every second."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, Select, func, select

from pagemill.domain.reports.service_status import ACTIVE
from pagemill.domain.reports.snapshot import FailureGroup, QueueSnapshot, Spread, TaskGroup, TaskInLine
from pagemill.domain.task.task import TaskStatus
from pagemill.store.tables import task_pages, tasks

ENDED_BADLY = (TaskStatus.FAILED, TaskStatus.EXPIRED)
LATELY = timedelta(hours=1)
A_DAY = timedelta(days=1)
MOST_TASKS = 300
"""How many of the latest tasks the durations come from."""
MOST_IN_LINE = 200

_LEFT = tasks.c.pages_total - tasks.c.pages_done - tasks.c.pages_failed


def read_statistics(connection: Connection, now: datetime) -> QueueSnapshot:
    """The queue at this moment."""
    since = now - LATELY
    counts = count_by_status(connection)
    waits = _durations(connection.execute(_started_since(since)))
    oldest = _oldest_by_priority(connection, now)
    return QueueSnapshot(
        active_tasks=sum(counts.get(status, 0) for status in ACTIVE),
        queued_tasks=counts.get(TaskStatus.QUEUED, 0),
        waiting_pages=connection.execute(_waiting_pages()).scalar_one(),
        average_wait=_mean(waits),
        page_seconds=connection.execute(_page_seconds(since)).scalar_one(),
        oldest_wait=max(oldest.values(), default=timedelta()),
        tasks=counts,
        oldest_by_priority=oldest,
        waits=Spread.of(waits),
        runs=Spread.of(_durations(connection.execute(_finished_since(since)))),
        failures=_failures(connection, now - A_DAY),
        line=_line(connection),
        groups=_groups(connection),
    )


def count_by_status(connection: Connection, caller: str | None = None) -> Mapping[TaskStatus, int]:
    """Number of tasks in each status, of one caller or of all."""
    query = select(tasks.c.status, func.count().label("total")).group_by(tasks.c.status)
    if caller is not None:
        query = query.where(tasks.c.caller == caller)
    return {row.status: row.total for row in connection.execute(query)}


def _oldest_by_priority(connection: Connection, now: datetime) -> Mapping[int, timedelta]:
    waiting = select(tasks.c.priority, func.min(tasks.c.queued_at)).where(tasks.c.status == TaskStatus.QUEUED)
    query = waiting.group_by(tasks.c.priority).order_by(tasks.c.priority.desc())
    return {priority: _time_between(now, queued_at) for priority, queued_at in connection.execute(query)}


def _failures(connection: Connection, since: datetime) -> tuple[FailureGroup, ...]:
    """Failures by reason. Ids rise with time, so the highest is the newest."""
    number = func.count()
    ended = select(tasks.c.failure_reason, number, func.max(tasks.c.task_id)).where(
        tasks.c.status.in_(ENDED_BADLY), tasks.c.finished_at >= since, tasks.c.failure_reason.is_not(None)
    )
    query = ended.group_by(tasks.c.failure_reason).order_by(number.desc(), tasks.c.failure_reason)
    rows = connection.execute(query).all()
    examples = select(tasks.c.task_id, tasks.c.caller).where(tasks.c.task_id.in_([newest for _, _, newest in rows]))
    callers = {row.task_id: row.caller for row in connection.execute(examples)}
    return tuple(FailureGroup(reason, total, newest, callers.get(newest, "")) for reason, total, newest in rows)


def _line(connection: Connection) -> tuple[TaskInLine, ...]:
    """Tasks by queue order. Callers take turns at admission, which may change the order among equal priorities."""
    waits = tasks.c.status == TaskStatus.QUEUED
    query = select(tasks.c.task_id, waits, _LEFT, tasks.c.caller).where(
        tasks.c.status.in_((TaskStatus.QUEUED, *ACTIVE))
    )
    first = query.order_by(waits, tasks.c.queue_order, tasks.c.task_id).limit(MOST_IN_LINE)
    return tuple(TaskInLine(row[0], bool(row[1]), row[2], row[3]) for row in connection.execute(first))


def _groups(connection: Connection) -> tuple[TaskGroup, ...]:
    """Tasks grouped by device, priority and engine."""
    engine = tasks.c.options[("recognition", "engine")].as_string()
    alike = (tasks.c.status, tasks.c.assigned_device, tasks.c.priority, engine)
    query = select(*alike, func.count()).where(tasks.c.status.in_((TaskStatus.QUEUED, *ACTIVE)))
    rows = connection.execute(query.group_by(*alike).order_by(*alike))
    return tuple(TaskGroup(*row) for row in rows)


def _waiting_pages() -> Select[int]:
    return select(func.coalesce(func.sum(_LEFT), 0)).where(tasks.c.status.in_((TaskStatus.QUEUED, *ACTIVE)))


def _started_since(since: datetime) -> Select[datetime | None, datetime | None]:
    latest = select(tasks.c.started_at, tasks.c.queued_at).order_by(tasks.c.admission.desc()).limit(MOST_TASKS)
    return latest.where(tasks.c.admission.is_not(None), tasks.c.started_at >= since)


def _finished_since(since: datetime) -> Select[datetime | None, datetime | None]:
    latest = select(tasks.c.finished_at, tasks.c.started_at).order_by(tasks.c.finished_at.desc()).limit(MOST_TASKS)
    return latest.where(tasks.c.finished_at >= since, tasks.c.started_at.is_not(None))


def _page_seconds(since: datetime) -> Select[float | None]:
    return select(func.avg(task_pages.c.seconds)).where(task_pages.c.finished_at >= since)


def _durations(rows: Iterable[Row[datetime | None, datetime | None]]) -> list[timedelta]:
    """The durations of rows of (later, earlier)."""
    return [_time_between(later, earlier) for later, earlier in rows if later is not None and earlier is not None]


def _time_between(later: datetime, earlier: datetime) -> timedelta:
    return max(later - earlier, timedelta())


def _mean(waits: Sequence[timedelta]) -> timedelta:
    return sum(waits, timedelta()) / len(waits) if waits else timedelta()
