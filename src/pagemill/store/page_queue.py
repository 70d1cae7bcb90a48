"""Leases on pages of running tasks, in SQL.

    queued ──claim──▶ leased ──commit──▶ done
      ▲                 │ ├───────fail──▶ failed        every arrow away from `leased` names its fencing token;
      └──fail (retry), give back, rescue, text → OCR    a stale token changes nothing

In a task that is being cancelled, pages are cancelled instead of queued again. A task is `retrying` from the end of a
chunk that leaves only pages waiting for their next attempt, until one of them is leased.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby, takewhile
from operator import itemgetter

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Row,
    RowMapping,
    bindparam,
    func,
    select,
    update,
)

from pagemill.domain.errors import NotFound
from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.ports import Clock
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageLease, PageState, Rung, Task, TaskStatus
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import Stage
from pagemill.store.changes import OPEN, at, begin_to_wait, change_status, lock_row, note, note_all
from pagemill.store.completion import WORKABLE, is_any_resting, lock_resting, settle_task
from pagemill.store.database import Database, reading, writing
from pagemill.store.each_task import each_task
from pagemill.store.quarantine import quarantine
from pagemill.store.records import Values, document_of, options_of, task_of
from pagemill.store.rescuing import lost_pages, rescue_pages, unfinished_tasks_with
from pagemill.store.settling import (
    commit,
    count,
    count_failure,
    for_larger_node,
    lock_status,
    needs_larger_node,
    rows_of,
    settle,
    stale_lease,
    waiting_state,
    was_revoked,
)
from pagemill.store.tables import task_pages, tasks

AT_WORK = (TaskStatus.RUNNING, TaskStatus.RETRYING)


_RUNNING = (
    select(tasks.c.task_id)
    .where(tasks.c.status.in_(AT_WORK))
    .order_by(tasks.c.admission, tasks.c.task_id)
    .limit(bindparam("at_most", type_=Integer))
)
_ALONE = task_pages.c.rung >= Rung.ALONE
_NEED = (task_pages.c.need_ram_bytes, task_pages.c.need_gpu_bytes)


def _device_of(page_device: ColumnElement[str | None]) -> ColumnElement[str | None]:
    return func.coalesce(page_device, tasks.c.assigned_device)


# The stage, `_ALONE`, `_device_of` and `_NEED` make the `PageKind` of a page. The backlog counts by them and a claim
# filters by them, so that the two agree.
_OPEN_PAGES = (
    select(
        *(task_pages.c.task_id, task_pages.c.state, task_pages.c.stage, task_pages.c.device),
        *(_ALONE.label("alone"), WORKABLE.label("workable"), *_NEED),
    )
    .where(task_pages.c.task_id.in_(_RUNNING), task_pages.c.state.in_(OPEN))
    .subquery()
)
_KIND = (
    *(_OPEN_PAGES.c.task_id, _OPEN_PAGES.c.stage, _OPEN_PAGES.c.alone, _OPEN_PAGES.c.device),
    *(_OPEN_PAGES.c.need_ram_bytes, _OPEN_PAGES.c.need_gpu_bytes),
)
_KINDS = (
    select(
        *_KIND,
        func.count().filter(_OPEN_PAGES.c.workable).label("waiting"),
        func.count().filter(_OPEN_PAGES.c.state == PageState.LEASED).label("leased"),
    )
    .group_by(*_KIND)
    .subquery()
)
_BACKLOG = (
    select(
        *(tasks.c.task_id, tasks.c.priority, tasks.c.admission, tasks.c.caller, tasks.c.password_at),
        tasks.c.unserved_since.is_not(None).label("is_unserved"),
        tasks.c.options[("recognition", "structure")].as_boolean().label("structure"),
        tasks.c.options[("recognition", "engine")].as_string().label("engine"),
        *(_KINDS.c.stage, _KINDS.c.alone, _device_of(_KINDS.c.device).label("device")),
        *(_KINDS.c.need_ram_bytes, _KINDS.c.need_gpu_bytes, _KINDS.c.waiting, _KINDS.c.leased),
    )
    .join(_KINDS, _KINDS.c.task_id == tasks.c.task_id)
    .order_by(
        *(tasks.c.admission, tasks.c.task_id, _KINDS.c.stage, _KINDS.c.alone, _KINDS.c.device),
        *(_KINDS.c.need_ram_bytes, _KINDS.c.need_gpu_bytes),
    )
)
_WAITING = (
    select(task_pages.c.number, task_pages.c.attempts, task_pages.c.crashes, task_pages.c.rung)
    .join(tasks, tasks.c.task_id == task_pages.c.task_id)
    .where(
        task_pages.c.task_id == bindparam("of_task"),
        task_pages.c.stage == bindparam("at_stage", type_=task_pages.c.stage.type),
        bindparam("alone", type_=Boolean) == _ALONE,
        bindparam("on_device", type_=task_pages.c.device.type) == _device_of(task_pages.c.device),
        task_pages.c.need_ram_bytes == bindparam("ram_bytes", type_=BigInteger),
        task_pages.c.need_gpu_bytes == bindparam("gpu_bytes", type_=BigInteger),
        WORKABLE,
    )
    .order_by(task_pages.c.number)
    .limit(bindparam("at_most", type_=Integer))
)
_NEW_TOKEN = update(tasks).where(tasks.c.task_id == bindparam("of_task")).values(lease_token=bindparam("token"))
_LEASE = (
    update(task_pages)
    .where(
        task_pages.c.task_id == bindparam("of_task"),
        task_pages.c.number.in_(bindparam("numbers", expanding=True, type_=Integer)),
    )
    .values(
        state=PageState.LEASED,
        lease_token=bindparam("token"),
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
        retry_at=None,
    )
)


_NO_NEED: Values = {"need_ram_bytes": 0, "need_gpu_bytes": 0}
_TO_OCR: Values = {"stage": Stage.OCR, "rung": Rung.USUAL.value, "device": None, "retry_at": None, **_NO_NEED}
"""What happens to a page without a text layer. It starts at the lowest rung again: the memory used to look for text
says nothing about recognition."""


class SqlPageQueue:
    """`PageQueue` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @reading
    def backlog(self, connection: Connection, limit: int = 256) -> Sequence[Backlog]:
        """See `PageQueue.backlog`."""
        rows = connection.execute(_BACKLOG, {**at(self._clock.now()), "at_most": limit}).mappings().all()
        return [_backlog(list(of_task)) for _, of_task in groupby(rows, key=itemgetter("task_id"))]

    @writing
    def claim_pages(
        self,
        connection: Connection,
        task_id: str,
        kind: PageKind,
        *,
        limit: int,
        owner: str,
        lease_for: timedelta,
    ) -> PageLease | None:
        """See `PageQueue.claim_pages`."""
        now = self._clock.now()
        of_kind = {"at_stage": kind.stage, "alone": kind.alone, "on_device": kind.device}
        of_need = {"ram_bytes": kind.need.ram_bytes, "gpu_bytes": kind.need.gpu_bytes}
        wanted = {**at(now), **of_kind, **of_need, "of_task": task_id, "at_most": limit}
        try:
            row = lock_row(connection, task_id)
        except NotFound:
            return None
        found = connection.execute(_WAITING, wanted).all()
        pages = _first_chunk(found)
        if row["status"] not in AT_WORK or not pages:
            return None
        if row["status"] is TaskStatus.RETRYING:
            change_status(connection, task_of(row), TaskStatus.RUNNING, now=now)
        lease = PageLease(
            task_id=task_id,
            token=row["lease_token"] + 1,
            stage=kind.stage,
            pages=tuple(page.number for page in pages),
            attempts=tuple(page.attempts for page in pages),
            crashes=tuple(page.crashes for page in pages),
            rungs=tuple(Rung(page.rung) for page in pages),
            pixels=row["page_pixels"],
            document=document_of(row),
            options=options_of(row).recognition,
            until=now + lease_for,
            is_unserved=row["unserved_since"] is not None,
            password_at=row["password_at"],
            need=kind.need,
        )
        _write_lease(connection, lease, owner)
        return lease

    @writing
    def commit_pages(
        self, connection: Connection, lease: PageLease, outcomes: Sequence[PageRead | PageNeedsOcr]
    ) -> None:
        """See `PageQueue.commit_pages`."""
        if read := [outcome for outcome in outcomes if isinstance(outcome, PageRead)]:
            commit(connection, lease, read, now=self._clock.now())
        if unread := [outcome.number for outcome in outcomes if isinstance(outcome, PageNeedsOcr)]:
            status = lock_status(connection, lease)
            settle(connection, lease, unread, {"state": waiting_state(status), **_TO_OCR})
            if not read:
                count(connection, lease, now=self._clock.now())

    @writing
    def fail_page(
        self,
        connection: Connection,
        lease: PageLease,
        failure: PageFailed,
        *,
        retry_in: timedelta | None,
        crashed: bool = False,
        rung: Rung | None = None,
        device: DeviceId | None = None,
        quarantined: Sequence[Circumstances] = (),
    ) -> None:
        """See `PageQueue.fail_page`."""
        now = self._clock.now()
        event = TaskEvent.PAGE_FAILED if retry_in is None else TaskEvent.PAGE_RETRIED
        details: Details = {"page": failure.number, "reason": failure.reason.value, "message": failure.message}
        status = lock_status(connection, lease)
        fate: Values = {"state": PageState.FAILED, "finished_at": now}
        if retry_in is not None:
            fate = {"state": waiting_state(status), "retry_at": now + retry_in}
            details["retry_in_s"] = retry_in.total_seconds()
        why = count_failure(failure, crashed=crashed, rung=rung, device=device)
        settle(connection, lease, (failure.number,), {**why, **fate})
        if retry_in is None:
            quarantine(connection, lease, failure, quarantined, now=now)
        count(connection, lease, now=now, failed=int(retry_in is None), peak_bytes=failure.peak_bytes)
        note(connection, lease.task_id, event, now=now, details=details)

    @writing
    def give_back(
        self,
        connection: Connection,
        lease: PageLease,
        pages: Sequence[int],
        *,
        refused: bool = False,
        need: MemoryNeed | None = None,
    ) -> None:
        """See `PageQueue.give_back`."""
        now = self._clock.now()
        status = lock_status(connection, lease)
        for_larger = {} if need is None else for_larger_node(need)
        settle(connection, lease, pages, {"state": waiting_state(status), **for_larger})
        if need is not None:
            details = [needs_larger_node(number, need) for number in pages]
            note_all(connection, lease.task_id, TaskEvent.PAGE_RETRIED, now=now, details=details)
        if refused:
            begin_to_wait(connection, (lease.task_id,), now=now)

    @writing
    def renew(self, connection: Connection, lease: PageLease, lease_for: timedelta) -> PageLease:
        """See `PageQueue.renew`."""
        until = self._clock.now() + lease_for
        if lock_status(connection, lease) is TaskStatus.CANCELLING:
            raise stale_lease(lease)
        unsettled = update(task_pages).where(*rows_of(lease, lease.pages))
        renewed = connection.execute(unsettled.values(lease_until=until))
        if renewed.rowcount == 0 and was_revoked(connection, lease):
            raise stale_lease(lease)
        return replace(lease, until=until)

    async def rescue(self, *, owner: str | None = None) -> int:
        """See `PageQueue.rescue`."""
        return await self._rescue(owner) if await self._is_any_lost(owner) else 0

    @reading
    def _is_any_lost(self, connection: Connection, owner: str | None) -> bool:
        query = unfinished_tasks_with(lost_pages(owner)).limit(1)
        return connection.execute(query, at(self._clock.now())).first() is not None

    @writing
    def _rescue(self, connection: Connection, owner: str | None) -> int:
        now = self._clock.now()
        lost = lost_pages(owner)
        locked = unfinished_tasks_with(lost).order_by(tasks.c.task_id).with_for_update(key_share=True)
        rescued: list[int] = []

        def rescue(row: RowMapping) -> None:
            rescued.append(rescue_pages(connection, row["task_id"], row["status"], lost=lost, now=now))

        each_task(connection, connection.execute(locked, at(now)).mappings().all(), rescue, now=now)
        return sum(rescued)

    async def finish_completed(self, task_id: str | None = None) -> Sequence[Task]:
        """See `PageQueue.finish_completed`."""
        return await self._settle_resting(task_id) if await self._is_any_resting(task_id) else []

    @reading
    def _is_any_resting(self, connection: Connection, task_id: str | None) -> bool:
        return is_any_resting(connection, task_id, self._clock.now())

    @writing
    def _settle_resting(self, connection: Connection, task_id: str | None) -> Sequence[Task]:
        now = self._clock.now()
        resting = lock_resting(connection, task_id, now)
        settled = each_task(connection, resting, lambda row: settle_task(connection, task_of(row), now), now=now)
        return [task for task in settled if task.status.is_final]


def _backlog(rows: Sequence[RowMapping]) -> Backlog:
    """The backlog of one task, from a row for each kind of its open pages."""
    waiting: Counter[PageKind] = Counter()
    for row in rows:
        if row["waiting"]:
            need = MemoryNeed(row["need_ram_bytes"], row["need_gpu_bytes"])
            waiting[PageKind(row["stage"], bool(row["alone"]), row["device"], need)] += row["waiting"]
    return Backlog(
        task_id=rows[0]["task_id"],
        priority=rows[0]["priority"],
        sequence=rows[0]["admission"],
        waiting=waiting,
        leased=sum(row["leased"] for row in rows),
        caller=rows[0]["caller"],
        structure=bool(rows[0]["structure"]),
        is_unserved=bool(rows[0]["is_unserved"]),
        password_at=rows[0]["password_at"],
        engine=rows[0]["engine"] or "",
    )


# --- claiming --------------------------------------------------------------------------------------------------------


def _first_chunk(pages: Sequence[Row[int, int, int, int]]) -> Sequence[Row[int, int, int, int]]:
    """The pages to lease together: suspects go alone, so that no other page is blamed for a crash or lack of memory."""
    if pages and _is_suspect(pages[0]):
        return pages[:1]
    return list(takewhile(lambda page: not _is_suspect(page), pages))


def _is_suspect(page: Row[int, int, int, int]) -> bool:
    return bool(page.crashes or page.rung)


def _write_lease(connection: Connection, lease: PageLease, owner: str) -> None:
    under = {"of_task": lease.task_id, "token": lease.token}
    connection.execute(_NEW_TOKEN, under)
    connection.execute(_LEASE, {**under, "owner": owner, "until": lease.until, "numbers": lease.pages})
