"""Writes a task's result page by page, with a few pages in memory: enough to recognise headers and footers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator

from pagemill.domain.page.furniture import FurnitureFinder, without_furniture
from pagemill.domain.page.page import Page
from pagemill.domain.ports import ResultStore, TaskStore
from pagemill.domain.task.results import ResultHeader, ResultWriter, UnreadPage, unread_page
from pagemill.domain.task.task import PageState, Task
from pagemill.version import __version__

_TOGETHER = 200
"""Unread pages in one piece: some 50 KiB."""


async def write_result(
    task: Task, writer: ResultWriter, *, store: TaskStore, results: ResultStore, keep_furniture: bool = False
) -> AsyncIterator[bytes]:
    """Write finished pages, and name the unread ones in their places.

    A thread reads and writes the pages, so that other requests do not wait.

    Args:
        task: The task as it is now.
        writer: The format.
        store: The task's pages.
        results: The finished pages.
        keep_furniture: Also write headers, footers and page numbers in formats that leave them out.
    """
    unread = deque(await unread_pages(task, store))
    pages = _Pages(writer, unread, keep_furniture=keep_furniture)
    yield writer.begin(_header(task))
    async for payload in results.results(task.task_id):
        if piece := await asyncio.to_thread(pages.write_page, payload):
            yield piece
    while pages.has_left:
        yield await asyncio.to_thread(pages.next_left)
    while unread:
        yield await asyncio.to_thread(_some_unread, unread, writer)
    yield writer.end()


class _Pages:
    """Pages that wait to be written, each until the pages after it show which of its lines are furniture."""

    def __init__(self, writer: ResultWriter, unread: deque[UnreadPage], *, keep_furniture: bool) -> None:
        self._writer = writer
        self._unread = unread
        self._is_whole = keep_furniture or not writer.leaves_out_furniture
        self._finder = FurnitureFinder()

    def write_page(self, payload: bytes) -> bytes:
        """Take the next page; return what can be written now."""
        return b"".join(map(self._piece, self._finder.add(Page.from_json(payload))))

    @property
    def has_left(self) -> bool:
        """Whether pages wait to be written."""
        return self._finder.has_left

    def next_left(self) -> bytes:
        """The next waiting page, written; call it after the last page."""
        return self._piece(next(self._finder.rest()))

    def _piece(self, page: Page) -> bytes:
        shown = page if self._is_whole else without_furniture(page)
        return b"".join([*_unread_before(page.number, self._unread, self._writer), self._writer.page(shown)])


async def unread_pages(task: Task, store: TaskStore) -> list[UnreadPage]:
    """The task's failed pages and, once it has ended, the pages that it never reached, by number."""
    pages = [*await store.pages(task.task_id, state=PageState.FAILED)]
    if task.status.is_final:
        pages += await store.pages(task.task_id, state=PageState.CANCELLED)
    return [unread_page(page, task) for page in sorted(pages, key=lambda page: page.number)]


def _some_unread(unread: deque[UnreadPage], writer: ResultWriter) -> bytes:
    """The next unread pages as one piece: thousands of small ones in a row would block the event loop."""
    last = unread[min(_TOGETHER, len(unread)) - 1]
    return b"".join(_unread_before(last.number + 1, unread, writer))


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


def _unread_before(number: int, unread: deque[UnreadPage], writer: ResultWriter) -> Iterator[bytes]:
    while unread and unread[0].number < number:
        page = unread.popleft()
        yield writer.mark_unread(page.number, page.reason, page.message)
