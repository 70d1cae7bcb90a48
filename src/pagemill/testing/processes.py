"""Fake worker processes: they give prepared answers, and end when they may."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from itertools import count

from pagemill.domain.documents import DocumentInfo, DocumentKind
from pagemill.domain.memory import MIB
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.work.outcomes import PageRead
from pagemill.pool.messages import (
    Cancel,
    ChunkEnded,
    Export,
    Inspect,
    Inspected,
    Load,
    Made,
    PageEnded,
    PageStarted,
    Process,
    Ready,
    Render,
    Reply,
    Request,
    Stop,
    Trim,
    Trimmed,
)
from pagemill.pool.placement import ExitStatus

Answers = Callable[[Request], Sequence[Reply]]
"""The replies of a process to a request."""

SIZE_BYTES = 40 * MIB
"""The memory that a process holds while it lives."""


def answer(request: Request) -> Sequence[Reply]:
    """The replies of a process without failures."""
    match request:
        case Load():
            return [Ready(rss_bytes=SIZE_BYTES)]
        case Process():
            read = [reply for number in request.params.pages for reply in _read(number)]
            return [*read, ChunkEnded(chunk=request.chunk)]
        case Inspect():
            return [Inspected(info=DocumentInfo(DocumentKind.PDF, 5))]
        case Render() | Export():
            return [Made()]
        case Trim():
            return [Trimmed(rss_bytes=SIZE_BYTES)]
        case Cancel() | Stop():
            return []


def _read(number: int) -> Sequence[Reply]:
    page = Page(number=number, width_px=1, height_px=1, dpi=None, source=PageSource.OCR, engine="fake")
    return [
        PageStarted(number=number),
        PageEnded(outcome=PageRead(number, page.to_json(), seconds=0.0, peak_bytes=SIZE_BYTES, pixels=1)),
    ]


class FakeProcess:
    """`WorkerProcess` in memory.

    Attributes:
        requests: The requests that it got, oldest first.
        obeys: Whether signals and `Stop` end it; one that does not ends once `end` is called.
        size_bytes: What it holds while it lives.
        niceness: How far it was told to stand back for others on the CPU.
    """

    def __init__(self, pid: int, answers: Answers, *, obeys: bool) -> None:
        self.requests: list[Request] = []
        self.obeys = obeys
        self.size_bytes = SIZE_BYTES
        self.niceness = 0
        self._growth: list[int] = []
        self._pid = pid
        self._answers = answers
        self._replies: asyncio.Queue[Reply | None] = asyncio.Queue()
        self._exit: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """See `WorkerProcess.pid`. A number of its own."""
        return self._pid

    async def send(self, request: Request) -> None:
        """See `WorkerProcess.send`. The prepared answers follow at once."""
        if self._exit.done():
            return
        self.requests.append(request)
        self.reply(*self._answers(request))
        if isinstance(request, Stop) and self.obeys:
            self.end(0)

    def reply(self, *replies: Reply) -> None:
        """Send these replies, requested or not."""
        for each in replies:
            self._replies.put_nowait(each)

    async def receive(self) -> Reply | None:
        """See `WorkerProcess.receive`."""
        if self._exit.done() and self._replies.empty():
            return None
        return await self._replies.get()

    async def log(self) -> bytes:
        """See `WorkerProcess.log`. It prints nothing."""
        await asyncio.shield(self._exit)
        return b""

    async def wait_for_exit(self) -> ExitStatus:
        """See `WorkerProcess.wait_for_exit`."""
        return await asyncio.shield(self._exit)

    def close(self) -> None:
        """See `WorkerProcess.close`. A process that obeys ends with its pipes."""
        if self.obeys:
            self.end(-signal.SIGKILL)

    def signal_group(self, number: signal.Signals) -> None:
        """See `WorkerProcess.signal_group`. It ends the process if it obeys."""
        if self.obeys:
            self.end(-number)

    def lower_priority(self, niceness: int) -> None:
        """See `WorkerProcess.lower_priority`. `niceness` sums it up."""
        self.niceness += niceness

    def rss_bytes(self) -> int:
        """See `WorkerProcess.rss_bytes`. `size_bytes` while it lives."""
        return 0 if self._exit.done() else self.size_bytes

    def private_bytes(self) -> int:
        """See `WorkerProcess.private_bytes`. All of it."""
        return self.rss_bytes()

    def peak_bytes(self) -> int:
        """See `WorkerProcess.peak_bytes`. Each call takes the next step of `grow`."""
        if self._growth:
            self.size_bytes = self._growth.pop(0)
            if not self._growth:
                asyncio.get_running_loop().call_soon(self.end)
        return self.rss_bytes()

    def grow(self, *sizes_bytes: int) -> None:
        """Grow to each of these sizes, one at each call of `peak_bytes`, then end."""
        self._growth = list(sizes_bytes)

    def end(self, code: int = -signal.SIGKILL) -> None:
        """End it, even if it does not obey; ending twice is not an error."""
        if not self._exit.done():
            self._exit.set_result(ExitStatus(code))
            self._replies.put_nowait(None)


class FakePlacement:
    """`Placement` of processes in memory.

    Attributes:
        processes: The processes started so far, oldest first.
        obeys: Whether processes started from now on can be ended from outside.
    """

    def __init__(self, answers: Answers = answer, *, obeys: bool = True) -> None:
        self.processes: list[FakeProcess] = []
        self.obeys = obeys
        self._answers = answers
        self._pids = count(1)

    async def start(self, *, interpreter: str | None = None) -> FakeProcess:
        """See `Placement.start`. One more, whatever the interpreter."""
        del interpreter
        await asyncio.sleep(0)
        process = FakeProcess(next(self._pids), self._answers, obeys=self.obeys)
        self.processes.append(process)
        return process

    def end_all(self) -> None:
        """End all that did not obey."""
        for process in self.processes:
            process.end()
