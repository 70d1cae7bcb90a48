"""Writes a task's result page by page, with at most one page in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator

from pagemill.domain.page.page import Page
from pagemill.domain.ports import ResultStore, TaskStore
from pagemill.domain.task.results import ResultHeader, ResultWriter, UnreadPage, unread_page
from pagemill.domain.task.task import PageState, Task
from pagemill.version import __version__


async def write_result(
    task: Task, writer: ResultWriter, *, store: TaskStore, results: ResultStore
) -> AsyncIterator[bytes]:
    """Write finished pages, and name the unread ones in their places.

    A thread reads and writes the pages, so that other requests do not wait.

    Args:
        task: The task as it is now.
        writer: The format.
        store: The task's pages.
        results: The finished pages.
    """
    unread = deque(await unread_pages(task, store))
    yield writer.begin(_header(task))
    async for payload in results.results(task.task_id):
        for piece in await asyncio.to_thread(_written, payload, unread, writer):
            yield piece
    for piece in _unread_before(None, unread, writer):
        yield piece
    yield writer.end()


async def unread_pages(task: Task, store: TaskStore) -> list[UnreadPage]:
    """The task's failed pages and, once it has ended, the pages that it never reached, by number."""
    pages = [*await store.pages(task.task_id, state=PageState.FAILED)]
    if task.status.is_final:
        pages += await store.pages(task.task_id, state=PageState.CANCELLED)
    return [unread_page(page, task) for page in sorted(pages, key=lambda page: page.number)]


def _written(payload: bytes, unread: deque[UnreadPage], writer: ResultWriter) -> list[bytes]:
    page = Page.from_json(payload)
    return [*_unread_before(page.number, unread, writer), writer.page(page)]


def _header(task: Task) -> ResultHeader:
    return ResultHeader(
        task_id=task.task_id,
        document=task.document.name,
        page_count=task.page_count,
        pages_total=task.pages_total,
        status=task.status,
        created_at=task.created_at,
        finished_at=task.finished_at,
        pagemill_version=__version__,
    )


def _unread_before(number: int | None, unread: deque[UnreadPage], writer: ResultWriter) -> Iterator[bytes]:
    while unread and (number is None or unread[0].number < number):
        page = unread.popleft()
        yield writer.unread(page.number, page.reason, page.message)
