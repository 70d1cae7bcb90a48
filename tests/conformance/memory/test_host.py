"""The host probe on recorded /proc and /sys trees, and on this machine."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import CPU, MIB, MemoryReading
from pagemill.memory.probes.cgroup import locate
from pagemill.memory.probes.host import Bound, HostProbe, machine_bound, tightest
from pagemill.memory.probes.oom import OomCounter, OomEvidence, watch_oom
from pagemill.memory.probes.pressure import PressureProbe

MEMINFO = "MemTotal:        8388608 kB\nMemFree:          100000 kB\nMemAvailable:    6291456 kB\nBuffers: 1 kB\n"
GIB = 1024 * MIB
NO_LIMIT_V1 = "9223372036854771712\n"

V1_MOUNT = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V2_MOUNT = "34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def v1(limit: int | None, usage: int, inactive: int) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": NO_LIMIT_V1 if limit is None else f"{limit}\n",
        "memory.usage_in_bytes": f"{usage}\n",
        "memory.stat": f"cache 5\ninactive_file 1\ntotal_cache 5\ntotal_inactive_file {inactive}\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    }


def v2(limit: int | None, usage: int, inactive: int, *, high: int | None = None) -> dict[str, str]:
    return {
        "memory.max": "max\n" if limit is None else f"{limit}\n",
        "memory.high": "max\n" if high is None else f"{high}\n",
        "memory.current": f"{usage}\n",
        "memory.stat": f"anon 5\nfile 6\ninactive_file {inactive}\n",
        "memory.events": "low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\noom_group_kill 0\n",
        "memory.oom.group": "1\n",
    }


def record(root: Path, *, cgroup: str, mounts: str, groups: Mapping[str, Mapping[str, str]]) -> Path:
    """A tree like the one a machine shows, below `root`."""
    own = root / "proc" / "self"
    own.mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(MEMINFO)
    (own / "cgroup").write_text(cgroup)
    (own / "mountinfo").write_text("22 27 0:21 / /proc rw,relatime - proc proc rw\n" + mounts)
    for folder, files in groups.items():
        path = root / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (path / name).write_text(text)
    return root


MACHINE = MemoryReading(CPU, 8 * GIB, 2 * GIB, "MemAvailable")

TREES = {
    "no cgroups": ("", "", {}, 8 * GIB, 2 * GIB, "MemAvailable"),
    "v1, limited": (
        "9:name=systemd:/\n4:cpu,memory:/service\n0::/\n",
        V1_MOUNT,
        {"sys/fs/cgroup/memory/service": v1(GIB, 400 * MIB, 100 * MIB), "sys/fs/cgroup/memory": v1(None, 3 * GIB, 0)},
        GIB,
        300 * MIB,
        "sys/fs/cgroup/memory/service",
    ),
    "v1, an ancestor is fuller": (
        "4:memory:/slice/service\n",
        V1_MOUNT,
        {
            "sys/fs/cgroup/memory/slice/service": v1(GIB, 400 * MIB, 100 * MIB),
            "sys/fs/cgroup/memory/slice": v1(2 * GIB, 1900 * MIB, 0),
            "sys/fs/cgroup/memory": v1(None, 3 * GIB, 0),
        },
        GIB,
        GIB - 148 * MIB,
        "sys/fs/cgroup/memory/slice",
    ),
    "v1, a container that sees the host's paths": (
        "4:memory:/docker/abc\n",
        V1_MOUNT.replace("0:32 / ", "0:32 /docker/abc "),
        {"sys/fs/cgroup/memory": v1(512 * MIB, 100 * MIB, 0)},
        512 * MIB,
        100 * MIB,
        "sys/fs/cgroup/memory",
    ),
    "v1, a container whose path is not mounted": (
        "4:memory:/kubepods/pod1/abc\n",
        V1_MOUNT,
        {"sys/fs/cgroup/memory": v1(512 * MIB, 100 * MIB, 0)},
        512 * MIB,
        100 * MIB,
        "sys/fs/cgroup/memory",
    ),
    "v1, unlimited": (
        "4:memory:/service\n",
        V1_MOUNT,
        {"sys/fs/cgroup/memory/service": v1(None, 7 * GIB, 0)},
        8 * GIB,
        2 * GIB,
        "MemAvailable",
    ),
    "v2, limited by its parent": (
        "0::/system.slice/pagemill.service\n",
        V2_MOUNT,
        {
            "sys/fs/cgroup/system.slice/pagemill.service": v2(None, 500 * MIB, 0),
            "sys/fs/cgroup/system.slice": v2(GIB, 700 * MIB, 200 * MIB),
            "sys/fs/cgroup": {"memory.stat": "anon 1\n"},
        },
        GIB,
        500 * MIB,
        "sys/fs/cgroup/system.slice",
    ),
    "v2, a container in a namespace of its own": (
        "0::/\n",
        V2_MOUNT,
        {"sys/fs/cgroup": v2(GIB, 300 * MIB, 0)},
        GIB,
        300 * MIB,
        "sys/fs/cgroup",
    ),
    "v2, moved out of its namespace": (
        "0::/../other\n",
        V2_MOUNT,
        {"sys/fs/cgroup": v2(GIB, 300 * MIB, 0)},
        GIB,
        300 * MIB,
        "sys/fs/cgroup",
    ),
    "v2, slowed before it is full": (
        "0::/service\n",
        V2_MOUNT,
        {"sys/fs/cgroup/service": v2(2 * GIB, 300 * MIB, 0, high=GIB)},
        GIB,
        300 * MIB,
        "sys/fs/cgroup/service",
    ),
    "hybrid: v1 has the memory": (
        "4:memory:/service\n0::/service\n",
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" + V1_MOUNT,
        {
            "sys/fs/cgroup/unified/service": {},
            "sys/fs/cgroup/memory/service": v1(GIB, 300 * MIB, 0),
        },
        GIB,
        300 * MIB,
        "sys/fs/cgroup/memory/service",
    ),
    "a mount point with a space": (
        "0::/\n",
        V2_MOUNT.replace("/sys/fs/cgroup ", "/sys/fs/c\\040group "),
        {"sys/fs/c group": v2(GIB, 300 * MIB, 0)},
        GIB,
        300 * MIB,
        "sys/fs/c group",
    ),
    "a limit larger than the machine": (
        "0::/\n",
        V2_MOUNT,
        {"sys/fs/cgroup": v2(64 * GIB, 300 * MIB, 0)},
        8 * GIB,
        2 * GIB,
        "MemAvailable",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_the_tightest_bound_wins(name: str, tmp_path: Path) -> None:
    cgroup, mounts, groups, limit, used, source = TREES[name]
    root = record(tmp_path, cgroup=cgroup, mounts=mounts, groups=groups)
    named = source if source == "MemAvailable" else str(tmp_path / source)
    assert HostProbe(root).read() == MemoryReading(CPU, limit, used, named)


def test_readings_are_taken_anew(tmp_path: Path) -> None:
    groups = {"sys/fs/cgroup": v2(GIB, 300 * MIB, 0)}
    probe = HostProbe(record(tmp_path, cgroup="0::/\n", mounts=V2_MOUNT, groups=groups))
    before = probe.read()
    (tmp_path / "sys/fs/cgroup/memory.current").write_text(f"{400 * MIB}\n")
    assert probe.read().used_bytes - before.used_bytes == 100 * MIB


def test_a_full_machine_is_seen_from_within_a_roomy_cgroup() -> None:
    reading = tightest([Bound(8 * GIB, 8 * GIB - 50 * MIB, "MemAvailable"), Bound(GIB, 300 * MIB, "cgroup")])
    assert (reading.limit_bytes, reading.free_bytes, reading.source) == (GIB, 50 * MIB, "MemAvailable")


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n"])
def test_without_figures_it_says_what_is_needed(text: str) -> None:
    with pytest.raises(DeviceUnavailable, match="/proc/meminfo"):
        machine_bound(text)


def test_without_proc_it_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="/proc mounted"):
        HostProbe(tmp_path).read()


@pytest.mark.parametrize(
    ("name", "kills", "as_group"),
    [("v1, limited", 3, False), ("v2, slowed before it is full", 2, True), ("no cgroups", None, False)],
)
def test_the_kernels_kills_are_counted(name: str, kills: int | None, tmp_path: Path, *, as_group: bool) -> None:
    cgroup, mounts, groups, *_ = TREES[name]
    counter = OomCounter(root=record(tmp_path, cgroup=cgroup, mounts=mounts, groups=groups))
    assert counter.kills() == kills
    assert counter.kills_as_group() is as_group


@pytest.mark.parametrize(
    ("name", "own", "elsewhere", "evidence"),
    [
        ("v1, limited", 1, 1, OomEvidence.COUNTED),
        ("v1, limited", 0, 1, OomEvidence.NONE),
        ("v2, slowed before it is full", 1, 1, OomEvidence.COUNTED),
        ("v2, slowed before it is full", 0, 1, OomEvidence.NONE),
        ("no cgroups", 0, 1, OomEvidence.LIKELY),
        ("no cgroups", 0, 0, OomEvidence.NONE),
    ],
)
def test_a_kill_is_told_by_the_cgroup_it_happened_in(
    name: str, own: int, elsewhere: int, evidence: OomEvidence, tmp_path: Path
) -> None:
    cgroup, mounts, groups, *_ = TREES[name]
    root = record(tmp_path, cgroup=cgroup, mounts=mounts, groups=groups)
    vmstat = root / "proc" / "vmstat"
    vmstat.write_text("nr_free_pages 17\noom_kill 5\n")
    pid = Path(root / "proc" / "7")
    pid.mkdir()
    shutil.copy(root / "proc" / "self" / "cgroup", pid / "cgroup")
    seen = watch_oom(7, root=root)
    for file in (*root.rglob("memory.oom_control"), *root.rglob("memory.events")):
        before = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
        assert before is not None
        file.write_text(f"oom_kill {int(before[1]) + own}\n")
    vmstat.write_text(f"nr_free_pages 17\noom_kill {5 + elsewhere}\n")
    assert seen() is evidence


PRESSURE = "some avg10={} avg60=1.00 avg300=0.00 total=309\nfull avg10=77.00 avg60=0.00 avg300=0.00 total=225\n"


@pytest.mark.parametrize(
    ("name", "of_machine", "of_cgroup", "expected"),
    [
        ("no cgroups", "12.50", None, 0.125),
        ("no cgroups", None, None, 0.0),
        ("v1, limited", "12.50", "50.00", 0.125),
        ("v2, slowed before it is full", "12.50", "50.00", 0.5),
        ("v2, slowed before it is full", "12.50", None, 0.125),
    ],
)
def test_pressure_is_that_of_our_own_cgroup_or_else_of_the_machine(
    name: str, of_machine: str | None, of_cgroup: str | None, expected: float, tmp_path: Path
) -> None:
    cgroup, mounts, groups, *_ = TREES[name]
    root = record(tmp_path, cgroup=cgroup, mounts=mounts, groups=groups)
    (root / "proc" / "pressure").mkdir()
    if of_machine is not None:
        (root / "proc" / "pressure" / "memory").write_text(PRESSURE.format(of_machine))
    for file in root.rglob("memory.stat") if of_cgroup is not None else ():
        file.with_name("memory.pressure").write_text(PRESSURE.format(of_cgroup))
    assert PressureProbe(root).stalled_share() == expected


def test_this_machine_can_be_read() -> None:
    reading = HostProbe().read()
    assert reading.device == CPU
    assert 0 < reading.used_bytes < reading.limit_bytes
    assert all(cgroup.path.is_dir() for cgroup in locate(Path("/")))
