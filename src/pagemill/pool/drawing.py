"""Pages drawn for people to look at, by a reader: untrusted bytes are never opened in the server."""

from datetime import timedelta
from pathlib import Path

from pagemill.domain.memory import CPU
from pagemill.domain.work.recognition import READER
from pagemill.pool.messages import Render
from pagemill.pool.service_pool import OCRServicePool

DPI = 150
MOST_PIXELS = 2_500_000
"""An A4 page at 150 dpi has 2.2 million."""


class PooledPageDrawer:
    """`PageDrawer` on a pooled reader. Runs in the server's event loop.

    Args:
        pool: Where a reader is had.
        wait: Longest wait for a reader.
        limit: Longest one page may take.
    """

    def __init__(self, pool: OCRServicePool, *, wait: timedelta, limit: timedelta) -> None:
        self._pool = pool
        self._wait = wait
        self._limit = limit

    async def draw(self, document: str, page: int, *, rotation: int, path: Path) -> None:
        """Put a JPEG of the page at `path`, turned clockwise by `rotation` degrees.

        Raises:
            DocumentError: The document cannot be opened.
            PageUnreadable: The page cannot be drawn.
            PoolExhausted: No reader, or no memory, became free in time.
            NeverFits: There is never enough memory for it.
            TimedOut: It took too long.
            WorkerLost: The reader died of it, or could not be loaded.
        """
        request = Render(
            document=document, page=page, dpi=DPI, max_pixels=MOST_PIXELS, rotation=rotation, path=str(path)
        )
        reader = await self._pool.acquire(device=CPU, engine=READER, wait=self._wait)
        try:
            await reader.render(request, limit=self._limit)
        finally:
            await self._pool.release(reader)
