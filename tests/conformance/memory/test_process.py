"""What /proc says of processes: recorded, and of real ones."""

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.admission import WorkerUse
from pagemill.memory.probes.machine import MachineProbe
from pagemill.memory.probes.process import ProcessHandle, ProcessProbe, ProcessUse

PAGE = os.sysconf("SC_PAGE_SIZE")


def test_recorded_figures(tmp_path: Path) -> None:
    folder = tmp_path / "proc" / "7"
    folder.mkdir(parents=True)
    (folder / "statm").write_text("900 500 120 1 0 300 0\n")
    (folder / "status").write_text("Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t  2000 kB\n")
    (folder / "smaps_rollup").write_text("00400000-7fff [rollup]\nRss: 2000 kB\nPss: 1500 kB\nPss_Anon: 9 kB\n")
    probe = ProcessProbe(tmp_path)
    assert probe.use(7) == ProcessUse(500 * PAGE, 380 * PAGE)
    assert probe.peak_bytes(7) == 2 * MIB
    assert probe.pss_bytes(7) == 1500 * 1024


def test_a_process_that_is_gone_or_holds_nothing_has_no_figures(tmp_path: Path) -> None:
    folder = tmp_path / "proc" / "7"
    folder.mkdir(parents=True)
    (folder / "statm").write_text("0 0 0 0 0 0 0\n")
    (folder / "status").write_text("Name:\tpython\nState:\tZ (zombie)\n")
    probe = ProcessProbe(tmp_path)
    assert [probe.use(7), probe.peak_bytes(7), probe.use(8), probe.peak_bytes(8), probe.pss_bytes(8)] == [None] * 5


def test_our_own_use_and_peak_follow_what_we_take() -> None:
    probe = ProcessProbe()
    before = probe.use("self")
    assert before is not None
    probe.reset_peak("self")
    with mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as taken:
        taken.write(b"\1" * (64 * MIB))
        during = probe.use("self")
        assert during is not None
        assert during.rss_bytes - before.rss_bytes > 60 * MIB
        assert during.anonymous_bytes - before.anonymous_bytes > 60 * MIB
    peak = probe.peak_bytes("self")
    assert peak is not None
    assert peak >= during.rss_bytes
    after = probe.use("self")
    assert after is not None
    assert during.rss_bytes - after.rss_bytes > 60 * MIB
    probe.reset_peak("self")
    lower = probe.peak_bytes("self")
    assert lower is not None
    assert peak - lower > 60 * MIB


def test_pss_is_no_more_than_resident() -> None:
    probe = ProcessProbe()
    pss, use = probe.pss_bytes("self"), probe.use("self")
    assert pss is not None
    assert use is not None
    assert 0 < pss <= use.rss_bytes * 1.05


@pytest.fixture
def child() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_a_worker_is_seen_until_it_is_dead_and_killing_it_twice_is_no_error(child: "subprocess.Popen[bytes]") -> None:
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        worker = WatchedWorker("w", child.pid, ModelSetKey.reader(CPU), MemoryNeed(1), None, None)
        machine = MachineProbe.of_this_machine()
        use = machine.uses([worker])["w"]
        assert isinstance(use, WorkerUse)
        assert 0 < use.anonymous_bytes < use.rss_bytes
        handle = machine.hold(child.pid)
        assert isinstance(handle, ProcessHandle)
        handle.kill()
        assert child.wait(timeout=10) == -9
        assert machine.uses([worker]) == {}
        handle.kill()
        handle.close()
        assert machine.hold(child.pid) is None
        assert machine.own_bytes() > 0
        machine.close()


def test_the_memory_of_a_dead_child_nobody_has_waited_for_counts_as_back(child: "subprocess.Popen[bytes]") -> None:
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{child.pid}").exists()
        assert ProcessProbe().use(child.pid) is None
