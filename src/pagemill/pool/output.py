"""Forwards what a worker prints to the server's log, and keeps the end for the report of its death."""

import logging
from collections import deque

from pagemill.domain.text import make_storable
from pagemill.pool.deaths import last_words
from pagemill.pool.placement import WorkerProcess

printed = logging.getLogger("pagemill.worker")

_LONGEST_LINE = 8192


class Output:
    """The standard output and error of one worker. Runs in the server's event loop."""

    def __init__(self, name: str, process: WorkerProcess, *, tail_lines: int) -> None:
        self._name = name
        self._process = process
        self._tail: deque[str] = deque(maxlen=tail_lines)

    async def forward(self) -> None:
        """Log every line until the process has ended."""
        rest = b""
        while chunk := await self._process.log():
            *lines, rest = (rest + chunk)[-_LONGEST_LINE:].split(b"\n")
            for line in lines:
                self._note(line)
        self._note(rest)

    def last_words(self) -> str:
        """The line that explains its end best."""
        return last_words(self._tail)

    def _note(self, line: bytes) -> None:
        if text := make_storable(line.decode(errors="replace")).rstrip():
            self._tail.append(text)
            printed.info("%s: %s", self._name, text)
