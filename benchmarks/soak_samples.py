"""Samples a soak's server, and writes one JSON object per line, the run's head first."""

import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import psutil
from pydantic import BaseModel, ConfigDict

from pagemill.memory.probes.process import ProcessProbe

_MIB = 1024 * 1024
SERVER, STARTING, BROWSER, HARNESS = "server", "starting", "browser", "harness"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)


class Head(_Line):
    """The options of the run."""

    seed: int
    hours: float
    load: float
    commit: str
    settings: dict[str, str]
    dashboard: str


class ProcessSeen(_Line):
    """A process of the server's at one moment; memory is anonymous, MiB."""

    pid: int
    kind: str
    own_mib: float
    pss_mib: float
    descriptors: int
    threads: int


class Sample(_Line):
    """One look.

    Attributes:
        at_s: Since the run began.
        phase: work, drain (nothing new is sent) or rest (nothing is there to be done).
        cycle: Number of the stretch of work, drain and perhaps rest.
        deck_ended: Every document of the cycle's decks is over, so that its pages and CPU time belong together.
        children: Processes below the server, zombies included.
        zombies: Of these, processes that have ended and are still there.
        database_mib: The file.
        database_used_mib: The pages of it that hold something.
        wal_mib: The write-ahead log.
        data_mib: All of the data folder.
        answer_ms: How long `GET /livez` took, the best of three: the event loop's lag, and the machine's.
        cpu_s: CPU seconds used since the run began, by kind of process.
        starts: Worker processes started since then, by kind.
        start_s: CPU seconds of a start, by kind of worker; see `CpuBook`.
        pages: Pages read since then, by kind of process; `server` and `reader` count all.
        tasks: Tasks that ended since then, by status.
        unexpected: Of these and of other steps, how many did not end as they had to.
        unloads: Model sets unloaded since then.
        kept: Tasks in the database; None in recordings from before this was written down.
    """

    at_s: float
    phase: str
    cycle: int
    deck_ended: bool
    processes: list[ProcessSeen]
    children: int
    zombies: int
    database_mib: float
    database_used_mib: float
    wal_mib: float
    data_mib: float
    answer_ms: float
    cpu_s: dict[str, float]
    pages: dict[str, int]
    tasks: dict[str, int]
    unexpected: int
    unloads: int
    kept: int | None = None
    starts: dict[str, int] = {}
    start_s: dict[str, float] = {}


class Ending(_Line):
    """Written last, by a run that came to its end."""

    complaints: list[str]
    leftovers: list[str]


class Recording:
    """The file; every line is there as soon as it is written.

    Args:
        file: Opened to be written.
        head: Goes first.
    """

    def __init__(self, file: TextIO, head: Head) -> None:
        self._file = file
        self.add(head)

    def add(self, line: Head | Sample | Ending) -> None:
        """Write one line."""
        self._file.write(line.model_dump_json() + "\n")
        self._file.flush()


@dataclass(frozen=True)
class Recorded:
    """What a file holds; `ending` is None if the run was cut short."""

    head: Head
    samples: list[Sample]
    ending: Ending | None


def read_recording(path: Path) -> Recorded:
    """Read a recording, that of a run under way included."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    last = lines[-1].startswith('{"complaints"') if lines else False
    samples = [Sample.model_validate_json(line) for line in lines[1 : len(lines) - last]]
    ending = Ending.model_validate_json(lines[-1]) if last else None
    return Recorded(Head.model_validate_json(lines[0]), samples, ending)


@dataclass
class CpuBook:
    """CPU time of this process and all below it, by kind, those that have ended included.

    A start is taken to cost what a worker of its kind had used when it was first seen: the lower quartile, because some
    were seen before they were loaded, and most after they had begun to work.

    Attributes:
        kinds: What each process below the server is, as the server says; kept for those that have gone.
    """

    server: int
    kinds: dict[tuple[int, float], str] = field(default_factory=dict)
    _first_seen_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _used: dict[tuple[int, float], float] = field(default_factory=dict)

    def look(self) -> None:
        """Write down what each process has used by now."""
        own = psutil.Process()
        processes = [own, *_children(own.pid)]
        below = {child.pid for child in _children(self.server)} | {self.server}  # after it: a worker may just start
        for process in processes:
            with suppress(psutil.Error):
                key = (process.pid, process.create_time())
                times = process.cpu_times()
                self._used[key] = max(self._used.get(key, 0.0), times.user + times.system)
                self.kinds.setdefault(key, self._kind_of(process.pid, own.pid, below))

    def name(self, models: Mapping[int, str]) -> None:
        """Take what the server says its children are."""
        for key, kind in self.kinds.items():
            if kind == STARTING and key[0] in models:
                kind = self.kinds[key] = models[key[0]]
                self._first_seen_s[kind].append(self._used[key])

    @property
    def starts(self) -> dict[str, int]:
        """Worker processes that were seen, by kind."""
        return {kind: len(seen) for kind, seen in self._first_seen_s.items()}

    @property
    def start_s(self) -> dict[str, float]:
        """CPU seconds of a start, by kind."""
        return {kind: round(sorted(seen)[len(seen) // 4], 2) for kind, seen in self._first_seen_s.items()}

    def kind_of(self, process: psutil.Process) -> str:
        """What a process is."""
        with suppress(psutil.Error):
            return self.kinds.get((process.pid, process.create_time()), STARTING)
        return STARTING

    def total(self) -> float:
        """CPU seconds of all processes."""
        return sum(self._used.values())

    def by_kind(self) -> dict[str, float]:
        """The same by kind."""
        found: dict[str, float] = {}
        for key, seconds in self._used.items():
            found[self.kinds[key]] = found.get(self.kinds[key], 0.0) + seconds
        return {kind: round(seconds, 2) for kind, seconds in found.items()}

    def _kind_of(self, pid: int, own: int, below: Iterable[int]) -> str:
        if pid == own:
            return HARNESS
        if pid == self.server:
            return SERVER
        return STARTING if pid in below else BROWSER


def processes_seen(server: int, book: CpuBook) -> tuple[list[ProcessSeen], int, int]:
    """The server first, then what is below it; how many children there are, and how many of them are zombies."""
    children = _children(server)
    alive = [child for child in children if not _is_zombie(child)]
    seen = [_look_at(psutil.Process(server), SERVER), *(_look_at(child, book.kind_of(child)) for child in alive)]
    return [each for each in seen if each is not None], len(children), len(children) - len(alive)


def storage_seen(data: Path) -> dict[str, float]:
    """The sizes of the data folder and of the database in it."""
    database = data / "pagemill.db"
    return {
        "database_mib": _size(database) / _MIB,
        "database_used_mib": _used_bytes(database) / _MIB,
        "wal_mib": _size(Path(f"{database}-wal")) / _MIB,
        "data_mib": sum(_size(Path(folder) / name) for folder, _, names in os.walk(data) for name in names) / _MIB,
    }


def milliseconds(began: float) -> float:
    """Since then, on the monotonic clock."""
    return 1000 * (time.monotonic() - began)


def _look_at(process: psutil.Process, kind: str) -> ProcessSeen | None:
    probe = ProcessProbe()
    with suppress(psutil.Error, OSError):
        use, pss = probe.use(process.pid), probe.pss_bytes(process.pid)
        if use is None or pss is None:
            return None
        return ProcessSeen(
            pid=process.pid,
            kind=kind,
            own_mib=round(use.anonymous_bytes / _MIB, 2),
            pss_mib=round(pss / _MIB, 2),
            descriptors=process.num_fds(),
            threads=process.num_threads(),
        )
    return None


def _children(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _is_zombie(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _used_bytes(database: Path) -> int:
    """Bytes of a SQLite database in pages that are not free."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        size, count, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (count - free))
    return 0
