"""An engine and structure models that try to break out, as a document that has taken over its worker could.

The engine's options say what to try; for the structure models, the text of the page does: a `script`. Both report the
outcome of each attempt: "done", or the name of the error. Runs in a worker; needs only the standard library.
"""

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Block, Line, Page, PageSource, PageWarning, WarningKind
from pagemill.domain.work.engine_spec import EngineConfig, EngineProfile, EngineSpec

INTRUDER = EngineSpec(
    name="intruder",
    factory="pagemill.testing.intruder:Intruder",
    profiles=(EngineProfile("plain", MemorySeed(MemoryNeed(50 * MIB), MemoryNeed(10 * MIB)), max_pixels=1_000_000),),
)
"""The server's description of `Intruder`."""

STRUCTURE = "pagemill.testing.intruder:load_structure"
"""The place of the structure models that try to break out: a way into readers, which have no engine."""

SERVER = "{server}"
"""A placeholder for the process that started the worker, in an attempt's argument."""

Attempts = Mapping[str, str]
"""What to try, by any name: an attempt of `ATTEMPTS`, a colon, and its argument."""


class Intruder:
    """Tries what its options say on every page; the page's lines report the outcomes."""

    reads_ink = False

    def __init__(self, config: EngineConfig) -> None:
        self._attempts = {name: str(value) for name, value in config.options.items()}

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. A page with a line of JSON: the outcomes by name."""
        del rotation, batch_size
        corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        line = Line(text=json.dumps(outcomes(self._attempts)), polygon=corners, confidence=0.5)
        return Page(
            number=number,
            width_px=image.width_px,
            height_px=image.height_px,
            dpi=image.dpi,
            source=PageSource.OCR,
            engine=INTRUDER.name,
            blocks=(Block(polygon=corners, lines=(line,)),),
        )

    def trim(self) -> None:
        """See `Engine.trim`. Nothing."""

    def close(self) -> None:
        """See `Engine.close`. Nothing."""


class IntrudingStructure:
    """Tries what the page's text says; its only warning reports the outcomes as JSON."""

    def find_structure(self, page: Page, image: PageImage) -> Page:
        """See `StructureAnalyser.find_structure`. The page with that warning."""
        del image
        attempts: Attempts = json.loads(bytes.fromhex("".join(page.text.split())))
        warning = PageWarning(kind=WarningKind.STRUCTURE, message=json.dumps(outcomes(attempts)))
        return page.model_copy(update={"warnings": (warning,)})

    def trim(self) -> None:
        """See `StructureAnalyser.trim`. Nothing."""

    def close(self) -> None:
        """See `StructureAnalyser.close`. Nothing."""


def load_structure(*, threads: int) -> IntrudingStructure:
    """The `StructureFactory`."""
    del threads
    return IntrudingStructure()


def script(attempts: Attempts) -> str:
    """The text of a page that makes its reader try these: only hex digits, so that no layout changes it."""
    return json.dumps(dict(attempts)).encode().hex()


def outcomes(attempts: Attempts) -> dict[str, str]:
    """The outcome of each attempt."""
    return {name: _outcome(*attempt.split(":", 1)) for name, attempt in attempts.items()}


def _outcome(kind: str, argument: str = "") -> str:
    try:
        ATTEMPTS[kind](argument.replace(SERVER, str(os.getppid())))
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "done"


def _read(path: str) -> None:
    Path(path).read_bytes()


def _list(path: str) -> None:
    list(Path(path).iterdir())


def _append(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"!")


def _make(path: str) -> None:
    Path(path).write_bytes(b"!")


def _link_to(path: str) -> None:
    """Make a hard link in our own folder to a file of others."""
    os.link(path, Path(os.environ["HOME"]) / "link")


def _symlink_to(path: str) -> None:
    (Path(os.environ["HOME"]) / "symlink").symlink_to(path)


def _connect(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)


def _send(port: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"!", ("127.0.0.1", int(port)))


def _fork(_: str) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _execute(_: str) -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def _signal(pid: str) -> None:
    os.kill(int(pid), 0)


def _own_signal(pid: str) -> None:
    """Have the kernel send a signal to another, when our own pipe is written to (F_SETOWN in fcntl(2))."""
    import fcntl

    ours, theirs = os.pipe()
    try:
        fcntl.fcntl(ours, fcntl.F_SETOWN, int(pid))
    finally:
        os.close(ours)
        os.close(theirs)


def _limit(pid: str) -> None:
    import resource

    resource.prlimit(int(pid), resource.RLIMIT_NOFILE)


def _call(number: int, *arguments: int) -> Callable[[str], None]:
    """Make a harmless system call of x86_64: unless the kernel answers EPERM, the filter let it through."""

    def attempt(_: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(number, *arguments) < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
            raise PermissionError(ctypes.get_errno(), "refused")

    return attempt


ATTEMPTS: Mapping[str, Callable[[str], None]] = {
    "read": _read,
    "list": _list,
    "append": _append,
    "make": _make,
    "make_folder": lambda path: Path(path).mkdir(),
    "remove": lambda path: Path(path).unlink(),
    "truncate": lambda path: os.truncate(path, 0),
    "rename": lambda path: os.rename(path, f"{path}.renamed"),  # noqa: PTH104 - one call, as an intruder makes it
    "chmod": lambda path: Path(path).chmod(0o777),
    "touch": os.utime,
    "link_to": _link_to,
    "symlink_to": _symlink_to,
    "connect": _connect,
    "connect_unix": _connect_unix,
    "send": _send,
    "fork": _fork,
    "execute": _execute,
    "signal": _signal,
    "own_signal": _own_signal,
    "limit": _limit,
    "ptrace": _call(101, 0xFFFF),
    "process_vm_readv": _call(310, 0),
    "keyctl": _call(250, 0, -3, 0),
    "bpf": _call(321, 0xFFFF),
    "perf_event_open": _call(298, 0),
    "userfaultfd": _call(323, 0xFFFF),
    "io_uring": _call(425, 0, 0),
    "mount": _call(165, 0, 0, 0, 0, 0),
    "clone3": _call(435, 0, 0),
}
"""The possible attempts; calls by number are those of x86_64."""
