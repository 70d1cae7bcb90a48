"""Restarts a server whenever it ends, as systemd or Kubernetes would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import httpx
import psutil
from proofs.witness import JOURNAL_VARIABLE
from tests.fixtures.server import are_gone, clean_environment, until

ROOT = Path(__file__).parents[1]
STOP_WITHIN_S = 60.0
PAUSE_S = 0.3


@dataclass(frozen=True)
class End:
    """An unexpected end of the server.

    Attributes:
        at_s: On the monotonic clock.
        code: Exit code; negative for a signal.
    """

    at_s: float
    code: int


class Supervisor:
    """Runs a witnessed server on one port, for the time of a `with` statement.

    Attributes:
        ends: Ends that were not asked for, in order.
        workers_seen: All its workers of all its lives.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int,
        journal: Path,
        log: Path,
        settings: Mapping[str, str],
        within: Sequence[str] = (),
    ) -> None:
        """Take what to run; `within` is a command that runs its arguments, such as one that joins a cgroup."""
        self.url = f"http://127.0.0.1:{port}"
        self.ends: list[End] = []
        self.workers_seen: set[psutil.Process] = set()
        self._command = [*within, sys.executable, "-m", "proofs.witnessed_server", str(port), str(data)]
        self._environment = clean_environment(settings) | {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            JOURNAL_VARIABLE: str(journal),
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: set[int] = set()
        self._stopping = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self.workers()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self._thread.join(STOP_WITHIN_S)
        self.signal(signal.SIGKILL)
        self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def wait_until_ready(self) -> None:
        """Return once it takes requests."""
        until(lambda: self.is_ready, within=STOP_WITHIN_S)

    def signal(self, number: signal.Signals) -> bool:
        """Signal the server process; returns whether it was running."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self._asked.add(process.pid)
        process.send_signal(number)
        return True

    def workers(self) -> list[psutil.Process]:
        """Its workers now; empty while it is down."""
        with suppress(psutil.NoSuchProcess):
            if self._process is not None:
                children = psutil.Process(self._process.pid).children()
                self.workers_seen.update(children)
                return [child for child in children if not are_gone([child])]
        return []

    def left_over(self) -> list[psutil.Process]:
        """Workers of earlier lives that still run; after the server's end, all of them."""
        return [worker for worker in self.workers_seen if not are_gone([worker])]

    def _run(self) -> None:
        with self._log.open("ab") as log:
            while not self._stopping.is_set():
                self._process = process = subprocess.Popen(
                    self._command, env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
                )
                code = process.wait()
                if process.pid not in self._asked:
                    self.ends.append(End(time.monotonic(), code))
                    self._stopping.wait(PAUSE_S)
