"""A first look at uploads, by readers: the server never opens untrusted bytes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import DocumentTooLarge, InvalidDocument, OutOfMemory, PoolExhausted, WorkerLost
from pagemill.domain.memory import MIB
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import INSPECT
from pagemill.pool.chunk_memory import DECODING_BYTES, OPENING_BYTES
from pagemill.pool.messages import Inspect, Inspected
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.service_pool import OCRServicePool
from pagemill.pool.suspicion import DOCUMENT_S, is_suspicious


class _Callers:
    """Counts each caller's inspections: a caller that has its share waits, and others do not wait for it."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._places: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Hold one of the caller's own places."""
        places, users = self._places.get(caller, (asyncio.Semaphore(self._share), 0))
        self._places[caller] = places, users + 1
        try:
            async with places:
                yield
        finally:
            places, users = self._places.pop(caller)
            if users > 1:
                self._places[caller] = places, users - 1


class PooledInspector:
    """`DocumentInspector` on pooled readers. Runs in the server's event loop.

    It inspects up to `PoolConfig.inspections` documents at the same time. A caller that has a name (an API key) gets at
    most half of these places, so that others find one.
    """

    def __init__(self, config: PoolConfig, pool: OCRServicePool) -> None:
        self._config = config
        self._pool = pool
        self._named = _Callers(max(1, config.inspections // 2))
        self._nameless = _Callers(config.inspections)

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        """See `DocumentInspector.inspect`.

        Raises:
            DocumentError: The document cannot be read, or it killed two readers; the message says why.
            PoolExhausted: No reader, or no memory, became free in time; `retry_after_s` says when to come back.
            NeverFits: Opening a document needs more memory than there can ever be.
            TimedOut: It took longer than the limit for inspection.
            WorkerLost: The reader could not be loaded, or was ended to make room for others.
        """
        request = Inspect(path=path, max_pages=self._config.max_pages, password=password)
        try:
            return await self._inspect(request, caller, OPENING_BYTES)
        except (OutOfMemory, WorkerLost) as error:
            if not is_suspicious(error):
                raise
        return await self._inspect_again(request, caller)

    async def _inspect_again(self, request: Inspect, caller: str) -> DocumentInfo:
        """Look with more memory. One reader may die by chance; if two die over the same document, it killed them.

        The kernel lets a reader have twice its memory. A buffer that grows by doubling is then refused its next step
        while it holds a third of that, which is more than half of the reader's memory.
        """
        try:
            return await self._inspect(request, caller, DECODING_BYTES)
        except OutOfMemory as error:
            raise _too_large() from error
        except WorkerLost as error:
            cause, peak_bytes = error.details.get("cause"), error.details.get("peak_bytes")
            was_refused_more = isinstance(peak_bytes, int) and peak_bytes > DECODING_BYTES // 2
            if cause == LossCause.OVER_RESERVATION or (cause in DOCUMENT_S and was_refused_more):
                raise _too_large() from error
            if cause not in DOCUMENT_S or cause == LossCause.KERNEL_OOM:
                raise
            raise InvalidDocument("The document cannot be opened: it crashes the program that reads it.") from error

    async def _inspect(self, request: Inspect, caller: str, memory_bytes: int) -> DocumentInfo:
        config, callers = self._config, self._named if caller else self._nameless
        async with (
            _in_time(config),
            callers.place(caller),
            self._pool.reader(INSPECT, wait=config.inspect_wait) as reader,
        ):
            limit = config.inspect_limit
            return (await reader.ask(request, Inspected, limit=limit, memory_bytes=memory_bytes)).info


@asynccontextmanager
async def _in_time(config: PoolConfig) -> AsyncIterator[None]:
    """Limit the time for waiting and inspecting together; a refusal says when to come back."""
    places = config.inspections
    busy = f"Too many documents at once ({places} are being inspected). Send this one again in a moment."
    a_while_s = max(1, math.ceil(config.inspect_limit.total_seconds() / places))
    try:
        async with asyncio.timeout((config.inspect_wait + config.inspect_limit).total_seconds()):
            yield
    except TimeoutError as error:
        raise PoolExhausted(busy, retry_after_s=a_while_s) from error
    except PoolExhausted as error:
        if "retry_after_s" in error.details:
            raise
        raise PoolExhausted(busy, retry_after_s=a_while_s, **error.details) from error


def _too_large() -> DocumentTooLarge:
    return DocumentTooLarge(
        f"Opening the document takes more than the {DECODING_BYTES // MIB} MiB of memory that are allowed. Print it "
        "to a new PDF and send that.",
        limit_bytes=DECODING_BYTES,
    )
