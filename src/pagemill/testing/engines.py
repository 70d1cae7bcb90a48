"""An engine that does what its options say, faults included. Runs in a worker; needs only the standard library.

Its options name faults by page number, by `every` (page), by `load`, or by the kind of device (`cuda`):

    EngineConfig(profile="plain", options={"3": "sigkill", "every": "leak:20"})
"""

import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from pagemill.domain.errors import EngineFailed
from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.work.engine_spec import EngineConfig, EngineProfile, EngineSpec

FAULTY = EngineSpec(
    name="faulty",
    factory="pagemill.testing.engines:FaultyEngine",
    profiles=(
        EngineProfile(
            "plain",
            MemorySeed(MemoryNeed(50 * MIB), MemoryNeed(10 * MIB), batch_size=8),
            max_pixels=1_000_000,
            loads_languages=True,
        ),
        EngineProfile(
            "other", MemorySeed(MemoryNeed(50 * MIB), MemoryNeed(10 * MIB), batch_size=8), max_pixels=1_000_000
        ),
    ),
    device_kinds=("cpu", "cuda"),
)
"""The server's description of `FaultyEngine`."""

_TO_A_FILE = ("spin", "tally", "wait")
"""Faults whose argument is a file that they write to."""


def make_faulty(faults: Mapping[str, str | int | float | bool]) -> EngineSpec:
    """`FAULTY` with the folders that these faults write to; the workers' sandbox would otherwise refuse them."""
    arguments = [str(fault).partition(":") for fault in faults.values()]
    folders = {str(Path(path).absolute().parent) for name, _, path in arguments if name in _TO_A_FILE}
    return replace(FAULTY, writes=tuple(sorted(folders)))


UNSTORABLE = "\0|\ud800|\udfff"
"""Characters that no database stores: NUL, and either half of a surrogate pair."""


class FaultyEngine:
    """Reads every page as "page N", after doing what its options say for that page.

    Faults: `sigkill`, `sigsegv`, `exit:CODE`, `hang`, `memory_error`, `allocate` (without end), `leak:MIB`, `raise`,
    `fail:MESSAGE` (an `EngineFailed`), `print` (junk on standard output), `junk` (on the pipe to the server),
    `spawn:PATH` (a process, its number written to PATH), `stubborn` (hangs and ignores SIGTERM), `wait:PATH` (makes
    PATH.reached and continues once PATH exists), `tally:PATH` (adds a byte to PATH), `spin:PATH`
    (makes PATH.reached, then computes forever with the interpreter locked). `last_words` prints `UNSTORABLE` characters
    and exits, `unspeakable` fails with them in its message, and `odd_text` adds them to the text of this page and all
    later ones. `where` adds the device, and the GPUs that it sees, to the same pages.
    """

    reads_ink = False

    def __init__(self, config: EngineConfig) -> None:
        self._faults = {name: str(value) for name, value in config.options.items()}
        self._profile = config.profile
        self._device = config.device
        self._leaked: list[bytearray] = []
        self._odd_text = ""
        self._suffer("load")

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. Some faults prevent it."""
        del rotation, batch_size
        for occasion in ("every", self._device.partition(":")[0], str(number)):
            self._suffer(occasion)
        return _page(number, image, self._profile, text=f"page {number}{self._odd_text}")

    def trim(self) -> None:
        """See `Engine.trim`."""
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)

    def close(self) -> None:
        """See `Engine.close`. This also frees what it leaked."""
        self._leaked.clear()

    def _suffer(self, occasion: str) -> None:
        name, _, argument = self._faults.get(occasion, "").partition(":")
        if name == "leak":
            self._leaked.append(bytearray(b"x") * (int(argument) * MIB))
        elif name == "odd_text":
            self._odd_text = UNSTORABLE
        elif name == "where":
            self._odd_text = f" on {self._device} of {os.environ.get('CUDA_VISIBLE_DEVICES')!r}"
        elif name:
            _FAULTS[name](argument)


def _page(number: int, image: PageImage, profile: str, *, text: str) -> Page:
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    line = Line(text=text, polygon=corners, confidence=0.5)
    return Page(
        number=number,
        width_px=image.width_px,
        height_px=image.height_px,
        dpi=image.dpi,
        source=PageSource.OCR,
        engine=FAULTY.name,
        profile=profile,
        blocks=(Block(polygon=corners, lines=(line,)),),
    )


def _die(number: signal.Signals) -> NoReturn:
    os.kill(os.getpid(), number)
    _hang()


def _hang() -> NoReturn:
    while True:
        threading.Event().wait()


def _memory_error() -> NoReturn:
    raise MemoryError


def _raise() -> NoReturn:
    raise ZeroDivisionError("an engine's own bug")


def _fail(message: str) -> NoReturn:
    raise EngineFailed(message)


def _last_words() -> NoReturn:
    os.write(2, f"last words {UNSTORABLE}\n".encode(errors="surrogatepass"))
    os._exit(7)


def _allocate() -> NoReturn:
    taken: list[bytearray] = []
    while True:
        taken.append(bytearray(b"x") * (8 * MIB))
        time.sleep(0.001)


def _print() -> None:
    sys.stdout.write("junk of a library\n")
    os.write(1, b"\x00\x01 junk below the standard library\n")


def _junk() -> None:
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"GET / HTTP/1.1\r\n\r\n")


def _tally(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"x")


def _wait(path: str) -> None:
    Path(f"{path}.reached").touch()
    while not Path(path).exists():
        time.sleep(0.005)


def _spin(path: str) -> NoReturn:
    Path(f"{path}.reached").touch()
    while True:
        sum(range(10**12))


def _spawn(path: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(path).write_text(str(process.pid))


def _ignore_stop() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _hang()


_FAULTS: Mapping[str, Callable[[str], None]] = {
    "sigkill": lambda _: _die(signal.SIGKILL),
    "sigsegv": lambda _: _die(signal.SIGSEGV),
    "exit": lambda code: os._exit(int(code)),
    "hang": lambda _: _hang(),
    "memory_error": lambda _: _memory_error(),
    "allocate": lambda _: _allocate(),
    "raise": lambda _: _raise(),
    "fail": _fail,
    "last_words": lambda _: _last_words(),
    "unspeakable": lambda _: _fail(f"It cannot be said {UNSTORABLE}."),
    "print": lambda _: _print(),
    "junk": lambda _: _junk(),
    "tally": _tally,
    "wait": _wait,
    "spin": _spin,
    "spawn": _spawn,
    "stubborn": lambda _: _ignore_stop(),
}
