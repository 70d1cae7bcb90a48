"""One worker process as the server sees it.

    started ─▶ load ─▶ process · inspect · trim, one at a time ─▶ stop | kill | its own death ─▶ gone

Two tasks keep watch: one forwards what the process prints, one waits for its end and says how it died.
"""

import asyncio
import logging
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import TimedOut, WorkerLost
from pagemill.domain.finishing import uninterrupted
from pagemill.domain.outcomes import BatchOutcome, LossCause, PageNeedsOcr, PageOutcome, WorkerLoss
from pagemill.domain.ports import OnPage
from pagemill.domain.recognition import BatchParams
from pagemill.domain.text import storable
from pagemill.memory.probes.oom import WatchOom
from pagemill.pool.config import WorkerConfig
from pagemill.pool.deaths import Signs, explain, last_words
from pagemill.pool.messages import (
    BatchEnded,
    Cancel,
    Export,
    Exported,
    Failed,
    Inspect,
    Inspected,
    Load,
    PageEnded,
    PageStarted,
    Process,
    ProtocolError,
    Ready,
    Render,
    Rendered,
    Reply,
    Request,
    Stop,
    Trim,
    Trimmed,
)
from pagemill.pool.placement import ExitStatus, WorkerProcess

logger = logging.getLogger(__name__)
printed = logging.getLogger("pagemill.worker")

_Answer = TypeVar("_Answer", Ready, Inspected, Rendered, Exported, Trimmed)
_LINGER = timedelta(seconds=1)
_LONGEST_LINE = 8192


@dataclass
class _Batch:
    """The batch in the worker's hands, and the page of it that it works on."""

    number: int
    settled: list[int] = field(default_factory=list)
    page: int | None = None


class Worker:
    """One process that holds one model set. Runs in the server's event loop; the process does one thing at a time.

    After its death every call tells of it and does nothing.

    Attributes:
        name: Its id in logs and snapshots.
        exhausted: It ran out of memory; what follows in this process would fail too, so it is to be replaced.
    """

    def __init__(self, name: str, process: WorkerProcess, config: WorkerConfig, *, watch_oom: WatchOom) -> None:
        self.name = name
        self.exhausted = False
        self._process = process
        self._config = config
        self._watch_oom = watch_oom
        self._oom_evidence = watch_oom(process.pid)
        self._turn = asyncio.Lock()
        self._batch = _Batch(0)
        self._asked: LossCause | None = None
        self._signs: Signs | None = None
        self._stopping = False
        self._peak_bytes = 0
        self._tail: deque[str] = deque(maxlen=config.tail_lines)
        self._gone: asyncio.Future[WorkerLoss | None] = asyncio.get_running_loop().create_future()
        self._logging = asyncio.create_task(self._forward_log(), name=f"log of {name}")
        self._watching = asyncio.create_task(self._watch(), name=f"end of {name}")

    @property
    def pid(self) -> int:
        """Its process on its machine."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether its end is confirmed."""
        return self._gone.done()

    @property
    def is_usable(self) -> bool:
        """Whether more work may be given to it."""
        return not (self.exhausted or self._stopping or self._asked or self.is_gone)

    @property
    def known_loss(self) -> WorkerLoss | None:
        """How it was lost, for those whose pages are not to blame; None while it lives or where it was stopped."""
        loss = self._gone.result() if self._gone.done() else None
        return replace(loss, page=None) if loss else None

    @property
    def page(self) -> int | None:
        """The page it works on, 1-based; None while it works on none."""
        return self._batch.page

    @property
    def rss_bytes(self) -> int:
        """Resident size now; 0 once it is gone."""
        return self._process.rss_bytes()

    @property
    def private_bytes(self) -> int:
        """What it holds now and nobody else does, so that it is back when the worker ends; 0 once it is gone."""
        return self._process.private_bytes()

    async def gone(self) -> WorkerLoss | None:
        """Wait for its confirmed end; None where `stop` asked for that."""
        return await asyncio.shield(self._gone)

    async def load(self, request: Load) -> int:
        """Load the models; returns the resident size once that is done, bytes.

        Raises:
            PagemillError: What the engine said.
            WorkerLost: The worker died, or was not ready in time.
        """
        async with self._turn:
            return (await self._ask(request, Ready, self._config.start_limit)).rss_bytes

    async def process(self, params: BatchParams, on_page: OnPage) -> BatchOutcome:
        """Read a batch; every outcome is awaited through `on_page`.

        Ends early, with pages unsettled, when the worker is lost (the outcome says how), ran out of memory
        (`exhausted`) or is being stopped. Cancelling it stops the work within a page.
        """
        async with self._turn:
            if not self.is_usable:
                return BatchOutcome((), self.known_loss)
            self._oom_evidence = self._watch_oom(self.pid)
            self._batch = batch = _Batch(self._batch.number + 1)
            try:
                loss = await self._follow(batch, params, on_page)
            except BaseException:
                await uninterrupted(self._call_off(batch))
                raise
            return BatchOutcome(tuple(batch.settled), loss)

    async def inspect(self, path: str, *, limit: timedelta) -> DocumentInfo:
        """What the document is.

        Raises:
            DocumentError: It cannot be read, and why.
            TimedOut: It took longer than `limit`; the worker is ended.
            WorkerLost: The worker died of it.
        """
        return (await self._in_time(Inspect(path=path), Inspected, limit, done="inspected")).info

    async def render(self, request: Render, *, limit: timedelta) -> None:
        """Have a page drawn.

        Raises:
            DocumentError: The document cannot be opened.
            PageUnreadable: The page cannot be drawn.
            TimedOut: It took longer than `limit`; the worker is ended.
            WorkerLost: The worker died of it.
        """
        await self._in_time(request, Rendered, limit, done="drawn")

    async def export(self, request: Export, *, limit: timedelta) -> None:
        """Have a searchable PDF made.

        Raises:
            DocumentError: The document cannot be opened.
            PageUnreadable: A page of it is damaged.
            TimedOut: It took longer than `limit`; the worker is ended.
            WorkerLost: The worker died of it.
        """
        await self._in_time(request, Exported, limit, done="made into a PDF")

    async def trim(self) -> int:
        """Have it give free memory back; returns its resident size after that, bytes.

        Raises:
            WorkerLost: It died, or did not answer in time.
        """
        async with self._turn:
            return (await self._ask(Trim(), Trimmed, self._config.trim_limit)).rss_bytes

    async def kill(self, cause: LossCause) -> None:
        """End it now; what it was doing ends with that cause. The first cause given stays."""
        self._end(cause)
        await self._is_gone_within(self._config.kill_limit)

    async def stop(self, *, grace: timedelta | None = None) -> bool:
        """End it: politely first, by force where that takes longer than `grace`. Twice is no error.

        Returns:
            Whether its end is confirmed.
        """
        self._stopping = True
        await self._process.send(Stop())
        if not await self._is_gone_within(self._config.stop_grace if grace is None else grace):
            self._process.signal_group(signal.SIGTERM)
        if not await self._is_gone_within(self._config.term_grace):
            self._process.signal_group(signal.SIGKILL)
        if not await self._is_gone_within(self._config.kill_limit):
            return False
        await asyncio.wait([self._watching], timeout=_LINGER.total_seconds())
        return True

    async def _follow(self, batch: _Batch, params: BatchParams, on_page: OnPage) -> WorkerLoss | None:
        await self._process.send(Process(batch=batch.number, params=params))
        while (reply := await self._reply(params.page_timeout_s)) is not None:
            match reply:
                case PageStarted():
                    batch.page = reply.number
                case PageEnded() if reply.outcome.number == batch.page:
                    await self._settle(batch, reply.outcome, on_page)
                case BatchEnded():
                    self.exhausted = reply.exhausted
                    return None
                case _:
                    self._end(LossCause.PROTOCOL)
        return self._blaming(batch, await self._lost())

    def _blaming(self, batch: _Batch, loss: WorkerLoss | None) -> WorkerLoss | None:
        """The loss with the page the worker was on by all that it said: it may have died before we had read that."""
        if loss is None or self._signs is None or loss.page == batch.page:
            return loss
        return explain(replace(self._signs, page=batch.page))

    async def _settle(self, batch: _Batch, outcome: PageOutcome, on_page: OnPage) -> None:
        batch.page = None
        batch.settled.append(outcome.number)
        if not isinstance(outcome, PageNeedsOcr):
            self._peak_bytes = max(self._peak_bytes, outcome.peak_bytes)
        await on_page(outcome)

    async def _call_off(self, batch: _Batch) -> None:
        """Wait until the page at hand is over; what it became is not wanted any more."""
        await self._process.send(Cancel(batch=batch.number))
        with suppress(TimeoutError, ProtocolError):
            async with asyncio.timeout(self._config.cancel_grace.total_seconds()):
                while (reply := await self._process.receive()) is not None:
                    if isinstance(reply, BatchEnded):
                        self.exhausted = reply.exhausted
                        return
                await self._lost()
                return
        await self.kill(LossCause.HANG)

    async def _in_time(self, request: Request, expected: type[_Answer], limit: timedelta, *, done: str) -> _Answer:
        """`_ask` in its turn; a worker that had to be ended for taking too long is told from one that died."""
        async with self._turn:
            try:
                return await self._ask(request, expected, limit)
            except WorkerLost as error:
                if self._asked is not LossCause.HANG:
                    raise
                raise TimedOut(f"The document was not {done} within {limit.total_seconds():g} s.") from error

    async def _ask(self, request: Request, expected: type[_Answer], limit: timedelta) -> _Answer:
        """One question, one answer; a caller that is cancelled meanwhile still leaves the pipe in order."""
        if not self.is_usable:
            raise _lost_error(self.known_loss)
        return await uninterrupted(self._converse(request, expected, limit))

    async def _converse(self, request: Request, expected: type[_Answer], limit: timedelta) -> _Answer:
        await self._process.send(request)
        reply = await self._reply(limit.total_seconds())
        if isinstance(reply, expected):
            return reply
        if isinstance(reply, Failed):
            raise reply.to_error()
        if reply is not None:
            self._end(LossCause.PROTOCOL)
        raise _lost_error(await self._lost())

    async def _reply(self, timeout_s: float) -> Reply | None:
        """The next reply; None where none will come, because the worker has ended or is being ended."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._process.receive()
        except TimeoutError:
            self._end(LossCause.HANG)
        except ProtocolError as error:
            logger.warning("Worker %s: %s", self.name, error)
            self._end(LossCause.PROTOCOL)
        return None

    async def _lost(self) -> WorkerLoss | None:
        """See it dead. One that closed its pipe but lives is ended first."""
        if not await self._is_gone_within(_LINGER):
            self._end(LossCause.PROTOCOL)
        return await self.gone()

    def _end(self, cause: LossCause) -> None:
        if self._asked is None and not self.is_gone:
            self._asked = cause
            self._peak_bytes = max(self._peak_bytes, self._process.peak_bytes())
        self._process.signal_group(signal.SIGKILL)

    async def _is_gone_within(self, limit: timedelta) -> bool:
        await asyncio.wait([self._gone], timeout=limit.total_seconds())
        return self.is_gone

    async def _watch(self) -> None:
        """From birth to the last rites: wait for the end, hear its last words, say how it died, close its pipes."""
        status = await self._process.exited()
        await asyncio.wait([self._logging], timeout=_LINGER.total_seconds())
        self._logging.cancel()
        self._gone.set_result(self._explain(status))
        async with self._turn:
            self._process.close()

    def _explain(self, status: ExitStatus) -> WorkerLoss | None:
        if self._stopping and self._asked is None:
            return None
        self._signs = signs = Signs(
            code=status.code,
            asked=self._asked,
            oom=self._oom_evidence(),
            last_words=last_words(self._tail),
            page=self._batch.page,
            peak_bytes=max(self._peak_bytes, status.peak_bytes),
        )
        loss = explain(signs)
        logger.warning("Worker %s is lost: %s", self.name, loss.message)
        return loss

    async def _forward_log(self) -> None:
        rest = b""
        while chunk := await self._process.log():
            *lines, rest = (rest + chunk)[-_LONGEST_LINE:].split(b"\n")
            for line in lines:
                self._note(line)
        self._note(rest)

    def _note(self, line: bytes) -> None:
        if text := storable(line.decode(errors="replace")).rstrip():
            self._tail.append(text)
            printed.info("%s: %s", self.name, text)


def _lost_error(loss: WorkerLoss | None) -> WorkerLost:
    if loss is None:
        return WorkerLost("The worker was stopped before it could answer.", cause=None)
    return WorkerLost(loss.message, cause=loss.cause, peak_bytes=loss.peak_bytes)
