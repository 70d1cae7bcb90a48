"""Another process under the same memory limit: takes memory, as fast as a program does, and gives it back.

`python -m proofs.neighbour`: reads MiB to hold, a number a line, from its input; ends with it.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pagemill.domain.memory import MIB

STEP_MIB = 16
STEP_S = 0.05


class Neighbour:
    """The process, as seen by the one that started it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def hold(self, size_mib: int) -> None:
        """Make it hold this much and no more; it takes a moment."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{size_mib}\n")
        self._process.stdin.flush()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None


@contextmanager
def neighbour(within: Sequence[str], *, root: str) -> Iterator[Neighbour]:
    """A neighbour for the `with` statement; `within` is a command that runs its arguments in a cgroup."""
    command = [*within, sys.executable, "-m", "proofs.neighbour"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": f"{root}/src"}
    ) as process:
        yield Neighbour(process)
        assert process.stdin is not None
        process.stdin.close()


def main() -> None:
    """Hold as much memory as asked for."""
    held: list[bytes] = []
    for line in sys.stdin:
        wanted = int(line) // STEP_MIB
        del held[wanted:]
        while len(held) < wanted:
            held.append(b"x" * (STEP_MIB * MIB))
            time.sleep(STEP_S)


if __name__ == "__main__":
    main()
