"""One run of tasks, the old way or through a Pagemill server, measured from outside."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cgroups import join_command, peak_bytes, temporary_cgroup
from benchmarks.memory_meter import Meter
from tests.fixtures.server import AS_INSTALLED, Server

from pagemill.domain.task.task import TaskStatus
from pagemill.memory.probes.cgroup import MemoryCgroup
from pagemill.wire.task_wire import TaskListWire, TaskWire

FINISH_WITHIN_S = 1200
_POLL_S = 0.1


@dataclass(frozen=True)
class Run:
    """How a run of tasks went.

    Attributes:
        tasks: How many were asked for.
        in_flight: The most that had a page read and work left at the same time; the old way, all that had a page read.
        completed: How many ended with every page read.
        oom_kills: Processes the kernel killed; None if it does not count.
        peak_pss_bytes: Largest sum of PSS of all processes, sampled.
        peak_cgroup_bytes: The kernel's own count of the same, file cache included; 0 without a cgroup.
    """

    tasks: int
    in_flight: int
    completed: int
    seconds: float
    oom_kills: int | None
    peak_pss_bytes: int
    peak_cgroup_bytes: int

    @property
    def is_good(self) -> bool:
        """All tasks were in flight, all completed, nothing was killed."""
        return self.in_flight == self.completed == self.tasks and not self.oom_kills


def run_old_way(documents: Sequence[Path], *, threads_per_engine: int, limit_bytes: int | None = None) -> Run:
    """A task for each document, all at once, in one process."""
    command = [sys.executable, "-m", "benchmarks.old_way", "--threads-per-engine", str(threads_per_engine)]
    with _cgroup(limit_bytes) as cgroup:
        began = time.monotonic()
        process = subprocess.Popen(
            _wrap_command(cgroup, [*command, *map(str, documents)]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        with Meter(process.pid) as meter, process:
            output, _ = process.communicate(timeout=FINISH_WITHIN_S)
        lines = [json.loads(line) for line in output.splitlines()]
        completed = sum(line.get("services", 0) for line in lines)
        started = len(Counter(line["task"] for line in lines if "task" in line))
        return _run(len(documents), started, completed, began, meter, cgroup)


def run_pagemill(documents: Sequence[Path], *, settings: Mapping[str, str], limit_bytes: int | None = None) -> Run:
    """A task for each document on a server of its own, all started at once when all are there."""
    with _cgroup(limit_bytes) as cgroup, run_server(settings, cgroup) as server, Meter(server.process.pid) as meter:
        began = time.monotonic()
        ids = [server.api.submit(document, start="false") for document in documents]
        _start_at_once(server, ids)
        in_flight, completed = follow(server, ids)
        return _run(len(documents), in_flight, completed, began, meter, cgroup)


def _start_at_once(server: Server, task_ids: Sequence[str]) -> None:
    """So that none is over before the others have begun."""

    def start(task_id: str) -> None:
        server.api.http.post(f"/tasks/{task_id}/start").raise_for_status()

    with ThreadPoolExecutor(len(task_ids)) as threads:
        list(threads.map(start, task_ids))


@contextmanager
def run_server(settings: Mapping[str, str], cgroup: MemoryCgroup | None = None) -> Iterator[Server]:
    """A server of its own, on a data folder of its own."""
    command = _wrap_command(cgroup, AS_INSTALLED)
    with (
        tempfile.TemporaryDirectory(prefix="pagemill-bench-") as folder,
        Server(Path(folder) / "data", settings=settings, command=command) as server,
    ):
        yield server


def follow(server: Server, task_ids: Sequence[str]) -> tuple[int, int]:
    """Wait for the tasks; how many were in flight at most, and how many succeeded.

    Raises:
        TimeoutError: They were not over in time.
    """
    most, end = 0, time.monotonic() + FINISH_WITHIN_S
    while time.monotonic() < end:
        tasks = [task for task in newest_tasks(server, len(task_ids)) if task.task_id in task_ids]
        most = max(most, sum(not task.status.is_final and task.progress.pages_done > 0 for task in tasks))
        if all(task.status.is_final for task in tasks):
            return most, sum(task.status is TaskStatus.SUCCEEDED for task in tasks)
        time.sleep(_POLL_S)
    raise TimeoutError(f"The tasks were not over within {FINISH_WITHIN_S} s.")


def newest_tasks(server: Server, limit: int) -> list[TaskWire]:
    """The tasks of a server, newest first."""
    answer = server.api.http.get("/tasks", params={"limit": str(limit)})
    return TaskListWire.model_validate_json(answer.content).tasks


@contextmanager
def _cgroup(limit_bytes: int | None) -> Iterator[MemoryCgroup | None]:
    """A cgroup to count in, where one can be made; a limit must be kept, so then there has to be one."""
    made = temporary_cgroup(limit_bytes)
    try:
        cgroup = made.__enter__()
    except OSError as error:
        if limit_bytes is not None:
            raise SystemExit(f"This benchmark needs a memory cgroup, and none can be made here: {error}") from error
        yield None
        return
    try:
        yield cgroup
    finally:
        made.__exit__(None, None, None)


def _run(tasks: int, in_flight: int, completed: int, began: float, meter: Meter, cgroup: MemoryCgroup | None) -> Run:
    return Run(
        tasks=tasks,
        in_flight=in_flight,
        completed=completed,
        seconds=time.monotonic() - began,
        oom_kills=cgroup.oom_kills() if cgroup is not None else None,
        peak_pss_bytes=meter.peak_bytes,
        peak_cgroup_bytes=peak_bytes(cgroup) if cgroup is not None else 0,
    )


def _wrap_command(cgroup: MemoryCgroup | None, command: Sequence[str]) -> list[str]:
    return join_command(cgroup, command) if cgroup is not None else list(command)
