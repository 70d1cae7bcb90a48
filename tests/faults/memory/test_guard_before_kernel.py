"""In a cgroup too small for a greedy worker, the guard ends it; the kernel never has to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures.cgroups import join_command, limited_cgroup, peak_bytes

from pagemill.domain.memory import MIB
from pagemill.memory.probes.cgroup import MemoryCgroup

LIMIT = 1000 * MIB
SERVER = Path(__file__).with_name("guarded_server.py")


@pytest.fixture
def cgroup() -> Iterator[MemoryCgroup]:
    with limited_cgroup(LIMIT) as made:
        yield made


@dataclass(frozen=True)
class Ending:
    """What the little server told, and the kernel's count."""

    code: int
    causes: list[str]
    levels: list[str]
    limit_bytes: int
    oom_kills: int | None
    peak_bytes: int


def serve(cgroup: MemoryCgroup, reserved_mib: int, manner: str) -> Ending:
    command = join_command(cgroup, [sys.executable, str(SERVER), str(reserved_mib), manner])
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return Ending(**json.loads(done.stdout), oom_kills=cgroup.oom_kills(), peak_bytes=peak_bytes(cgroup))


def test_a_flood_within_its_reservation_is_stopped_by_pressure(cgroup: MemoryCgroup) -> None:
    ending = serve(cgroup, 10_000, "served")
    assert ending.limit_bytes == LIMIT
    assert (ending.code, ending.causes, ending.oom_kills) == (-9, ["memory_pressure"], 0)
    assert "EMERGENCY" in ending.levels


def test_a_worker_over_its_reservation_is_stopped_long_before_pressure(cgroup: MemoryCgroup) -> None:
    ending = serve(cgroup, 100, "served")
    assert (ending.code, ending.causes, ending.oom_kills) == (-9, ["over_reservation"], 0)
    assert "EMERGENCY" not in ending.levels
    assert ending.peak_bytes < LIMIT // 2


@pytest.mark.parametrize(("reserved_mib", "cause"), [(100, "over_reservation"), (10_000, "memory_pressure")])
def test_a_blocked_event_loop_does_not_stop_the_kill(cgroup: MemoryCgroup, reserved_mib: int, cause: str) -> None:
    ending = serve(cgroup, reserved_mib, "blocked")
    assert (ending.code, ending.causes, ending.oom_kills) == (-9, [cause], 0)
