"""Takes leased pages out of their lease; each write checks that the lease still holds the page.

These functions run inside a write transaction of their caller, which locks the task before its pages.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, case, insert, select, update

from pagemill.domain.errors import StaleLease
from pagemill.domain.memory import MIB, DeviceId, MemoryNeed, in_mib
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageLease, PageState, Rung, TaskStatus
from pagemill.domain.work.outcomes import PageFailed, PageRead
from pagemill.store.changes import RELEASED, note_all, raised_peak
from pagemill.store.payload import pack
from pagemill.store.records import Values
from pagemill.store.tables import page_results, task_pages, tasks

# Executed for every page that is read: built once, because building them costs as much as executing them.
_LOCK_STATUS = select(tasks.c.status).where(tasks.c.task_id == bindparam("of_task")).with_for_update(key_share=True)
_COUNT = (
    update(tasks)
    .where(tasks.c.task_id == bindparam("of_task"))
    .values(
        pages_done=tasks.c.pages_done + bindparam("more_done", type_=Integer),
        pages_failed=tasks.c.pages_failed + bindparam("more_failed", type_=Integer),
        actual_memory_mb=raised_peak(bindparam("peak_mb", type_=Integer)),
        unserved_since=None,
        changed_at=bindparam("moment", type_=tasks.c.changed_at.type),
    )
)
_PAGE_DONE = (
    update(task_pages)
    .where(
        task_pages.c.task_id == bindparam("of_task"),
        task_pages.c.number == bindparam("of_page"),
        task_pages.c.state == PageState.LEASED,
        task_pages.c.lease_token == bindparam("under_token"),
    )
    .values(
        state=PageState.DONE,
        seconds=bindparam("took_seconds"),
        peak_bytes=bindparam("took_bytes"),
        confidence=bindparam("with_confidence"),
        warnings=bindparam("with_warnings", type_=task_pages.c.warnings.type),
        finished_at=bindparam("at"),
        failure_reason=None,
        failure_message=None,
        **RELEASED,
    )
)
_ADD_RESULT = insert(page_results)


def stale_lease(lease: PageLease) -> StaleLease:
    """The error for a worker that is too late."""
    return StaleLease(
        f"Lease {lease.token} of task {lease.task_id} no longer holds the page; its work is dropped.",
        task_id=lease.task_id,
        token=lease.token,
    )


def lock_status(connection: Connection, lease: PageLease) -> TaskStatus:
    """Lock the task of the lease, always before its pages, so that no two transactions wait for each other.

    Raises:
        StaleLease: The task was deleted.
    """
    status: TaskStatus | None = connection.execute(_LOCK_STATUS, {"of_task": lease.task_id}).scalar_one_or_none()
    if status is None:
        raise stale_lease(lease)
    return status


def waiting_state(status: TaskStatus) -> PageState:
    """The next state of a page that needs more work: cancelled, if its task is being cancelled."""
    return PageState.CANCELLED if status is TaskStatus.CANCELLING else PageState.QUEUED


def rows_of(lease: PageLease, pages: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """The rows of pages that this lease still holds."""
    return (
        task_pages.c.task_id == lease.task_id,
        task_pages.c.number.in_(pages),
        task_pages.c.state == PageState.LEASED,
        task_pages.c.lease_token == lease.token,
    )


def settle(connection: Connection, lease: PageLease, pages: Sequence[int], values: Values) -> None:
    """Take pages out of the lease.

    Raises:
        StaleLease: It does not hold all of them.
    """
    statement = update(task_pages).where(*rows_of(lease, pages)).values({**RELEASED, **values})
    if connection.execute(statement).rowcount != len(set(pages)):
        raise stale_lease(lease)


def commit(connection: Connection, lease: PageLease, read: Sequence[PageRead], *, now: datetime) -> None:
    """Mark pages done and store their results.

    Raises:
        StaleLease: The lease does not hold all of them.
    """
    count(connection, lease, now=now, done=len(read), peak_bytes=max(page.peak_bytes for page in read))
    if connection.execute(_PAGE_DONE, [_done_values(lease, page, now) for page in read]).rowcount != len(read):
        raise stale_lease(lease)
    fingerprint = lease.options.fingerprint
    connection.execute(_ADD_RESULT, [_result(lease.task_id, page, fingerprint, now) for page in read])
    details: list[Details] = [
        {"page": page.number, "seconds": page.seconds, "confidence": page.confidence} for page in read
    ]
    note_all(connection, lease.task_id, TaskEvent.PAGE_DONE, now=now, details=details)


def _done_values(lease: PageLease, page: PageRead, now: datetime) -> Values:
    return {
        "of_task": lease.task_id,
        "of_page": page.number,
        "under_token": lease.token,
        "took_seconds": page.seconds,
        "took_bytes": page.peak_bytes,
        "with_confidence": page.confidence,
        "with_warnings": [warning.model_dump(mode="json") for warning in page.warnings] or None,
        "at": now,
    }


def _result(task_id: str, page: PageRead, fingerprint: str, now: datetime) -> Values:
    codec, payload = pack(page.payload)
    return {
        "task_id": task_id,
        "page_number": page.number,
        "fingerprint": fingerprint,
        "codec": codec,
        "payload": payload,
        "created_at": now,
    }


def for_larger_node(need: MemoryNeed) -> Values:
    """The values of a page that waits for a node with more memory, where it has climbed no higher than this rung."""
    rung = task_pages.c.rung
    start = Rung.FRESH_PROCESS.value
    low = case((rung < start, rung), else_=start)
    return {"need_ram_bytes": need.ram_bytes, "need_gpu_bytes": need.gpu_bytes, "rung": low}


def needs_larger_node(number: int, need: MemoryNeed) -> Details:
    """The details of the event of such a page."""
    details: Details = {"page": number, "cause": "needs_larger_node"}
    sizes = {"needs_ram_mb": in_mib(need.ram_bytes), "needs_gpu_mb": in_mib(need.gpu_bytes)}
    return {**details, **{name: size for name, size in sizes.items() if size}}


def count_failure(failure: PageFailed, *, crashed: bool, rung: Rung | None, device: DeviceId | None) -> Values:
    """What a failure adds to its page: an attempt, a crash, or a rung of the out-of-memory ladder with a device."""
    why: Values = {"failure_reason": failure.reason, "failure_message": failure.message}
    if rung is not None:
        return {"rung": rung.value, **({"device": device} if device else {}), **why}
    counter = task_pages.c.crashes if crashed else task_pages.c.attempts
    return {counter.name: counter + 1, **why}


def count(
    connection: Connection, lease: PageLease, *, now: datetime, done: int = 0, failed: int = 0, peak_bytes: int = 0
) -> None:
    """Update the task's counters, peak and time of service from its pages, and lock it.

    Raises:
        StaleLease: The task was deleted.
    """
    peak_mb = -(-peak_bytes // MIB) or None
    counted: Values = {"more_done": done, "more_failed": failed, "peak_mb": peak_mb}
    values: Values = {"of_task": lease.task_id, **counted, "moment": now}
    if connection.execute(_COUNT, values).rowcount == 0:
        raise stale_lease(lease)


def was_revoked(connection: Connection, lease: PageLease) -> bool:
    """Whether any page of the lease was taken from it."""
    taken = task_pages.c.lease_token.is_distinct_from(lease.token)
    query = select(task_pages.c.number).where(
        task_pages.c.task_id == lease.task_id, task_pages.c.number.in_(lease.pages), taken
    )
    return connection.execute(query.limit(1)).first() is not None
