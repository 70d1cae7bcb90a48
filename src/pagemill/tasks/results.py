"""A task's result, written page by page: never more than one page in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page import Page
from pagemill.domain.results import ResultHeader, ResultWriter
from pagemill.domain.tasks import Task, TaskPage
from pagemill.version import __version__


async def write_result(
    task: Task, failed: Iterable[TaskPage], payloads: AsyncIterator[bytes], writer: ResultWriter
) -> AsyncIterator[bytes]:
    """Write finished pages, and name the unread ones in their places.

    Pages are read and written in a thread, so that nobody else waits for them.

    Args:
        task: The task as it stands.
        failed: Its pages that could not be read, by number.
        payloads: `Page.to_json()` of the finished ones by number.
        writer: The form.
    """
    unread = deque(failed)
    yield writer.begin(_header(task))
    async for payload in payloads:
        for piece in await asyncio.to_thread(_written, payload, unread, writer):
            yield piece
    for piece in _unread_before(None, unread, writer):
        yield piece
    yield writer.end()


def _written(payload: bytes, unread: deque[TaskPage], writer: ResultWriter) -> list[bytes]:
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


def _unread_before(number: int | None, unread: deque[TaskPage], writer: ResultWriter) -> Iterator[bytes]:
    while unread and (number is None or unread[0].number < number):
        page = unread.popleft()
        reason = page.failure_reason or TaskFailureReason.INTERNAL_ERROR
        yield writer.unread(page.number, reason, page.failure_message or "The page could not be read.")
