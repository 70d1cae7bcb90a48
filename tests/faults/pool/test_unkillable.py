"""A worker that does not obey SIGKILL: no wait for it is without end, its memory stays reserved, its task goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, QUICK, QUICK_MODELS, Outcomes, Yard, chunk, faulty_load, make_yard, no_oom
from tests.fixtures.unkillable import Held

from pagemill.domain.errors import PagemillError, TaskFailureReason, TimedOut, WorkerLost
from pagemill.domain.memory import CPU, MIB
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause
from pagemill.domain.work.recognition import EXPORT, READER
from pagemill.pool.messages import Export, Inspect, Inspected, Load, Made, Ready, Render, Reply, Request
from pagemill.pool.placement import LocalPlacement, WorkerProcess
from pagemill.pool.service import OCRService
from pagemill.pool.worker import Worker
from pagemill.testing.processes import FakePlacement, FakeProcess

A_MOMENT = timedelta(milliseconds=100)
BRIEF = replace(
    QUICK,
    cancel_grace=A_MOMENT,
    stop_grace=A_MOMENT,
    term_grace=A_MOMENT,
    kill_limit=timedelta(milliseconds=300),
    trim_limit=A_MOMENT,
)
BOUND = timedelta(seconds=8)
"""Far above the sum of these limits, far below any other limit there is."""
RENDER = Render(document="a", page=1, dpi=50, max_pixels=1, rotation=0, path="b")


def answer_only_loads(request: Request) -> Sequence[Reply]:
    return [Ready(rss_bytes=1)] if isinstance(request, Load) else []


def answer_nothing(_request: Request) -> Sequence[Reply]:
    return []


@dataclass
class Stuck:
    """A loaded worker whose process answers nothing and obeys nobody until it is let go."""

    worker: Worker
    let_go: Callable[[], None]


def hold(process: WorkerProcess) -> Callable[[], None]:
    if isinstance(process, FakeProcess):
        process.obeys = False
        return process.end
    return Held(process.pid).let_go


@asynccontextmanager
async def make_stuck(kind: str, *, is_loaded: bool = True) -> AsyncIterator[Stuck]:
    answers = answer_only_loads if is_loaded else answer_nothing
    placement = FakePlacement(answers) if kind == "fake" else LocalPlacement()
    process = await placement.start()
    worker = Worker("stuck", process, BRIEF, watch_oom=no_oom)
    if is_loaded:
        await worker.load(faulty_load({}))
    let_go = hold(process)
    try:
        yield Stuck(worker, let_go)
    finally:
        let_go()
        await worker.kill(LossCause.CRASH)
        await asyncio.wait_for(worker.wait_until_gone(), PATIENCE.total_seconds())


async def cancel_work(worker: Worker, document: Path) -> object:
    reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    return None


Operation = Callable[[Worker, Path], Awaitable[object]]
OPERATIONS: Mapping[str, Operation] = {
    "load": lambda worker, _: worker.load(faulty_load({})),
    "process": lambda worker, document: worker.process(chunk(document, 1, page_timeout_s=0.1), Outcomes()),
    "cancel": cancel_work,
    "inspect": lambda worker, document: worker.ask(Inspect(path=str(document)), Inspected, limit=A_MOMENT),
    "render": lambda worker, _: worker.ask(RENDER, Made, limit=A_MOMENT),
    "export": lambda worker, _: worker.ask(Export(document="a", pages="b", output="c"), Made, limit=A_MOMENT),
    "trim": lambda worker, _: worker.trim(),
    "kill": lambda worker, _: worker.kill(LossCause.HANG),
    "stop": lambda worker, _: worker.stop(),
}
"""Everything that waits for a process, each with a limit of a moment where it takes one."""


async def attempt(operation: Operation, worker: Worker, document: Path) -> object:
    """What came of it: what it returned, or the error of ours."""
    async with asyncio.timeout(BOUND.total_seconds()):
        try:
            return await operation(worker, document)
        except PagemillError as error:
            return error


@pytest.mark.parametrize("kind", ["fake", "real"])
@pytest.mark.parametrize("first", OPERATIONS)
async def test_no_wait_for_it_is_without_end(kind: str, first: str, document: Path) -> None:
    """After one operation met it, so does every other: each returns within its bound, and none takes it for dead."""
    async with make_stuck(kind, is_loaded=first != "load") as held:
        worker = held.worker
        if first == "load":
            worker._config = replace(BRIEF, start_limit=A_MOMENT)
        await attempt(OPERATIONS[first], worker, document)
        assert (worker.is_unkillable, worker.is_gone, worker.is_usable) == (True, False, False)
        assert worker.rss_bytes > 0, "it holds its memory"
        for then in OPERATIONS.values():
            await attempt(then, worker, document)
        assert not worker.is_gone
        held.let_go()
        await asyncio.wait_for(worker.wait_until_gone(), PATIENCE.total_seconds())
        assert not worker.is_unkillable
        assert await worker.stop()


@pytest.mark.parametrize("kind", ["fake", "real"])
@pytest.mark.parametrize(
    ("first", "error"),
    [("load", WorkerLost), ("inspect", TimedOut), ("render", TimedOut), ("export", TimedOut), ("trim", WorkerLost)],
)
async def test_whoever_waits_for_an_answer_is_told(
    kind: str, first: str, error: type[Exception], document: Path
) -> None:
    async with make_stuck(kind, is_loaded=first != "load") as held:
        held.worker._config = replace(BRIEF, start_limit=A_MOMENT)
        assert isinstance(await attempt(OPERATIONS[first], held.worker, document), error)


@pytest.mark.parametrize("kind", ["fake", "real"])
@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        (None, LossCause.HANG),
        (LossCause.PROTOCOL, LossCause.HANG),
        (LossCause.OVER_RESERVATION, LossCause.OVER_RESERVATION),
        (LossCause.MEMORY_PRESSURE, LossCause.MEMORY_PRESSURE),
    ],
)
async def test_its_page_is_a_hang_unless_it_was_ended_for_memory(
    kind: str, asked: LossCause | None, cause: LossCause, document: Path
) -> None:
    async with make_stuck(kind) as held:
        reading = asyncio.create_task(
            held.worker.process(chunk(document, 1, 2, page_timeout_s=0.1 if asked is None else 60.0), Outcomes())
        )
        await asyncio.sleep(0)
        if asked is not None:
            await held.worker.kill(asked)
        loss = (await asyncio.wait_for(reading, BOUND.total_seconds())).loss
        assert loss is not None
        assert loss.cause is cause
        assert "its process still runs" in loss.message


@pytest.mark.parametrize("kind", ["fake", "real"])
async def test_a_stop_blames_no_page(kind: str, document: Path) -> None:
    async with make_stuck(kind) as held:
        reading = asyncio.create_task(held.worker.process(chunk(document, 1), Outcomes()))
        await asyncio.sleep(0)
        assert not await asyncio.wait_for(held.worker.stop(), BOUND.total_seconds())
        assert await asyncio.wait_for(reading, BOUND.total_seconds()) == ChunkOutcome(())


# --- in the pool -----------------------------------------------------------------------------------------------------


class Holding(LocalPlacement):
    """Real processes, of which the first is to be held."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[WorkerProcess] = []

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """One more."""
        process = await super().start(interpreter=interpreter)
        self.processes.append(process)
        return process


@asynccontextmanager
async def yard_with_a_stuck_worker(kind: str, document: Path) -> AsyncIterator[tuple[Yard, Callable[[], None]]]:
    """A pool whose first worker was lost over a chunk, and does not end; its service was released."""
    placement = FakePlacement() if kind == "fake" else Holding()
    yard = make_yard(replace(QUICK_MODELS, worker=BRIEF, workers_per_key=1), placement=placement, places={CPU: 1})
    await yard.pool.start()
    service = await acquire(yard)
    let_go = hold(placement.processes[0])
    if isinstance(placement.processes[0], FakeProcess):
        placement.processes[0]._answers = answer_nothing
    reading = service.process("task", chunk(document, 1, 2, page_timeout_s=0.1), Outcomes())
    outcome = await asyncio.wait_for(reading, BOUND.total_seconds())
    assert outcome.loss is not None
    assert outcome.loss.reason is TaskFailureReason.TIMEOUT
    await yard.pool.release(service)
    try:
        yield yard, let_go
    finally:
        let_go()
        await yard.pool.stop()
        await eventually_nothing(yard)


async def eventually_nothing(yard: Yard) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while yard.admission.reservations or yard.pool.snapshot().model_sets:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)


async def acquire(yard: Yard) -> OCRService:
    return await yard.pool.acquire(device=CPU, engine="faulty", wait=BOUND)


@pytest.mark.parametrize("kind", ["fake", "real"])
async def test_the_work_goes_on_elsewhere_and_the_memory_stays_reserved(kind: str, document: Path) -> None:
    async with yard_with_a_stuck_worker(kind, document) as (yard, let_go):
        (reservation,) = yard.admission.reservations
        assert reservation.need.ram_bytes >= 80 * MIB, "all that its chunk was promised, or what it holds"
        service = await acquire(yard)
        outcome = await service.process("task", chunk(document, 1, 2), Outcomes())
        assert (outcome.settled, outcome.loss) == ((1, 2), None)
        await yard.pool.release(service)
        assert reservation in yard.admission.reservations
        assert [one.unkillable for one in yard.pool.snapshot().model_sets] == [True, False]
        assert [one.unkillable for one in yard.models.workers()] == [True, False]
        let_go()
        await eventually_only(yard, 1)
        assert reservation not in yard.admission.reservations


async def eventually_only(yard: Yard, count: int) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while len(yard.admission.reservations) != count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("kind", ["fake", "real"])
async def test_the_pool_s_duties_go_on_beside_it(kind: str, document: Path) -> None:
    duties: Mapping[str, Callable[[Yard], Awaitable[object]]] = {
        "tend": lambda yard: yard.models.run_once(),
        "evict": lambda yard: yard.models.evict_idle(CPU),
        "trim": lambda yard: yard.models.trim_idle(CPU),
        "kill": lambda yard: yard.models.kill(yard.models.workers()[0].worker_id, LossCause.MEMORY_PRESSURE),
        "drain": lambda yard: yard.pool.drain(),
        "stop": lambda yard: yard.pool.stop(),
        "stop twice": lambda yard: yard.pool.stop(),
    }
    async with yard_with_a_stuck_worker(kind, document) as (yard, _):
        for duty in duties.values():
            await asyncio.wait_for(duty(yard), BOUND.total_seconds())
        assert yard.models.unloaded[0] == 0, "what does not end is not counted as unloaded"
        assert [one.unkillable for one in yard.pool.snapshot().model_sets] == [True]
        assert len(yard.admission.reservations) == 1


@pytest.mark.parametrize("profile", ["", EXPORT])
async def test_a_reader_that_is_stuck_is_replaced_too(profile: str) -> None:
    placement = FakePlacement(answer_only_loads, obeys=False)
    yard = make_yard(replace(QUICK_MODELS, worker=BRIEF), placement=placement)
    await yard.pool.start()
    for expected in (1, 2):
        reader = await yard.pool.acquire(device=CPU, engine=READER, profile=profile, wait=BOUND)
        with pytest.raises(TimedOut):
            await reader.ask(Inspect(path="a"), Inspected, limit=A_MOMENT)
        await yard.pool.release(reader)
        assert [one.unkillable for one in yard.pool.snapshot().model_sets] == [True] * expected
    await asyncio.wait_for(yard.pool.stop(), BOUND.total_seconds())
    assert len(yard.admission.reservations) == 2
    placement.end_all()
