"""Starts worker processes and talks to them.

LocalPlacement.start ─▶ Popen(own session, no inherited files but the socket; in a sandbox: a desk, few variables)
                         ├─ socketpair ─ frames ─▶ WorkerProcess.receive / send
                         ├─ pipe ─ stdout and stderr ─▶ WorkerProcess.log
                         └─ pidfd ─ readable at death ─▶ kill what is left of the group, reap ─▶ exited()
"""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from asyncio import IncompleteReadError, StreamReader, StreamReaderProtocol
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.pool import linux
from pagemill.pool.messages import LENGTHS, Reply, Request, check_lengths, pack, parse_reply
from pagemill.pool.sandbox.desks import Desk, Sandbox

_UNWATCHED = timedelta(seconds=5)

_FEW_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""Without these, numpy and OpenCV start a thread for each core as they load, with stacks and buffers: 235 MiB of
private data on two cores instead of 75. If a limit forbids that, OpenBLAS ends the process. No engine multiplies
matrices with OpenBLAS, and an engine that wants more threads of OpenCV sets them itself.
"""


DISK_FULL = (
    "The disk is full, so no worker can get a document. Free some space on the disk of the data folder; the work then "
    "continues by itself."
)
ROOM_COMES_S = 30
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class ExitStatus:
    """How a process ended.

    Attributes:
        code: Exit code; negative for the signal that ended it; None if it is not known.
        peak_bytes: Highest resident size before it ended; 0 if that is not known.
    """

    code: int | None
    peak_bytes: int = 0


class WorkerProcess(Protocol):
    """A worker that was started."""

    @property
    def pid(self) -> int:
        """Its process id on its machine."""
        ...

    async def send(self, request: Request) -> None:
        """Send it a request; a process that is gone ignores it."""
        ...

    async def receive(self) -> Reply | None:
        """Its next reply; None once it has ended. Cancelling the call loses no reply.

        Raises:
            ProtocolError: It sent an invalid reply; nothing more can be read.
        """
        ...

    async def log(self) -> bytes:
        """Some of what it printed; empty once it has ended."""
        ...

    async def wait_for_exit(self) -> ExitStatus:
        """Wait for its confirmed end."""
        ...

    def close(self) -> None:
        """Close the pipes to it, which ends a worker that lives. A second call does nothing."""
        ...

    def signal_group(self, number: signal.Signals) -> None:
        """Signal it and all processes that it started, unless it has ended."""
        ...

    def lower_priority(self, niceness: int) -> None:
        """Let other processes have the CPU first: raise its niceness above ours, before it has started any thread."""
        ...

    def rss_bytes(self) -> int:
        """Resident size now; 0 once it has ended."""
        ...

    def private_bytes(self) -> int:
        """The anonymous part of its resident size now; 0 once it has ended."""
        ...

    def peak_bytes(self) -> int:
        """Highest resident size since its present page began; 0 once it has ended."""
        ...


class Placement(Protocol):
    """Starts workers."""

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """Start a worker that waits for `Load`.

        Raises:
            OSError: It could not be started.
            PoolExhausted: The disk has no room for what it needs.
        """
        ...


@contextmanager
def _with_room_on_disk() -> Iterator[None]:
    """Treat a full disk as a temporary shortage: the work waits, as it waits for memory."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise PoolExhausted(DISK_FULL, retry_after_s=ROOM_COMES_S) from error


class LocalPlacement:
    """Workers as child processes on this machine (Linux 5.3 or newer)."""

    def __init__(self, *, sandbox: Sandbox | None = None) -> None:
        """Configure the workers' sandbox; without one, they inherit our environment and all our rights."""
        self._sandbox = sandbox

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """See `Placement.start`; another interpreter still runs our own code."""
        _keep_exit_statuses()
        with _with_room_on_disk():
            desk = None if self._sandbox is None else self._sandbox.desk()
        ours, theirs = socket.socketpair()
        log, printed = os.pipe()
        tied, lifeline = os.pipe()
        with ExitStack() as kept, ExitStack() as handed:
            kept.callback(ours.close)
            handed.callback(theirs.close)
            for stack, descriptor in ((kept, log), (kept, lifeline), (handed, printed), (handed, tied)):
                stack.callback(os.close, descriptor)
            if desk is not None:
                kept.callback(_clear_away, desk)
            started = self._execute(_command(interpreter), output=printed, handed=(theirs.fileno(), tied), desk=desk)
            try:
                process = _LocalProcess(started, kept, desk=desk)
            except BaseException:
                await finish_despite_cancel(_end_unwatched(started))
                raise
        await process.connect(ours, log)
        return process

    def _execute(
        self, command: list[str], *, output: int, handed: tuple[int, int], desk: Desk | None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, *map(str, handed), *(desk.confinement.arguments() if desk else ())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=handed,
            env=(desk.environment(os.environ) if desk else dict(os.environ)) | _FEW_THREADS,
            start_new_session=True,
        )


def _command(interpreter: str | None) -> list[str]:
    if interpreter is None:
        return [sys.executable, "-P", "-u", "-m", "pagemill.pool.child"]
    return [interpreter, "-P", "-u", str(Path(__file__).with_name("boot.py"))]


def _keep_exit_statuses() -> None:
    """Stop ignoring `SIGCHLD`, as we may have inherited it: otherwise the kernel forgets how children end."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        with suppress(ValueError):  # not the main thread: we see deaths, but not their causes
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _clear_away(desk: Desk) -> None:
    """Delete the desk in a thread: code that took over a worker may have made a million files."""
    asyncio.get_running_loop().run_in_executor(None, desk.remove)


async def see_killed(process: WorkerProcess, *, within: timedelta) -> None:
    """End a process that no worker watches, and wait for its end within a limit."""
    process.signal_group(signal.SIGKILL)
    process.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(within.total_seconds()):
            await process.wait_for_exit()


async def _end_unwatched(process: subprocess.Popen[bytes]) -> None:
    """End a process whose end the loop cannot see."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, _UNWATCHED.total_seconds())


class _LocalProcess:
    """A child process. It owns `closing`, which closes our ends of its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], closing: ExitStack, *, desk: Desk | None) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._desk = desk
        self._exit: asyncio.Future[ExitStatus] = loop.create_future()
        self._reader, self._log = StreamReader(), StreamReader()
        self._lengths: tuple[int, int] | None = None
        self._pidfd = os.pidfd_open(process.pid)
        try:
            loop.add_reader(self._pidfd, self._bury)
        except BaseException:
            os.close(self._pidfd)
            raise
        self._closing = closing.pop_all()

    async def connect(self, ours: socket.socket, log_fd: int) -> None:
        """Connect the pipes; if that fails, end the process."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
            self._closing.callback(self._writer.transport.abort)
            printed = os.fdopen(log_fd, "rb", buffering=0, closefd=False)
            protocol = StreamReaderProtocol(self._log)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, printed)
            self._closing.callback(transport.close)
        except BaseException:
            self.signal_group(signal.SIGKILL)
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, request: Request) -> None:
        if self._desk is not None:
            with _with_room_on_disk():
                request = await self._desk.lay(request)
        with suppress(ConnectionError):
            self._writer.write(pack(request))
            await self._writer.drain()

    async def receive(self) -> Reply | None:
        try:
            if self._lengths is None:
                self._lengths = LENGTHS.unpack(await self._reader.readexactly(LENGTHS.size))
            head, payload = self._lengths
            check_lengths(head, payload)
            frame = await self._reader.readexactly(head + payload)
        except (IncompleteReadError, ConnectionError):
            return None
        self._lengths = None
        reply = parse_reply(frame[:head], frame[head:])
        if self._desk is not None and self._desk.awaits_result:
            with _with_room_on_disk():
                await self._desk.collect(reply)
        return reply

    async def log(self) -> bytes:
        return await self._log.read(4096)

    async def wait_for_exit(self) -> ExitStatus:
        return await asyncio.shield(self._exit)

    def close(self) -> None:
        self._closing.close()

    def signal_group(self, number: signal.Signals) -> None:
        if not self._exit.done():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def lower_priority(self, niceness: int) -> None:
        if not self._exit.done():
            linux.lower_priority(self.pid, niceness)

    def rss_bytes(self) -> int:
        return 0 if self._exit.done() else linux.rss_bytes(self.pid)

    def private_bytes(self) -> int:
        return 0 if self._exit.done() else linux.anonymous_bytes(self.pid)

    def peak_bytes(self) -> int:
        return 0 if self._exit.done() else linux.peak_rss_bytes(self.pid)

    def _bury(self) -> None:
        """Reap it. Until then, no other process can get its number or its group's, so signalling the group is safe."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.signal_group(signal.SIGKILL)
        try:
            _, status, usage = os.wait4(self.pid, 0)
        except ChildProcessError:  # the kernel forgot it, or another part of this program reaped it first
            self._process.returncode = 0
            self._exit.set_result(ExitStatus(None))
            return
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._exit.set_result(ExitStatus(self._process.returncode, linux.exit_peak_bytes(usage)))
