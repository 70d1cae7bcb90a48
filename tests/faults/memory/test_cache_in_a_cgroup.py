"""What the probe says is free in a cgroup with a neighbour inside, against what can be taken in truth."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fixtures.cgroups import join_command, limited_cgroup

from pagemill.domain.memory import MIB, MemoryLevel
from pagemill.memory.levels import Levels, Polling, next_level
from pagemill.memory.probes.cgroup import MemoryCgroup
from pagemill.memory.probes.host import cgroup_bounds, tightest

LIMIT_MIB = 300
HERE = Path(__file__).parent
OWN_MIB = 8
"""Of the neighbour itself and of what the kernel keeps for it."""
KERNEL_MIB = 4
"""What the kernel takes for the process that takes memory: page tables, stacks, pages charged ahead for each core."""

KINDS = [
    pytest.param("anonymous", 1, 0, MemoryLevel.NORMAL, id="nobody"),
    pytest.param("read_once", 270, 0, MemoryLevel.NORMAL, id="a file read once"),
    pytest.param("read_often", 270, 0, MemoryLevel.NORMAL, id="a file read four times"),
    pytest.param("read_often", 150, 0, MemoryLevel.NORMAL, id="half is cache"),
    pytest.param("unwritten", 270, None, MemoryLevel.NORMAL, id="a file just written"),
    pytest.param("mapped", 150, 150, MemoryLevel.NORMAL, id="a file in use"),
    pytest.param("memory_file", 150, 150, MemoryLevel.NORMAL, id="a memory file"),
    pytest.param("anonymous", 150, 150, MemoryLevel.NORMAL, id="memory of a process"),
    pytest.param("anonymous", 285, 285, MemoryLevel.EMERGENCY, id="nearly all taken"),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("kind", "mib", "taken", "level"), KINDS)
def test_the_probe_says_no_more_than_can_be_taken_and_cache_is_no_emergency(
    kind: str, mib: int, taken: int | None, level: MemoryLevel, tmp_path: Path
) -> None:
    with limited_cgroup(LIMIT_MIB * MIB) as cgroup, _neighbour(cgroup, kind, mib, tmp_path) as neighbour:
        reading = tightest(cgroup_bounds(cgroup))
        in_truth = _take_all(cgroup)
        assert neighbour.poll() is None, "the kernel ended the neighbour, so nothing was measured"
    assert reading.free_bytes <= in_truth + KERNEL_MIB * MIB
    assert next_level(MemoryLevel.NORMAL, reading, bytes_per_s=0.0, levels=Levels(), polling=Polling()) is level
    if taken is not None:
        assert LIMIT_MIB - taken - OWN_MIB <= reading.free_bytes / MIB <= LIMIT_MIB - taken
    assert reading.slack_bytes <= in_truth + KERNEL_MIB * MIB


@contextmanager
def _neighbour(cgroup: MemoryCgroup, kind: str, mib: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = join_command(cgroup, [sys.executable, str(HERE / "neighbour.py"), kind, str(mib), str(folder)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


def _take_all(cgroup: MemoryCgroup) -> int:
    """Take memory in the cgroup until the kernel says no; returns bytes."""
    command = join_command(cgroup, [sys.executable, str(HERE / "allocator.py")])
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
    return max((int(line) for line in printed.split()), default=0)
