"""The kernel ends a worker in a real cgroup: for a neighbour's sake, or for the worker's own greed.

The server is stopped meanwhile, so that the kernel comes before the guard; what it finds afterwards it has to explain.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.faults.memory import neighbour
from tests.faults.service_memory.conftest import Confined, ConfinedServer
from tests.fixtures.cgroups import join_command
from tests.fixtures.server import FAULTY_ENGINE, Gate, until

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus
from pagemill.memory.probes.cgroup import MemoryCgroup
from pagemill.memory.probes.host import cgroup_bounds, tightest

LIMIT_MIB = 600
QUICK = {"TASKS__RETRY__FIRST_DELAY_SECONDS": "0.1"}
STEP_MIB = 20
"""What a neighbour takes: less than a worker has, so that one death is enough."""


def causes(confined: Confined, task_id: str) -> list[object]:
    events = confined.api.events(task_id)
    return [event.details["cause"] for event in events if event.event_type is TaskEvent.WORKER_LOST]


@contextmanager
def stop_server(confined: Confined) -> Iterator[None]:
    confined.server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        confined.server.process.send_signal(signal.SIGCONT)


def crowd(cgroup: MemoryCgroup, folder: Path, stack: ExitStack) -> None:
    """Let neighbours into the cgroup until the kernel has killed once; they stay until the stack is closed."""
    mib = tightest(cgroup_bounds(cgroup)).free_bytes // MIB
    while not cgroup.oom_kills():
        command = join_command(cgroup, [sys.executable, neighbour.__file__, "anonymous", str(mib), str(folder)])
        process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        mib = STEP_MIB


def test_a_worker_killed_for_a_neighbour_s_sake_costs_its_page_nothing(
    confined: ConfinedServer, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    started = confined(LIMIT_MIB, faults={"2": gate.fault}, **QUICK)
    task_id = started.api.submit(make_numbered_scan(tmp_path / "scan.pdf", 3), **FAULTY_ENGINE)
    gate.wait_until_reached()
    with ExitStack() as neighbours:
        with stop_server(started):
            crowd(started.cgroup, tmp_path, neighbours)
        until(lambda: bool(causes(started, task_id)))
    gate.open()
    task = started.api.wait_until_clean(task_id)
    assert task.status is TaskStatus.SUCCEEDED, started.server.log
    assert causes(started, task_id)[0] == "memory_pressure", started.server.log
    assert {(page.attempts, page.crashes) for page in started.api.pages(task_id)} == {(0, 0)}
    assert TaskEvent.OOM_RECOVERY not in {event.event_type for event in started.api.events(task_id)}


def test_a_worker_killed_for_its_own_greed_is_held_against_its_page(confined: ConfinedServer, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    started = confined(LIMIT_MIB, faults={"2": gate.fault, "3": "allocate"}, **QUICK)
    task_id = started.api.submit(make_numbered_scan(tmp_path / "scan.pdf", 4), **FAULTY_ENGINE)
    gate.wait_until_reached()
    with stop_server(started):
        gate.open()
        until(lambda: bool(started.cgroup.oom_kills()))
    task = started.api.wait_until_clean(task_id)
    assert task.status is TaskStatus.PARTIALLY_SUCCEEDED, started.server.log
    assert causes(started, task_id)[0] == "kernel_oom", started.server.log
    reasons = {page.number: page.failure.reason for page in started.api.pages(task_id) if page.failure}
    assert set(reasons) == {3}
    assert reasons[3] in {TaskFailureReason.OUT_OF_MEMORY, TaskFailureReason.MEMORY_LIMIT_EXCEEDED}
    assert {page.attempts for page in started.api.pages(task_id) if page.number != 3} == {0}
