"""Answers to what Paddle asks a shell while it is imported: workers may start no programs.

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
    """As much of a `subprocess.Popen` as `os.popen` and Paddle use: a command that has ended."""

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
    """Start no program while the block runs; answer two commands, and find no other."""
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
