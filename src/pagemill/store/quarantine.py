"""Pages that killed workers, by caller, content of the document, and model set.

The same page in another upload of the caller would do the same again, so for a while it fails without being tried.
Other callers are not affected: they must neither learn what a caller has sent nor suffer from it. With another model
set, on another device or under a larger limit the page may succeed, and is tried. A retry of a task's failed pages
also tries them. Pages that can never fit were never tried, so they are not in quarantine.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.task import NewTask, PageLease, PageState
from pagemill.domain.work.outcomes import PageFailed
from pagemill.domain.work.quarantine import Circumstances
from pagemill.store.tables import page_quarantine, task_pages, tasks

KEPT_FOR = timedelta(hours=24)


def quarantine(
    connection: Connection, lease: PageLease, failure: PageFailed, under: Sequence[Circumstances], *, now: datetime
) -> None:
    """Keep a page of this content from being tried again for its caller under these circumstances for a while."""
    if not under:
        return
    caller = connection.execute(select(tasks.c.caller).where(tasks.c.task_id == lease.task_id)).scalar_one()
    content = {"caller": caller, "document_sha256": lease.document.sha256, "page_number": failure.number}
    for each in under:
        page = {**content, "model_set": str(each.model_set)}
        same = (page_quarantine.c[name] == value for name, value in page.items())
        connection.execute(delete(page_quarantine).where(*same))
        about = {"reason": failure.reason, "message": failure.message, "limit_bytes": each.limit_bytes}
        connection.execute(insert(page_quarantine), {**page, **about, "created_at": now})


def give_up_quarantined(connection: Connection, new: NewTask, *, now: datetime) -> int:
    """Mark a new task's quarantined pages as failed, with the reason of their earlier failure; returns how many."""
    if not new.circumstances:
        return 0
    found = select(page_quarantine.c.page_number, page_quarantine.c.reason, page_quarantine.c.message).where(
        page_quarantine.c.caller == new.request.caller,
        page_quarantine.c.document_sha256 == new.request.document.sha256,
        page_quarantine.c.created_at > now - KEPT_FOR,
        or_(
            *(
                and_(
                    page_quarantine.c.model_set == str(each.model_set),
                    page_quarantine.c.limit_bytes >= each.limit_bytes,
                )
                for each in new.circumstances
            )
        ),
    )
    asked = set(new.pages)
    rows = {row.page_number: row for row in connection.execute(found) if row.page_number in asked}
    for number, reason, message in rows.values():
        _give_up(connection, new.task_id, number, reason=reason, message=message, now=now)
    counted = update(tasks).where(tasks.c.task_id == new.task_id)
    connection.execute(counted.values(pages_failed=len(rows)))
    return len(rows)


def prune_quarantine(connection: Connection, *, now: datetime) -> None:
    """Delete old quarantine entries."""
    connection.execute(delete(page_quarantine).where(page_quarantine.c.created_at <= now - KEPT_FOR))


def _give_up(
    connection: Connection, task_id: str, number: int, *, reason: TaskFailureReason, message: str, now: datetime
) -> None:
    page = update(task_pages).where(task_pages.c.task_id == task_id, task_pages.c.number == number)
    failed = {"state": PageState.FAILED, "failure_reason": reason, "finished_at": now}
    connection.execute(page.values(**failed, failure_message=f"Not tried again after: {message}"))
