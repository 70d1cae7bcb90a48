"""The durable priority queue of tasks, in SQL.

Ageing never writes to a waiting row: a task with priority p counts as queued p ageing intervals earlier, and the task
that counts as queued first is next. That order does not change while tasks wait, so it is one indexed column,
`queue_order`. The bound: only tasks queued less than (their priority - its own) intervals after a task can overtake it.
With priorities -100 … 100 and one minute, no task overtakes another that was queued 200 minutes earlier.

Callers take turns: among waiting tasks of the next priority, the caller who was served the longest ago goes first. The
bound: between two tasks of one caller, and before a caller's first, every other caller gets at most one task of that
priority, however many it has sent.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, ScalarSelect, Select, case, func, select

from pagemill.domain.errors import IllegalTransition, QueueFull
from pagemill.domain.memory import DeviceId
from pagemill.domain.ports import Clock
from pagemill.domain.reports.snapshot import QueueSnapshot
from pagemill.domain.task.task import NewTask, Rung, Task, TaskStatus, check_startable
from pagemill.store.changes import change_status, climb, lock_task
from pagemill.store.creation import create_task
from pagemill.store.database import Database, reading, writing, writing_durably
from pagemill.store.dialects import Lock, serialise
from pagemill.store.each_task import each_task
from pagemill.store.queue_statistics import count_by_status, read_statistics
from pagemill.store.quotas import CallerQuota
from pagemill.store.records import task_of
from pagemill.store.tables import tasks

MOST_ADMISSIONS = 20
"""Number of latest admissions that give the pace of the queue."""
MOST_LOWERED = 10
"""A task that returns to the queue repeatedly sinks at most this far below its original priority."""
UNKNOWN_PACE = timedelta(seconds=60)


@dataclass(frozen=True)
class QueueConfig:
    """The settings `tasks.*` that concern the queue.

    Attributes:
        max_queue_size: Maximum number of waiting tasks.
        enable_priority_queue: Whether priorities count; if not, first come, first served.
        quota: The quota of each caller.
        ageing_interval: Waiting this long counts as one point of priority.
    """

    max_queue_size: int = 100
    enable_priority_queue: bool = True
    ageing_interval: timedelta = timedelta(minutes=1)
    quota: CallerQuota = field(default_factory=CallerQuota)


class SqlTaskQueue:
    """`TaskQueue` and `QueueStatistics` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock, *, config: QueueConfig | None = None) -> None:
        self._database = database
        self._clock = clock
        self._config = config or QueueConfig()

    @writing_durably
    def add_task(self, connection: Connection, task: Task, priority: int = 0) -> Task:
        """See `TaskQueue.add_task`."""
        now = self._clock.now()
        serialise(connection, Lock.QUEUE_SIZE)
        check_room(connection, self._config, now=now)
        stored = lock_task(connection, task.task_id)
        check_startable(stored)
        placed = replace(
            stored,
            assigned_device=task.assigned_device,
            estimated_memory_mb=task.estimated_memory_mb,
            password_at=task.password_at,
        )
        return enqueue(connection, placed, priority, config=self._config, now=now)

    async def get_next_task(self, device: DeviceId) -> Task | None:
        """See `TaskQueue.get_next_task`."""
        return await self._take_next(device) if await self._is_any_waiting(device) else None

    @reading
    def _is_any_waiting(self, connection: Connection, device: DeviceId) -> bool:
        return connection.execute(select(tasks.c.task_id).where(*_waiting_for(device)).limit(1)).first() is not None

    @writing
    def _take_next(self, connection: Connection, device: DeviceId) -> Task | None:
        in_line = self._in_line(_waiting_for(device)).limit(1)
        row = connection.execute(in_line.with_for_update(skip_locked=True, key_share=True)).mappings().one_or_none()
        if row is None:
            return None
        now = self._clock.now()

        def let_in(row: RowMapping) -> Task:
            return change_status(connection, task_of(row), TaskStatus.RUNNING, now=now)

        (task,) = each_task(connection, [row], let_in, now=now) or (None,)
        return task if task is not None and task.status is TaskStatus.RUNNING else None

    def _in_line(self, waiting: tuple[ColumnElement[bool], ...]) -> Select[*tuple[object, ...]]:
        first_come = (tasks.c.queue_order, tasks.c.task_id)
        everybody = select(tasks).where(*waiting)
        if not self._config.enable_priority_queue:
            return everybody.order_by(*first_come)
        next_priority = select(tasks.c.priority).where(*waiting).order_by(*first_come).limit(1).scalar_subquery()
        is_next = tasks.c.priority == next_priority
        return everybody.order_by(is_next.desc(), case((is_next, _last_served())), *first_come)

    @writing_durably
    def submit(self, connection: Connection, new: NewTask) -> Task:
        """See `TaskQueue.submit`."""
        now = self._clock.now()
        serialise(connection, Lock.QUEUE_SIZE)
        check_room(connection, self._config, now=now)
        task = create_task(connection, new, quota=self._config.quota, now=now)
        return enqueue(connection, task, task.priority, config=self._config, now=now)

    @writing
    def requeue_task(
        self, connection: Connection, task: Task, *, rung: Rung | None = None, device: DeviceId | None = None
    ) -> Task:
        """See `TaskQueue.requeue_task`."""
        now = self._clock.now()
        stored = lock_task(connection, task.task_id)
        if stored.status not in (TaskStatus.RUNNING, TaskStatus.RETRYING):
            raise IllegalTransition(
                f"Task {task.task_id} is {stored.status}; only a running task can go back to the queue."
            )
        if rung is not None:
            climb(connection, stored, rung, device=device)
        return enqueue(connection, stored, lower_priority(stored), config=self._config, now=now)

    @reading
    def size(self, connection: Connection) -> int:
        """See `TaskQueue.size`."""
        return _count_queued(connection)

    @reading
    def statistics(self, connection: Connection) -> QueueSnapshot:
        """See `QueueStatistics.statistics`."""
        now = self._clock.now()
        return read_statistics(connection, now)

    @reading
    def count_tasks(self, connection: Connection, caller: str) -> Mapping[TaskStatus, int]:
        """See `QueueStatistics.count_tasks`."""
        return count_by_status(connection, caller)


def enqueue(connection: Connection, task: Task, priority: int, *, config: QueueConfig, now: datetime) -> Task:
    """Queue a locked task, for the device and with the estimate it has now."""
    values = {
        "priority": priority,
        "queue_order": queue_order(now, priority, config=config),
        "assigned_device": task.assigned_device,
        "estimated_memory_mb": task.estimated_memory_mb,
        "password_at": task.password_at,
    }
    return change_status(connection, task, TaskStatus.QUEUED, now=now, values=values)


def lower_priority(task: Task) -> int:
    """The priority of a returning task: one less, at most `MOST_LOWERED` below its original one."""
    return min(task.priority, max(task.priority - 1, task.options.priority - MOST_LOWERED))


def check_room(connection: Connection, config: QueueConfig, *, now: datetime, wanted: int = 1) -> None:
    """Check that the queue has room for this many tasks; `Lock.QUEUE_SIZE` must serialise the transaction.

    Raises:
        QueueFull: It has no room.
    """
    queued = _count_queued(connection)
    missing = queued + wanted - config.max_queue_size
    if missing <= 0:
        return
    lately = select(tasks.c.started_at).where(tasks.c.admission.is_not(None), tasks.c.started_at.is_not(None))
    query = lately.order_by(tasks.c.admission.desc()).limit(MOST_ADMISSIONS)
    wait = retry_after(connection.execute(query).scalars().all(), now, places=missing)
    raise QueueFull(
        f"The queue has no room: {queued} of at most {config.max_queue_size} tasks are waiting. Try again in {wait} s.",
        queued_tasks=queued,
        max_queue_size=config.max_queue_size,
        retry_after_s=wait,
    )


def _waiting_for(device: DeviceId) -> tuple[ColumnElement[bool], ...]:
    return (tasks.c.status == TaskStatus.QUEUED, tasks.c.assigned_device == device)


def queue_order(now: datetime, priority: int, *, config: QueueConfig) -> datetime:
    """The time at which a task counts as queued: one ageing interval earlier for each point of priority."""
    return now - priority * config.ageing_interval if config.enable_priority_queue else now


def retry_after(started: Sequence[datetime | None], now: datetime, *, places: int = 1) -> int:
    """Seconds until this many places are likely to be free: the mean time between the latest admissions, 1 … 3600."""
    known = [moment for moment in started if moment is not None]
    pace = (now - min(known)) / len(known) if known else UNKNOWN_PACE
    return min(max(math.ceil(places * pace.total_seconds()), 1), 3600)


def _last_served() -> ScalarSelect[int]:
    """The number of the last admission of a task of the same caller."""
    others = tasks.alias()
    latest = select(func.coalesce(func.max(others.c.admission), 0))
    return latest.where(others.c.caller == tasks.c.caller).correlate(tasks).scalar_subquery()


def _count_queued(connection: Connection) -> int:
    return connection.execute(_count_statement(TaskStatus.QUEUED)).scalar_one()


def _count_statement(*statuses: TaskStatus) -> Select[int]:
    return select(func.count()).select_from(tasks).where(tasks.c.status.in_(statuses))
