"""One worker process as the server sees it.

    started ─▶ load ─▶ process · ask · trim, one at a time ─▶ stop | kill | its own death ─▶ gone

Every wait for the process is bounded: by its own limit, and by `Ending` if the process cannot be killed.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pagemill.domain.errors import PoolExhausted, TimedOut, WorkerLost
from pagemill.domain.ports import OnPage
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageNeedsOcr, PageOutcome, WorkerLoss
from pagemill.domain.work.recognition import ChunkParams
from pagemill.memory.probes.oom import WatchOom
from pagemill.pool.deaths import lost_error
from pagemill.pool.ending import Ending
from pagemill.pool.messages import (
    Answer,
    Cancel,
    ChunkEnded,
    Failed,
    Load,
    Opening,
    PageEnded,
    PageStarted,
    Process,
    ProtocolError,
    Ready,
    Reply,
    Request,
    Trim,
    Trimmed,
)
from pagemill.pool.placement import WorkerProcess
from pagemill.pool.pool_config import WorkerConfig

logger = logging.getLogger(__name__)

_DONE = {"inspect": "inspected", "render": "drawn", "export": "made into a PDF"}
"""The past participle for each kind of request that opens a document."""


@dataclass
class _Chunk:
    """The chunk that the worker is reading, and the page that it is at."""

    number: int
    settled: list[int] = field(default_factory=list)
    page: int | None = None


class Worker:
    """One process that holds one model set. Runs in the server's event loop; the process does one thing at a time.

    After its death every call reports that death and does nothing else.

    Attributes:
        name: Its id in logs and snapshots.
        exhausted: It ran out of memory. Further work in this process would fail, too, so it must be replaced.
    """

    def __init__(self, name: str, process: WorkerProcess, config: WorkerConfig, *, watch_oom: WatchOom) -> None:
        self.name = name
        self.exhausted = False
        self._process = process
        self._config = config
        self._turn = asyncio.Lock()
        self._chunk = _Chunk(0)
        self._ending = Ending(name, process, config, watch_oom=watch_oom, page=lambda: self.page, turn=self._turn)

    @property
    def pid(self) -> int:
        """Its process id on its machine."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether its end is confirmed."""
        return self._ending.is_gone

    @property
    def is_unkillable(self) -> bool:
        """Whether it still lives, and holds its memory, `kill_limit` after it was killed."""
        return self._ending.is_over and not self._ending.is_gone

    @property
    def is_usable(self) -> bool:
        """Whether it may get more work."""
        return not (self.exhausted or self._ending.is_stopping or self._ending.asked or self._ending.is_over)

    @property
    def known_loss(self) -> WorkerLoss | None:
        """How it was lost, without blame for a page; None while it works or if it was stopped."""
        loss = self._ending.loss
        return replace(loss, page=None) if loss else None

    @property
    def page(self) -> int | None:
        """The page that it works on, 1-based; None if it works on none."""
        return self._chunk.page

    @property
    def rss_bytes(self) -> int:
        """Resident size now; 0 once it is gone."""
        return self._process.rss_bytes()

    @property
    def private_bytes(self) -> int:
        """What it alone holds now, and gives back when it ends; 0 once it is gone."""
        return self._process.private_bytes()

    async def wait_until_gone(self) -> None:
        """Wait for its confirmed end, however long that takes."""
        await self._ending.wait_until_gone()

    async def load(self, request: Load) -> int:
        """Load the models; return the resident size after that, in bytes.

        Raises:
            PagemillError: The engine could not load them.
            WorkerLost: The worker died, or was not ready in time.
        """
        async with self._turn:
            return (await self._ask(request, Ready, self._config.start_limit)).rss_bytes

    async def process(self, params: ChunkParams, on_page: OnPage, *, room_bytes: int | None = None) -> ChunkOutcome:
        """Read a chunk; await `on_page` with every page's outcome.

        It ends early, with pages unsettled, if the worker is lost (the outcome says how), runs out of memory
        (`exhausted`) or is being stopped. Cancelling it stops the work within a page. Allocations beyond `room_bytes`
        fail.
        """
        async with self._turn:
            if not self.is_usable:
                return ChunkOutcome((), self.known_loss)
            self._ending.begin()
            self._chunk = chunk = _Chunk(self._chunk.number + 1)
            try:
                await self._tell(
                    Process(chunk=chunk.number, params=params, room_bytes=room_bytes), params.page_timeout_s
                )
                loss = await self._follow(chunk, params, on_page)
            except PoolExhausted:  # the disk had no room for the document, so the worker got no request
                raise
            except BaseException:
                await finish_despite_cancel(self._call_off(chunk))
                raise
            return ChunkOutcome(tuple(chunk.settled), loss)

    async def ask(self, request: Opening, expected: type[Answer], *, limit: timedelta) -> Answer:
        """Have it do what the request says, and return its answer.

        Raises:
            DocumentError: The document cannot be opened; the message says why.
            PageUnreadable: A page of it is damaged.
            OutOfMemory: It takes more memory than the request leaves room for.
            TimedOut: It took longer than `limit`; the worker is ended.
            WorkerLost: The worker died.
        """
        async with self._turn:
            try:
                return await self._ask(request, expected, limit)
            except WorkerLost as error:
                if self._ending.asked is not LossCause.HANG:
                    raise
                message = f"The document was not {_DONE[request.kind]} within {limit.total_seconds():g} s."
                raise TimedOut(message) from error

    async def trim(self) -> int:
        """Have it give free memory back; return its resident size after that, in bytes.

        Raises:
            WorkerLost: It died, or did not answer in time.
        """
        async with self._turn:
            return (await self._ask(Trim(), Trimmed, self._config.trim_limit)).rss_bytes

    async def kill(self, cause: LossCause) -> None:
        """End it now; its work ends with that cause. The first cause counts."""
        self._ending.kill(cause)
        await self._ending.wait_until_over()

    async def stop(self, *, grace: timedelta | None = None) -> bool:
        """End it: ask first, and use force after `grace`. A second call does no harm.

        Returns:
            Whether its end is confirmed.
        """
        return await self._ending.stop(self._config.stop_grace if grace is None else grace)

    async def _follow(self, chunk: _Chunk, params: ChunkParams, on_page: OnPage) -> WorkerLoss | None:
        while (reply := await self._reply(params.page_timeout_s)) is not None:
            match reply:
                case PageStarted():
                    chunk.page = reply.number
                case PageEnded() if reply.outcome.number == chunk.page:
                    await self._settle(chunk, reply.outcome, on_page)
                case ChunkEnded():
                    self.exhausted = reply.exhausted
                    return None
                case _:
                    self._ending.kill(LossCause.PROTOCOL)
        await self._ending.wait_until_lost()
        return self._ending.loss_on(chunk.page)

    async def _settle(self, chunk: _Chunk, outcome: PageOutcome, on_page: OnPage) -> None:
        chunk.page = None
        chunk.settled.append(outcome.number)
        if not isinstance(outcome, PageNeedsOcr):
            self._ending.saw_peak(outcome.peak_bytes)
        await on_page(outcome)

    async def _call_off(self, chunk: _Chunk) -> None:
        """Wait until the current page ends, and drop its outcome."""
        with suppress(TimeoutError, ProtocolError):
            async with asyncio.timeout(self._config.cancel_grace.total_seconds()):
                await self._process.send(Cancel(chunk=chunk.number))
                while (reply := await self._process.receive()) is not None:
                    if isinstance(reply, ChunkEnded):
                        self.exhausted = reply.exhausted
                        return
                await self._ending.wait_until_lost()
                return
        await self.kill(LossCause.HANG)

    async def _ask(self, request: Request, expected: type[Answer], limit: timedelta) -> Answer:
        """Ask one question and get one answer. If the caller is cancelled, the answer is still taken off the pipe."""
        if not self.is_usable:
            raise lost_error(self.known_loss)
        self._ending.begin()
        return await finish_despite_cancel(self._converse(request, expected, limit))

    async def _converse(self, request: Request, expected: type[Answer], limit: timedelta) -> Answer:
        await self._tell(request, limit.total_seconds())
        reply = await self._reply(limit.total_seconds())
        if isinstance(reply, expected):
            return reply
        if isinstance(reply, Failed):
            raise reply.to_error()
        if reply is not None:
            self._ending.kill(LossCause.PROTOCOL)
        await self._ending.wait_until_lost()
        raise lost_error(self._ending.loss)

    async def _tell(self, request: Request, timeout_s: float) -> None:
        """Send a request; end a worker that does not take it in time."""
        with suppress(TimeoutError):
            async with self._ending.waiting(timeout_s):
                await self._process.send(request)

    async def _reply(self, timeout_s: float) -> Reply | None:
        """The next reply; None if none will come because the worker has ended or is being ended."""
        try:
            async with self._ending.waiting(timeout_s):
                return await self._process.receive()
        except TimeoutError:
            return None
        except ProtocolError as error:
            logger.warning("Worker %s: %s", self.name, error)
            self._ending.kill(LossCause.PROTOCOL)
        return None
