"""Reuses pages that the same caller read before, from the same content with the same options.

It copies the rows of a result: each task owns its results, and deleting one does not affect the others.
"""

import hashlib
from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, literal, select, update

from pagemill.domain.task.task import CacheUse, NewTask, PageState
from pagemill.store.tables import page_results, task_pages, tasks
from pagemill.version import __version__


def cache_key(new: NewTask) -> str | None:
    """The key under which later tasks find a task's pages; None if it shares none."""
    request = new.request
    if request.options.cache is CacheUse.OFF:
        return None
    # a newer version may read better; no caller may learn what another has sent
    parts = (request.document.sha256, request.options.recognition.fingerprint, __version__, request.caller)
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def take_cached_pages(connection: Connection, new: NewTask, *, now: datetime) -> int:
    """Mark pages of a new task that were read before as done, with their results; returns how many."""
    if new.request.options.cache is not CacheUse.USE:
        return 0
    pages_of: defaultdict[str, list[int]] = defaultdict(list)
    for number, source in _newest_sources(connection, new):
        pages_of[source].append(number)
    for source, numbers in pages_of.items():
        _copy(connection, new, source, numbers, now=now)
    found = sum(map(len, pages_of.values()))
    if found:
        connection.execute(update(tasks).where(tasks.c.task_id == new.task_id).values(pages_done=found))
    return found


def _newest_sources(connection: Connection, new: NewTask) -> list[tuple[int, str]]:
    """For each page that was read before, the latest task that read it."""
    wanted = and_(task_pages.c.task_id == new.task_id, task_pages.c.number == page_results.c.page_number)
    query = (
        select(page_results.c.page_number, func.max(page_results.c.task_id))
        .join(tasks, tasks.c.task_id == page_results.c.task_id)
        .join(task_pages, wanted)
        .where(
            tasks.c.cache_key == cache_key(new),
            tasks.c.fingerprint == page_results.c.fingerprint,
            task_pages.c.state == PageState.QUEUED,
        )
        .group_by(page_results.c.page_number)
    )
    return [(number, source) for number, source in connection.execute(query)]


def _copy(connection: Connection, new: NewTask, source: str, numbers: list[int], *, now: datetime) -> None:
    same = page_results.c
    result = select(
        literal(new.task_id), same.page_number, same.fingerprint, same.codec, same.payload, literal(now)
    ).where(same.task_id == source, same.page_number.in_(numbers))
    connection.execute(insert(page_results).from_select(list(same), result))
    read = task_pages.alias()
    same_page = and_(read.c.task_id == source, read.c.number == task_pages.c.number)
    known = (read.c.confidence, read.c.warnings)
    told = {column.name: select(column).where(same_page).scalar_subquery() for column in known}
    mine = update(task_pages).where(task_pages.c.task_id == new.task_id, task_pages.c.number.in_(numbers))
    connection.execute(mine.values(state=PageState.DONE, finished_at=now, **told))
