"""How much one caller may have in the service: pages that wait, and bytes of documents.

Fair turns keep a caller from delaying others; quotas keep it from filling the disk and the queue. A caller is all
API keys with one name: without keys there are no quotas. Runs inside a write transaction of its caller.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from pagemill.domain.errors import QuotaExceeded
from pagemill.domain.task.task import FINAL_STATUSES, NewTask
from pagemill.store.dialects import Lock, serialise
from pagemill.store.tables import tasks

PAGES_RETRY_S = 60
BYTES_RETRY_S = 3600


@dataclass(frozen=True)
class CallerQuota:
    """The settings `callers.*`.

    Attributes:
        pages: Unread pages in unfinished tasks, including tasks that have not started.
        stored_bytes: Bytes of the documents of all tasks.
    """

    pages: int = 200_000
    stored_bytes: int = 100 * 1024**3


def check_quota(connection: Connection, new: NewTask, quota: CallerQuota) -> None:
    """Check that the caller may have this task in addition to its others.

    Raises:
        QuotaExceeded: It would exceed the caller's quota; the error has the numbers.
    """
    caller = new.request.caller
    if not caller:
        return
    serialise(connection, Lock.QUEUE_SIZE)
    _check_bytes(connection, caller, new.request.document.size_bytes, limit=quota.stored_bytes)
    _check_pages(connection, caller, len(new.pages), limit=quota.pages)


def _check_bytes(connection: Connection, caller: str, wanted: int, *, limit: int) -> None:
    total = func.coalesce(func.sum(tasks.c.document_size_bytes), 0)
    stored = int(connection.execute(select(total).where(tasks.c.caller == caller)).scalar_one())
    if stored + wanted > limit:
        raise QuotaExceeded(
            f"Your documents take {stored} bytes, this one needs {wanted} more, and your limit is {limit}. Delete "
            "finished tasks, or wait until the service deletes them.",
            stored_bytes=stored,
            limit_bytes=limit,
            retry_after_s=BYTES_RETRY_S,
        )


def _check_pages(connection: Connection, caller: str, wanted: int, *, limit: int) -> None:
    left = tasks.c.pages_total - tasks.c.pages_done - tasks.c.pages_failed
    total = select(func.coalesce(func.sum(left), 0))
    query = total.where(tasks.c.caller == caller, tasks.c.status.not_in(FINAL_STATUSES))
    waiting = int(connection.execute(query).scalar_one())
    if waiting + wanted > limit:
        raise QuotaExceeded(
            f"You have {waiting} waiting pages, this task would add {wanted}, and your limit is {limit}. Try again in "
            f"{PAGES_RETRY_S} s.",
            waiting_pages=waiting,
            limit_pages=limit,
            retry_after_s=PAGES_RETRY_S,
        )
