"""Searchable PDFs, made by a reader of their own: untrusted bytes are never opened in the server."""

from datetime import timedelta
from pathlib import Path

from pagemill.domain.memory import CPU
from pagemill.domain.work.recognition import EXPORT, READER
from pagemill.pool.messages import Export
from pagemill.pool.service_pool import OCRServicePool

BASE_LIMIT = timedelta(seconds=60)
PAGE_LIMIT = timedelta(seconds=2)


class PooledPdfMaker:
    """`PdfMaker` on a pooled reader. Runs in the server's event loop.

    Args:
        pool: Where a reader is had.
        wait: Longest wait for its reader, which makes one PDF at a time.
    """

    def __init__(self, pool: OCRServicePool, *, wait: timedelta) -> None:
        self._pool = pool
        self._wait = wait

    async def make(self, document: str, *, pages: Path, page_count: int, output: Path) -> None:
        """Put a searchable PDF of the document at `output`.

        Args:
            document: Path of the original.
            pages: File with `Page.to_json()` of every page that was read, a line each, by ascending number.
            page_count: Pages of the document; what it may take depends on them.
            output: In a folder that is there.

        Raises:
            DocumentError: The document cannot be opened, or not be written again.
            PageUnreadable: A page of it is damaged.
            PoolExhausted: No reader, or no memory, became free in time.
            NeverFits: There is never enough memory for it.
            TimedOut: It took too long.
            WorkerLost: The reader died of it, or could not be loaded.
        """
        request = Export(document=document, pages=str(pages), output=str(output))
        reader = await self._pool.acquire(device=CPU, engine=READER, profile=EXPORT, wait=self._wait)
        try:
            await reader.export(request, limit=BASE_LIMIT + page_count * PAGE_LIMIT)
        finally:
            await self._pool.release(reader)
