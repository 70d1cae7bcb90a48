"""What every `Placement` does: the real one, and the fake that others test with."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from tests.fixtures.pool import PATIENCE, chunk, faulty_load, make_document
from tests.fixtures.unkillable import Held

from pagemill.pool.messages import (
    ChunkEnded,
    Inspect,
    Inspected,
    PageEnded,
    PageStarted,
    Process,
    Ready,
    Reply,
    Stop,
    Trim,
    Trimmed,
)
from pagemill.pool.placement import LocalPlacement, Placement, WorkerProcess, see_killed
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.testing.processes import FakePlacement, FakeProcess

Answer = TypeVar("Answer")


@dataclass
class Subject:
    """A placement, and a way to have a process of it obey nobody until the call's result is called."""

    placement: Placement
    hold: Callable[[WorkerProcess], Callable[[], None]]


def hold_fake(process: WorkerProcess) -> Callable[[], None]:
    assert isinstance(process, FakeProcess)
    process.obeys = False
    return process.end


def hold_real(process: WorkerProcess) -> Callable[[], None]:
    return Held(process.pid).let_go


@pytest.fixture(params=["real", "confined", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "fake":
        return Subject(FakePlacement(), hold_fake)
    if request.param == "confined":
        return Subject(LocalPlacement(sandbox=Sandbox(tmp_path / "data")), hold_real)
    return Subject(LocalPlacement(), hold_real)


@pytest.fixture
async def process(subject: Subject) -> AsyncIterator[WorkerProcess]:
    process = await subject.placement.start()
    yield process
    await see_killed(process, within=PATIENCE)
    process.close()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_document(tmp_path_factory.mktemp("documents") / "five-pages.pdf")


async def soon(awaited: Awaitable[Answer]) -> Answer:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        return await awaited


async def load(process: WorkerProcess) -> None:
    await process.send(faulty_load({}))
    assert isinstance(await soon(process.receive()), Ready)


async def test_it_does_what_it_is_asked_in_order(process: WorkerProcess, document: Path) -> None:
    await load(process)
    await process.send(Process(chunk=1, params=chunk(document, 2, 1)))
    await process.send(Trim())
    await process.send(Inspect(path=str(document)))
    kinds: list[type[Reply]] = [type(reply) for _ in range(7) if (reply := await soon(process.receive())) is not None]
    assert kinds == [PageStarted, PageEnded, PageStarted, PageEnded, ChunkEnded, Trimmed, Inspected]


async def test_a_call_that_is_cancelled_loses_no_reply(process: WorkerProcess) -> None:
    waiting = asyncio.create_task(process.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await load(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_signal_ends_it_and_that_is_seen(process: WorkerProcess, number: signal.Signals) -> None:
    await load(process)
    assert process.rss_bytes() > 0
    process.signal_group(number)
    assert (await soon(process.wait_for_exit())).code == -number
    assert await soon(process.receive()) is None
    assert await soon(process.log()) == b""
    assert (process.rss_bytes(), process.private_bytes(), process.peak_bytes()) == (0, 0, 0)
    process.signal_group(number)
    await process.send(Trim())


async def test_it_ends_when_it_is_told_to(process: WorkerProcess) -> None:
    await load(process)
    await process.send(Stop())
    assert (await soon(process.wait_for_exit())).code == 0


async def test_it_ends_with_its_pipes(process: WorkerProcess) -> None:
    await load(process)
    process.close()
    process.close()
    await soon(process.wait_for_exit())


async def test_one_that_does_not_obey_lives_until_it_ends(subject: Subject, process: WorkerProcess) -> None:
    await load(process)
    let_go = subject.hold(process)
    exit_ = asyncio.create_task(process.wait_for_exit())
    try:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            process.signal_group(number)
            done, _ = await asyncio.wait([exit_], timeout=0.05)
            assert not done
        assert process.rss_bytes() > 0, "it holds its memory"
    finally:
        let_go()
    await soon(exit_)
    assert process.rss_bytes() == 0
