"""A first look at uploads, by a reader: untrusted bytes are never opened in the server."""

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import InvalidDocument, WorkerLost
from pagemill.domain.memory import CPU
from pagemill.domain.outcomes import LossCause
from pagemill.domain.recognition import READER
from pagemill.pool.config import PoolConfig
from pagemill.pool.service_pool import OCRServicePool

_OWN_DEATHS = (LossCause.CRASH, LossCause.PROTOCOL)


class PooledInspector:
    """`DocumentInspector` on a pooled reader. Runs in the server's event loop."""

    def __init__(self, config: PoolConfig, pool: OCRServicePool) -> None:
        self._config = config
        self._pool = pool

    async def inspect(self, path: str) -> DocumentInfo:
        """What the document is.

        Raises:
            DocumentError: It cannot be read, and why; one that kills its reader cannot be read either.
            PoolExhausted: No reader became free in time.
            TimedOut: It took longer than the limit for inspection.
            WorkerLost: The reader could not be loaded, or was ended for lack of memory.
        """
        try:
            return await self._inspect(path)
        except WorkerLost as error:
            if error.details.get("cause") not in _OWN_DEATHS:
                raise
        return await self._inspect_again(path)

    async def _inspect_again(self, path: str) -> DocumentInfo:
        """A reader may have died by chance; two that die over the same document died of it."""
        try:
            return await self._inspect(path)
        except WorkerLost as error:
            raise InvalidDocument("The document cannot be opened: whatever opens it crashes.") from error

    async def _inspect(self, path: str) -> DocumentInfo:
        reader = await self._pool.acquire(device=CPU, engine=READER, wait=self._config.inspect_wait)
        try:
            return await reader.inspect(path, limit=self._config.inspect_limit)
        finally:
            await self._pool.release(reader)
