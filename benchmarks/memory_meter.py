"""Memory of a process and all its descendants, by time."""

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

from pagemill.memory.probes.process import ProcessProbe


@dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        at_s: Seconds since the meter was started.
        tree_bytes: PSS of the process and all its descendants: pages shared among them are counted once.
        own_bytes: Anonymous memory of all of them. PSS moves by megabytes when strangers that map the same libraries
            come and go; this does not.
        root_bytes: Anonymous memory of the process itself.
    """

    at_s: float
    tree_bytes: int
    own_bytes: int
    root_bytes: int


def look(pid: int, *, since: float = 0.0) -> Sample:
    """The memory of the process and its descendants now."""
    probe = ProcessProbe()
    tree = (pid, *processes_below(pid))
    own = [use.anonymous_bytes if (use := probe.use(process)) is not None else 0 for process in tree]
    return Sample(
        at_s=time.monotonic() - since,
        tree_bytes=sum(probe.pss_bytes(process) or 0 for process in tree),
        own_bytes=sum(own),
        root_bytes=own[0],
    )


class Meter:
    """Looks regularly, from a thread, for the time of a `with` statement."""

    def __init__(self, pid: int, *, interval_s: float = 0.1) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int:
        """The most the whole tree was seen to hold."""
        return max((sample.tree_bytes for sample in self.samples), default=0)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(self._interval_s):
            self.samples.append(look(self._pid, since=began))


def processes_below(pid: int) -> list[int]:
    """Its children, theirs and so on; none if it has ended."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
