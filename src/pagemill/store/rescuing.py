"""Takes pages out of leases whose holders are gone, and queues them again; this costs them no attempt.

A server works on the pages of a lease in order, so the first open page of a lost lease is the one that was in work. A
page that was in work in many lost leases in a row fails: it may be what ends the servers, and would do so forever.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, update

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import FINAL_STATUSES, PageState, TaskStatus
from pagemill.store.changes import REVOKED, at, is_over, note
from pagemill.store.settling import waiting_state
from pagemill.store.tables import task_events, task_pages, tasks

MOST_RESCUES = 20
"""A page that was in work in this many lost leases in a row fails."""
UNFINISHED = tuple(status for status in TaskStatus if status not in FINAL_STATUSES)
_GIVEN_UP = (
    f"The server stopped {MOST_RESCUES} times in a row while it worked on this page, so the page may be the cause. "
    "Retry the task to try the page again; the service's log may say more."
)


def lost_pages(owner: str | None) -> ColumnElement[bool]:
    """The pages of expired leases, and of all leases of that server."""
    expired = is_over(task_pages.c.lease_until)
    given_up = expired if owner is None else or_(expired, task_pages.c.lease_owner == owner)
    return and_(task_pages.c.state == PageState.LEASED, given_up)


def unfinished_tasks_with(lost: ColumnElement[bool]) -> Select[str, TaskStatus]:
    """The ids and statuses of tasks that have such pages."""
    has_lost_pages = select(task_pages.c.number).where(task_pages.c.task_id == tasks.c.task_id, lost).exists()
    return select(tasks.c.task_id, tasks.c.status).where(tasks.c.status.in_(UNFINISHED), has_lost_pages)


def rescue_pages(
    connection: Connection, task_id: str, status: TaskStatus, *, lost: ColumnElement[bool], now: datetime
) -> int:
    """Queue those pages of a locked task again, and give up the ones that have been rescued too often.

    Returns:
        How many pages were queued again.
    """
    pages = select(task_pages.c.number, task_pages.c.lease_token).where(task_pages.c.task_id == task_id, lost)
    found = connection.execute(pages.order_by(task_pages.c.number), at(now)).all()
    in_work, rescues = _first_of_each_lease(found), _rescues(connection, task_id)
    is_wanted = status is not TaskStatus.CANCELLING
    spent = {number for number in in_work if is_wanted and rescues[number] + 1 >= MOST_RESCUES}
    numbers = [page.number for page in found]
    leased = update(task_pages).where(task_pages.c.task_id == task_id, task_pages.c.number.in_(numbers))
    connection.execute(leased.values({**REVOKED, "state": waiting_state(status)}))
    for number in numbers:
        details: Details = {"page": number, "cause": "lease_lost", "in_work": number in in_work}
        note(connection, task_id, TaskEvent.PAGE_RETRIED, now=now, details=details)
    for number in sorted(spent):
        _give_up(connection, task_id, number, now)
    return len(numbers) - len(spent)


def _first_of_each_lease(pages: Sequence[Row[int, int | None]]) -> Collection[int]:
    first: dict[int | None, int] = {}
    for page in pages:
        first.setdefault(page.lease_token, page.number)
    return set(first.values())


def _rescues(connection: Connection, task_id: str) -> Counter[int]:
    """By page: in how many lost leases in a row it was in work, since its work last ended normally."""
    told = (TaskEvent.PAGE_RETRIED, TaskEvent.PAGE_FAILED)
    query = select(task_events.c.event_type, task_events.c.details).where(
        task_events.c.task_id == task_id, task_events.c.event_type.in_(told)
    )
    rescues: Counter[int] = Counter()
    for event, details in connection.execute(query.order_by(task_events.c.sequence)):
        if event is TaskEvent.PAGE_FAILED or "cause" not in details:
            rescues.pop(details["page"], None)
        elif details.get("in_work"):
            rescues[details["page"]] += 1
    return rescues


def _give_up(connection: Connection, task_id: str, number: int, now: datetime) -> None:
    reason = TaskFailureReason.WORKER_CRASHED
    page = update(task_pages).where(task_pages.c.task_id == task_id, task_pages.c.number == number)
    failed = {"state": PageState.FAILED, "failure_reason": reason, "failure_message": _GIVEN_UP, "finished_at": now}
    connection.execute(page.values(failed))
    counted = update(tasks).where(tasks.c.task_id == task_id)
    connection.execute(counted.values(pages_failed=tasks.c.pages_failed + 1, changed_at=now))
    details: Details = {"page": number, "reason": reason.value, "message": _GIVEN_UP}
    note(connection, task_id, TaskEvent.PAGE_FAILED, now=now, details=details)
