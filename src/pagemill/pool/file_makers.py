"""Drawn pages and searchable PDFs, made by readers: the server never opens untrusted bytes."""

from datetime import timedelta
from pathlib import Path

from pagemill.domain.errors import InvalidDocument, PageUnreadable
from pagemill.domain.work.recognition import EXPORT
from pagemill.pool.messages import Export, Made, Render
from pagemill.pool.service_pool import OCRServicePool
from pagemill.pool.suspicion import try_twice

DPI = 150
MOST_PIXELS = 2_500_000
"""An A4 page at 150 dpi has 2.2 million."""
PDF_LIMIT = timedelta(seconds=60)
PDF_PAGE_LIMIT = timedelta(seconds=2)


class PooledPageDrawer:
    """`PageDrawer` on a pooled reader. Runs in the server's event loop.

    Args:
        pool: Where the readers come from.
        wait: Longest wait for a reader.
        limit: Longest one page may take.
    """

    def __init__(self, pool: OCRServicePool, *, wait: timedelta, limit: timedelta) -> None:
        self._pool = pool
        self._wait = wait
        self._limit = limit

    async def draw(self, document: str, page: int, *, rotation: int, path: Path, password: str | None = None) -> None:
        """See `PageDrawer.draw`; raises as `OCRServicePool.acquire`, `OCRService.ask` and `try_twice`."""
        request = Render(
            document=document,
            page=page,
            dpi=DPI,
            max_pixels=MOST_PIXELS,
            rotation=rotation,
            path=str(path),
            password=password,
        )

        async def ask() -> None:
            async with self._pool.reader(wait=self._wait) as reader:
                await reader.ask(request, Made, limit=self._limit)

        await try_twice(ask, lambda why: PageUnreadable(f"Page {page} cannot be drawn: {why}."))


class PooledPdfMaker:
    """`PdfMaker` on a pooled reader of its own, which makes one PDF at a time. Runs in the server's event loop.

    Args:
        pool: Where the reader comes from.
        wait: Longest wait for it.
        limit: Longest it may take, in addition to `PDF_PAGE_LIMIT` for each page.
    """

    def __init__(self, pool: OCRServicePool, *, wait: timedelta, limit: timedelta = PDF_LIMIT) -> None:
        self._pool = pool
        self._wait = wait
        self._limit = limit

    async def make(
        self,
        document: str,
        *,
        pages: Path,
        page_count: int,
        output: Path,
        password: str | None = None,
        inert: bool = False,
    ) -> None:
        """See `PdfMaker.make`; raises as `OCRServicePool.acquire`, `OCRService.ask` and `try_twice`."""
        request = Export(document=document, pages=str(pages), output=str(output), password=password, inert=inert)

        async def ask() -> None:
            async with self._pool.reader(EXPORT, wait=self._wait) as reader:
                await reader.ask(request, Made, limit=self._limit + page_count * PDF_PAGE_LIMIT)

        blame = "The document cannot be made into a searchable PDF: {}. Use another format."
        await try_twice(ask, lambda why: InvalidDocument(blame.format(why)))
