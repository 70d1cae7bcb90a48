"""Single pages of tasks, for viewing: the text and a picture of the page."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pagemill.domain.errors import NotFound, PoolExhausted
from pagemill.domain.page.edges import edges_of
from pagemill.domain.page.furniture import SPAN, roles_of, with_roles
from pagemill.domain.page.page import Page
from pagemill.domain.ports import TaskStore
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.results.deleted import unless_deleted

MOST_DRAWN = 8
"""Maximum number of pictures to wait for at once: the readers of text layers draw them, and other work goes first."""
_MOST_TRIES = 3
"""A task is cleaned up once each time it ends; a retry is the only way to end again."""


class PageResults(Protocol):
    """The text of single pages."""

    async def page_result(self, task_id: str, number: int) -> bytes | None:
        """`Page.to_json()` of the page; None if it was not read (yet)."""
        ...

    async def results_around(self, task_id: str, number: int, *, span: int) -> Sequence[bytes]:
        """`Page.to_json()` of the pages that were read nearest to this one, up to `span` before and after it."""
        ...


class PageDrawer(Protocol):
    """Draws pages, in a worker and never in the server."""

    async def draw(self, document: str, page: int, *, rotation: int, path: Path, password: str | None = None) -> None:
        """Write a JPEG of the page to `path`, turned clockwise by `rotation` degrees. Raises PagemillError."""
        ...


class PageViews:
    """Pages for viewing. Runs in the server process.

    It keeps pictures in the task's temporary folder, which is deleted with the cleanup of the task or the task itself.
    A later request draws the picture again.
    """

    def __init__(
        self, *, store: TaskStore, results: PageResults, drawer: PageDrawer, work_dir: Path, passwords: Passwords
    ) -> None:
        self._store = store
        self._results = results
        self._drawer = drawer
        self._passwords = passwords
        self._work_dir = work_dir
        self._drawing: dict[Path, asyncio.Task[None]] = {}

    async def page(self, task_id: str, number: int) -> bytes:
        """`Page.to_json()` of a page that was read, with its headers, footers and page numbers as in the task's result.

        Raises:
            NotFound: There is no such task, or the page was not read.
        """
        await self._store.get(task_id)
        found = await self._results.page_result(task_id, number)
        if found is None:
            raise NotFound(
                f"Page {number} of task {task_id} has not been read. See its state in the list of the task's pages."
            )
        around = await self._results.results_around(task_id, number, span=SPAN)
        return await asyncio.to_thread(_with_roles, found, around)

    async def image(self, task_id: str, number: int, *, password: str | None = None) -> bytes:
        """The page as a JPEG, upright if its rotation is known.

        Raises:
            NotFound: There is no such task or page.
            EncryptedDocument: The document needs a password, which is kept only until its task has ended.
            PagemillError: The page cannot be drawn, or not now.
        """
        task = await self._store.get(task_id)
        if not 1 <= number <= task.page_count:
            raise NotFound(f"There is no page {number}: the document has pages 1 to {task.page_count}.")
        read = await self._results.page_result(task_id, number)
        rotation = Page.from_json(read).rotation if read else task.options.recognition.rotation or 0
        path = self._work_dir / task_id / f"page-{number}-{rotation}.jpg"
        async with unless_deleted(self._store, task_id):
            for _ in range(_MOST_TRIES):
                if not await asyncio.to_thread(path.is_file):
                    opened_by = self._passwords.need(task, password)
                    await self._draw(task.document.path, number, rotation=rotation, path=path, password=opened_by)
                with suppress(FileNotFoundError):  # the task ended, and its folder was cleaned up
                    return await asyncio.to_thread(path.read_bytes)
            raise FileNotFoundError(path)

    async def _draw(self, document: str, number: int, *, rotation: int, path: Path, password: str | None) -> None:
        """Draw the page once for all concurrent requests, and finish even if they go away."""
        if path not in self._drawing:
            if len(self._drawing) >= MOST_DRAWN:
                raise PoolExhausted("The service is drawing too many pages at once. Try again in a moment.")
            drawing = asyncio.create_task(
                self._draw_unless_there(document, number, rotation=rotation, path=path, password=password)
            )
            self._drawing[path] = drawing
            drawing.add_done_callback(lambda done: self._forget_drawing(path, done))
        await asyncio.shield(self._drawing[path])

    async def _draw_unless_there(
        self, document: str, number: int, *, rotation: int, path: Path, password: str | None
    ) -> None:
        if not await asyncio.to_thread(path.is_file):  # it may have appeared since the last look
            await self._drawer.draw(document, number, rotation=rotation, path=path, password=password)

    def _forget_drawing(self, path: Path, done: asyncio.Task[None]) -> None:
        del self._drawing[path]
        if not done.cancelled():
            done.exception()  # those who wait for it get the error; perhaps no one waits


def _with_roles(payload: bytes, around: Sequence[bytes]) -> bytes:
    """The page with the kinds of its headers, footers and page numbers, as the pages around it show them."""
    page = Page.from_json(payload)
    roles = roles_of(edges_of(page), [edges_of(Page.from_json(other)) for other in around])
    return with_roles(page, roles).to_json() if roles else payload
