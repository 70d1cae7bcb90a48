"""Uses Linux to measure processes, to have workers killed first, and to end them with their parent.

A figure that cannot be read is 0 or None: "not known".
"""

import fcntl
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_KIB = 1024
_WHOLE = 16 * _KIB


def rss_bytes(pid: int | str = "self") -> int:
    """Resident size now (`VmRSS`); 0 for a process that has ended."""
    return _status_bytes(pid, "VmRSS:")


def anonymous_bytes(pid: int | str = "self") -> int:
    """The part of the resident size that is in no file (`RssAnon`): no other process shares it."""
    return _status_bytes(pid, "RssAnon:")


def peak_rss_bytes(pid: int | str = "self") -> int:
    """Highest resident size (`VmHWM`) since the start or the last `reset_peak`."""
    return _status_bytes(pid, "VmHWM:")


def reset_peak() -> None:
    """Start a new measurement of this process's peak (see `clear_refs` in proc(5))."""
    with suppress(OSError):
        os.pwrite(_own_file("clear_refs", os.O_WRONLY), b"5", 0)


def prefer_for_oom_kill() -> None:
    """Have the kernel kill this process before any other when memory runs out; needs no privilege."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def lower_priority(pid: int, niceness: int) -> None:
    """Raise a process's niceness above ours, before it has started any thread. It has to lead a session of its own.

    Where the kernel groups processes by session (`autogroup`, see sched(7)), only the group's niceness counts, so set
    that, too. The kernel may refuse the second of two such calls within 100 ms; that group then stays as it is.
    """
    raised = os.getpriority(os.PRIO_PROCESS, 0) + niceness
    os.setpriority(os.PRIO_PROCESS, pid, raised)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(raised))


def limit_data(limit_bytes: int) -> None:
    """Let allocations of this process fail beyond `limit_bytes` of private data (`RLIMIT_DATA`)."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))


def data_bytes() -> int:
    """Private data of this process now, as `RLIMIT_DATA` counts it (`VmData`)."""
    return _status_bytes("self", "VmData:")


@contextmanager
def data_room(room_bytes: int | None) -> Iterator[None]:
    """While the block runs, let allocations fail beyond `room_bytes` more than are held; None sets no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if room_bytes is None:
        yield
        return
    wanted = data_bytes() + room_bytes
    known = [limit for limit in (soft, hard, wanted) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def exit_peak_bytes(usage: resource.struct_rusage) -> int:
    """A dead child's highest resident size; 0 if it is not known.

    A child starts with the resident size of its parent, so a figure below our own says nothing. Our own is that of this
    program: `ru_maxrss` counts also what started us.
    """
    reached = usage.ru_maxrss * _KIB
    return reached if reached > peak_rss_bytes() else 0


def tie_group_to(lifeline_fd: int) -> None:
    """Have the kernel kill our process group when the other end of this pipe closes, for whatever reason.

    No thread of ours takes part, so it works even while a library holds the interpreter's lock. See F_SETSIG and
    O_ASYNC in fcntl(2). PR_SET_PDEATHSIG does not work: it fires when the *thread* ends that started us.
    """
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        if not os.read(lifeline_fd, 1):
            os.killpg(os.getpgrp(), signal.SIGKILL)


def _status_bytes(pid: int | str, field: str) -> int:
    """A figure of a `status` file in proc(5), which one read gives whole.

    Every page asks, so there are no buffers and no decoders, which take four times as many system calls.
    """
    try:
        status = _own_status() if pid == "self" else _status(pid)
    except OSError:
        return 0
    _, found, after = status.partition(f"\n{field}".encode())
    return int(after.split(maxsplit=1)[0]) * _KIB if found else 0


def _own_status() -> bytes:
    return os.pread(_own_file("status", os.O_RDONLY), _WHOLE, 0)


def _status(pid: int | str) -> bytes:
    file = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, _WHOLE)
    finally:
        os.close(file)


@cache
def _own_file(name: str, flags: int) -> int:
    """One of our own files in proc(5), which stays open: in the sandbox, opening costs most of all."""
    return os.open(f"/proc/self/{name}", flags | os.O_CLOEXEC)


os.register_at_fork(after_in_child=_own_file.cache_clear)
