"""Whatever goes wrong while a worker is started: who waits for it is told, and nothing stays behind."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.fixtures.pool import PATIENCE, Yard, eventually, make_yard, open_files

from pagemill.domain.errors import EngineFailed, WorkerLost
from pagemill.domain.memory import CPU, MIB, MemoryReading
from pagemill.domain.work.outcomes import LossCause
from pagemill.pool.placement import LocalPlacement, WorkerProcess
from pagemill.pool.roster import Roster
from pagemill.testing.memory import FakeProbe

RAISED: dict[str, Callable[[], BaseException]] = {
    "OSError": lambda: OSError("no more files"),
    "MemoryError": MemoryError,
    "ValueError": lambda: ValueError("embedded null byte"),
    "RuntimeError": lambda: RuntimeError("a fault of ours"),
    "EngineFailed": lambda: EngineFailed("run pagemill doctor"),
}


@dataclass
class Breaking:
    """Raises once at one step of a launch."""

    error: Callable[[], BaseException]

    def __call__(self, *_args: object, **_keywords: object) -> object:
        raise self.error()


def children() -> set[int]:
    """Processes that this one has, zombies too."""
    return {process.pid for process in psutil.Process().children()}


class BreakingPlacement(LocalPlacement):
    """One that fails before anything is started."""

    def __init__(self, error: Callable[[], BaseException]) -> None:
        super().__init__()
        self.error = error

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """Fail."""
        del interpreter
        await asyncio.sleep(0)
        raise self.error()


def broken(step: str, error: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch) -> Yard:
    """A pool in which that step of a launch raises."""
    if step == "placement":
        return make_yard(placement=BreakingPlacement(error))
    yard = make_yard()
    roster: Roster = yard.models._roster
    steps: dict[str, tuple[object, str]] = {
        "execute": (subprocess, "Popen"),
        "pidfd": (os, "pidfd_open"),
        "watch": (asyncio.get_running_loop(), "add_reader"),
        "connect": (asyncio, "open_unix_connection"),
        "log": (asyncio.get_running_loop(), "connect_read_pipe"),
        "oom": (roster, "_watch_oom"),
        "request": (roster, "_load_request"),
        "learn": (roster, "_on_loaded"),
    }
    target, name = steps[step]
    monkeypatch.setattr(target, name, Breaking(error))
    return yard


STEPS = ("placement", "execute", "pidfd", "watch", "connect", "log", "oom", "request", "learn")


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("step", STEPS)
async def test_a_launch_that_fails_leaves_nothing(step: str, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, files = children(), open_files()
    with monkeypatch.context() as patches:
        yard = broken(step, RAISED[error], patches)
        yard.pool.start()
        with pytest.raises(WorkerLost, match="could not be loaded") as caught:
            await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE)
        assert caught.value.details["cause"] in (LossCause.LOAD_FAILED, None)
        patches.undo()
        await eventually(lambda: yard.admission.reservations == ())
        await eventually(lambda: children() == before)
        assert yard.pool.snapshot().model_sets == ()
        assert yard.pool.snapshot().utilization == 0
        if step != "placement":
            service = await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE)
            await yard.pool.release(service)
        await yard.pool.stop()
    assert children() == before
    assert open_files() == files


class BrokenProbe(FakeProbe):
    """One that raises from now on."""

    def read(self) -> list[MemoryReading]:
        """Raise."""
        raise RuntimeError("the driver is gone")


@pytest.mark.parametrize("fails_from", ["the start", "the end"])
async def test_a_probe_that_fails_keeps_no_worker_and_no_promise(fails_from: str) -> None:
    probe = FakeProbe(MemoryReading(CPU, 1000 * MIB, 500 * MIB, "test"))
    yard = make_yard(probe=BrokenProbe() if fails_from == "the start" else probe)
    yard.pool.start()
    await yard.pool.release(await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE))
    if fails_from == "the end":
        object.__setattr__(probe, "read", BrokenProbe().read)
    await yard.pool.stop()
    assert yard.admission.reservations == ()


async def test_stopping_while_a_process_is_being_started_tells_who_waits() -> None:
    class Slow(LocalPlacement):
        async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
            del interpreter
            await asyncio.Event().wait()
            raise AssertionError

    yard = make_yard(placement=Slow())
    yard.pool.start()
    waiting = asyncio.create_task(yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE))
    await eventually(lambda: bool(yard.admission.reservations))
    await asyncio.wait_for(yard.pool.stop(), PATIENCE.total_seconds())
    with pytest.raises(WorkerLost, match="shutting down"):
        await waiting
    assert yard.admission.reservations == ()


IGNORING = """
    import asyncio, signal, sys, threading
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    from pathlib import Path
    from tests.fixtures.pool import Outcomes, WorkerMaker, chunk

    async def serve() -> None:
        maker = WorkerMaker()
        worker = await maker.loaded({"2": "exit:3"})
        outcome = await worker.process(chunk(Path(sys.argv[1]), 1, 2), Outcomes())
        print(outcome.settled, outcome.loss.cause, outcome.loss.message)
        worker = await maker.loaded()
        assert await worker.stop()
        await maker.stop()

    def main() -> None:
        asyncio.run(serve())

    if sys.argv[2] == "main":
        main()
    else:
        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
"""


@pytest.mark.parametrize(("thread", "words"), [("main", "exited with code 3"), ("other", "took its exit status")])
async def test_a_server_that_was_told_to_ignore_its_children_s_deaths_sees_them(
    document: Path, thread: str, words: str
) -> None:
    """`SIGCHLD` ignored is inherited through exec (by some shells' `trap '' CHLD`, some supervisors)."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(IGNORING), str(document), thread),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        output, _ = await asyncio.wait_for(server.communicate(), 2 * PATIENCE.total_seconds())
    finally:
        with suppress(ProcessLookupError):
            server.kill()
    assert server.returncode == 0
    assert output.decode().startswith("(1,) crash")
    assert words in output.decode()
