"""Whatever goes wrong while a worker is started: who waits for it is told, and nothing stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from tests.fixtures.pool import PATIENCE, QUICK, QUICK_MODELS, Yard, eventually, make_yard, open_files

from pagemill.domain.errors import EngineFailed, WorkerLost
from pagemill.domain.memory import CPU, MIB, MemoryReading
from pagemill.domain.work.outcomes import LossCause
from pagemill.memory.probes.oom import OomEvidence
from pagemill.pool.placement import LocalPlacement, WorkerProcess
from pagemill.pool.roster import Roster
from pagemill.pool.service import OCRService
from pagemill.testing.clock import FakeClock
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


def break_step(step: str, error: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch) -> Yard:
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
        yard = break_step(step, RAISED[error], patches)
        await yard.pool.start()
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
    await eventually(lambda: open_files() == files)


class BrokenProbe(FakeProbe):
    """One that raises from now on."""

    def read(self) -> list[MemoryReading]:
        """Raise."""
        raise RuntimeError("the driver is gone")


@pytest.mark.parametrize("fails_from", ["the start", "the end"])
async def test_a_probe_that_fails_keeps_no_worker_and_no_promise(fails_from: str) -> None:
    probe = FakeProbe(MemoryReading(CPU, 1000 * MIB, 500 * MIB, "test"))
    yard = make_yard(probe=BrokenProbe() if fails_from == "the start" else probe)
    await yard.pool.start()
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
    await yard.pool.start()
    waiting = asyncio.create_task(yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE))
    await eventually(lambda: bool(yard.admission.reservations))
    await asyncio.wait_for(yard.pool.stop(), PATIENCE.total_seconds())
    with pytest.raises(WorkerLost, match="shutting down"):
        await waiting
    assert yard.admission.reservations == ()


TRIES = QUICK_MODELS.load_tries
HASTY = replace(QUICK_MODELS, worker=replace(QUICK, start_limit=timedelta(seconds=5)))
STARTED_BY_US = {"hang": LossCause.HANG, "guard": LossCause.MEMORY_PRESSURE, "reservation": LossCause.OVER_RESERVATION}
DEATHS = {
    "kill": (signal.SIGKILL, LossCause.CRASH),
    "crash": (signal.SIGSEGV, LossCause.CRASH),
    "kernel": (signal.SIGKILL, LossCause.KERNEL_OOM),
    **{name: (signal.SIGSTOP, cause) for name, cause in STARTED_BY_US.items()},
}
"""What is done to a worker while it loads, and what its end is called."""


class Deadly(LocalPlacement):
    """Starts real workers, so many of which get a signal before they have loaded anything."""

    def __init__(self, deaths: int, number: signal.Signals) -> None:
        super().__init__()
        self.deaths = deaths
        self.number = number
        self.started = 0
        self.signalled: set[int] = set()

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """Start it, and signal it at once."""
        process = await super().start(interpreter=interpreter)
        self.started += 1
        if self.started <= self.deaths:
            process.signal_group(self.number)
            self.signalled.add(process.pid)
        return process


@dataclass
class Attempts:
    """A pool whose workers die while they load, and those who ask it for a service."""

    death: str
    deaths: int
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        number, self.cause = DEATHS[self.death]
        self.placement = Deadly(self.deaths, number)
        self.yard = make_yard(
            HASTY if self.death == "hang" else QUICK_MODELS, placement=self.placement, clock=self.clock
        )
        if self.death == "kernel":
            self.yard.models._roster._watch_oom = lambda _pid: lambda: OomEvidence.COUNTED

    async def ask(self, waiters: int, *, fresh: bool = False) -> list[OCRService | WorkerLost]:
        """What each of them gets, while time passes."""
        pool = self.yard.pool
        acquiring = [
            asyncio.create_task(pool.acquire(device=CPU, engine="faulty", wait=4 * PATIENCE, fresh=fresh))
            for _ in range(waiters)
        ]
        async with asyncio.timeout(4 * PATIENCE.total_seconds()):
            while not all(one.done() for one in acquiring):
                await self._end_those_that_hang()
                self.clock.advance(timedelta(milliseconds=20))
                await asyncio.sleep(0.005)
        answers = await asyncio.gather(*acquiring, return_exceptions=True)
        assert all(isinstance(answer, OCRService | WorkerLost) for answer in answers), answers
        return [answer for answer in answers if isinstance(answer, OCRService | WorkerLost)]

    async def _end_those_that_hang(self) -> None:
        if self.death in ("guard", "reservation"):
            for worker in self.yard.models.workers():
                if worker.pid in self.placement.signalled:
                    await self.yard.models.kill(worker.worker_id, self.cause)


@pytest.mark.parametrize("waiters", [1, 2])
@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize("death", DEATHS)
async def test_a_worker_that_dies_while_it_loads_is_replaced_and_no_one_is_told(
    death: str, deaths: int, waiters: int, *, fresh: bool
) -> None:
    attempts = Attempts(death, deaths)
    await attempts.yard.pool.start()
    services = await attempts.ask(waiters, fresh=fresh)
    assert [service for service in services if isinstance(service, WorkerLost)] == []
    for service in services:
        assert isinstance(service, OCRService)
        await attempts.yard.pool.release(service)
    await attempts.yard.pool.stop()
    assert attempts.yard.admission.reservations == ()


@pytest.mark.parametrize("waiters", [1, 4])
@pytest.mark.parametrize("death", ["kill", "kernel"])
async def test_a_model_set_that_can_never_be_loaded_is_said_so_after_some_tries(death: str, waiters: int) -> None:
    before = children()
    attempts = Attempts(death, 1000)
    await attempts.yard.pool.start()
    for asked in (1, 2):
        for error in await attempts.ask(waiters):
            assert isinstance(error, WorkerLost)
            assert "could not be loaded" in error.message
            assert error.details["cause"] == attempts.cause
        assert TRIES * asked <= attempts.placement.started <= TRIES * asked * waiters
    await attempts.yard.pool.stop()
    assert attempts.yard.admission.reservations == ()
    assert children() == before


async def test_a_success_makes_all_tries_count_anew() -> None:
    attempts = Attempts("kill", TRIES - 1)
    await attempts.yard.pool.start()
    for _ in range(3):
        (service,) = await attempts.ask(1, fresh=True)
        assert isinstance(service, OCRService)
        with service._resident.working(0.0, "task"):
            pass
        await attempts.yard.pool.release(service)
        attempts.placement.started = 0
    await attempts.yard.pool.stop()


async def test_the_deaths_that_callers_who_went_away_saw_count_too() -> None:
    """Else a model set that takes half of the longest wait to die would never be said to."""
    attempts = Attempts("kill", 1000)
    await attempts.yard.pool.start()
    leaving = asyncio.create_task(attempts.yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE))
    await eventually(lambda: attempts.placement.started == 1 and not attempts.yard.admission.reservations)
    leaving.cancel()
    await asyncio.wait([leaving])
    (error,) = await attempts.ask(1)
    assert isinstance(error, WorkerLost)
    assert attempts.placement.started == TRIES
    await attempts.yard.pool.stop()


async def test_each_pause_before_another_try_is_longer() -> None:
    asked: list[float] = []

    class Noting(FakeClock):
        async def sleep(self, seconds: float) -> None:
            asked.append(seconds)
            await super().sleep(seconds)

    attempts = Attempts("kill", 1000, clock=Noting())
    await attempts.yard.pool.start()
    await attempts.ask(1)
    assert [pause for pause in asked if pause != QUICK_MODELS.interval.total_seconds()] == [0.2, 0.4]
    await attempts.yard.pool.stop()


@pytest.mark.parametrize("error", ["EngineFailed", "RuntimeError"])
async def test_what_was_said_of_a_load_is_not_asked_again(error: str) -> None:
    faults = {"EngineFailed": "fail:run pagemill doctor", "RuntimeError": "raise"}
    placement = Deadly(0, signal.SIGKILL)
    yard = make_yard(placement=placement, faults={"load": faults[error]})
    await yard.pool.start()
    with pytest.raises(WorkerLost, match="could not be loaded"):
        await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE)
    assert placement.started == 1
    await yard.pool.stop()


IGNORING = """
    import asyncio, signal, sys, threading
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    from pathlib import Path
    from tests.fixtures.pool import Outcomes, WorkerMaker, chunk

    async def serve() -> None:
        maker = WorkerMaker()
        worker = await maker.load_faulty({"2": "exit:3"})
        outcome = await worker.process(chunk(Path(sys.argv[1]), 1, 2), Outcomes())
        print(outcome.settled, outcome.loss.cause, outcome.loss.message)
        worker = await maker.load_faulty()
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


@pytest.mark.parametrize(
    ("thread", "words"), [("main", "exited with code 3"), ("other", "its exit status is not known")]
)
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
