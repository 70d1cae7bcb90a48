"""Answers the commands that Paddle runs while it is imported, because workers may not start programs.

`paddle/base/core.py` runs `ldd --version` for the C library's version and `cat /proc/cpuinfo` for AVX, and does not
expect that to fail. Runs in workers.
"""

import io
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOT_FOUND = 127


class Answered:
    """The part of `subprocess.Popen` that `os.popen` and Paddle use, for a command that has ended."""

    def __init__(self, command: str, *, text: bool = False, **_options: object) -> None:
        found = _answer(str(command))
        self.returncode = _NOT_FOUND if found is None else 0
        self._printed = (found or "").encode()
        self.stdout = io.StringIO(found or "") if text else io.BytesIO(self._printed)

    def communicate(self) -> tuple[bytes, bytes]:
        """Its standard output and error."""
        return self._printed, b"" if self.returncode == 0 else b"not found"

    def wait(self) -> int:
        """Its exit status."""
        return self.returncode


@contextmanager
def shell_answered() -> Iterator[None]:
    """Start no program within the block: answer Paddle's two commands, and report any other as not found."""
    real = subprocess.Popen
    vars(subprocess)["Popen"] = Answered
    try:
        yield
    finally:
        vars(subprocess)["Popen"] = real


def _answer(command: str) -> str | None:
    if command.startswith("ldd --version"):
        return platform.libc_ver()[1]
    if command.startswith("cat /proc/cpuinfo"):
        return "\n".join(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "avx" in line.lower())
    return None
