"""What every `ServicePool` does: the real one with its processes, and the fake that others test with."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, QUICK_MODELS, Outcomes, chunk, make_document, make_yard

from pagemill.domain.clocks import SystemClock
from pagemill.domain.errors import DeviceUnavailable, NeverFits, PoolExhausted, UnknownEngine
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed
from pagemill.domain.page.page import Page
from pagemill.domain.ports import Service, ServicePool
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import READER, ModelSetKey, Stage
from pagemill.testing.engines import FAULTY
from pagemill.testing.memory import FakeAdmission
from pagemill.testing.pool import ChunkPromises, FakeServicePool

A_MOMENT = timedelta(milliseconds=50)
NEED = MemoryNeed(400 * MIB)
IDLE = MemoryNeed(200 * MIB)
"""More than a real worker holds: what it grew by since it was loaded would come on top of its need."""


@dataclass
class Subject:
    """A pool with two places on the CPU and one for readers."""

    pool: ServicePool

    async def acquire(self, *, wait: timedelta = PATIENCE) -> Service:
        return await self.pool.acquire(device=CPU, engine=FAULTY.name, wait=wait)

    def in_use(self) -> dict[str, int]:
        return {lane.name: lane.in_use for lane in self.pool.snapshot().lanes}


@pytest.fixture(params=["real", "fake"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield Subject(FakeServicePool({FAULTY.name: FAULTY}, {CPU: 2}))
        return
    yard = make_yard(places={CPU: 2})
    await yard.pool.start()
    yield Subject(yard.pool)
    await yard.pool.stop()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_document(tmp_path_factory.mktemp("documents") / "five-pages.pdf")


async def test_a_service_reads_its_pages_in_the_order_asked_for(subject: Subject, document: Path) -> None:
    service = await subject.acquire()
    pages = Outcomes()
    outcome = await service.process("task", chunk(document, 2, 1), pages)
    assert (outcome.settled, outcome.loss) == ((2, 1), None)
    assert [Page.from_json(one.payload).number for one in pages.seen if isinstance(one, PageRead)] == [2, 1]


async def test_a_reader_takes_text_layers_on_a_lane_of_its_own(subject: Subject, document: Path) -> None:
    for _ in range(2):
        await subject.acquire()
    reader = await subject.pool.acquire(device=CPU, engine=READER)
    pages = Outcomes()
    await reader.process("task", chunk(document, 1, stage=Stage.TEXT), pages)
    assert pages.seen == [PageNeedsOcr(1)]
    assert subject.in_use() == {"cpu": 2, READER: 1}


async def test_services_are_told_apart_by_their_id(subject: Subject) -> None:
    seen = set()
    for _ in range(3):
        service = await subject.acquire()
        seen.add(service.service_instance_id)
        await subject.pool.release(service)
    assert len(seen) == 3


async def test_the_key_is_canonical(subject: Subject) -> None:
    service = await subject.pool.acquire(device=CPU, engine=FAULTY.name, languages=("eng", "deu"))
    assert service.key == ModelSetKey(FAULTY.name, "plain", ("deu", "eng"), CPU)


async def test_languages_that_are_read_by_the_same_models_share_a_model_set(subject: Subject) -> None:
    keys = set()
    for languages in ((), ("eng",), ("deu", "eng")):
        service = await subject.pool.acquire(device=CPU, engine=FAULTY.name, profile="other", languages=languages)
        keys.add(service.key)
        await subject.pool.release(service)
    assert keys == {ModelSetKey(FAULTY.name, "other", (), CPU)}
    assert len(subject.pool.snapshot().model_sets) <= 1


async def test_structure_models_make_another_model_set(subject: Subject) -> None:
    plain = await subject.pool.acquire(device=CPU, engine=FAULTY.name)
    service = await subject.pool.acquire(device=CPU, engine=FAULTY.name, structure=True)
    assert service.key == replace(plain.key, structure=True)


async def test_a_reader_with_structure_models_takes_a_place_on_its_device(subject: Subject) -> None:
    reader = await subject.pool.acquire(device=CPU, engine=READER, structure=True)
    assert reader.key == ModelSetKey.reader(CPU, structure=True)
    assert subject.in_use() == {"cpu": 1, READER: 0}
    await subject.pool.release(reader)
    assert subject.in_use() == {"cpu": 0, READER: 0}


async def test_one_too_many_is_told_how_many_are_busy(subject: Subject) -> None:
    for _ in range(2):
        await subject.acquire()
    with pytest.raises(PoolExhausted, match="All 2 services on cpu are busy"):
        await subject.acquire(wait=A_MOMENT)
    assert subject.pool.snapshot().utilization == pytest.approx(2 / 3)


async def test_a_place_given_back_goes_to_who_waited_longest(subject: Subject) -> None:
    held = [await subject.acquire(), await subject.acquire()]
    served: list[str] = []

    async def wait_for_one(name: str) -> Service:
        service = await subject.acquire()
        served.append(name)
        return service

    waiting = [asyncio.create_task(wait_for_one(name)) for name in ("zoe", "adam")]
    await asyncio.sleep(0)
    await subject.pool.release(held[0])
    first = await waiting[0]
    assert served == ["zoe"]
    await subject.pool.release(first)
    await waiting[1]
    assert served == ["zoe", "adam"]


async def test_giving_back_twice_frees_one_place(subject: Subject) -> None:
    first, _ = await subject.acquire(), await subject.acquire()
    await subject.pool.release(first)
    await subject.pool.release(first)
    await subject.acquire()
    with pytest.raises(PoolExhausted):
        await subject.acquire(wait=A_MOMENT)


async def test_whoever_stops_waiting_leaves_no_hole(subject: Subject) -> None:
    held = [await subject.acquire(), await subject.acquire()]
    waiting = asyncio.create_task(subject.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for service in held:
        await subject.pool.release(service)
    assert subject.in_use() == {"cpu": 0, READER: 0}
    assert len([await subject.acquire(), await subject.acquire()]) == 2


@pytest.fixture(params=["real", "fake"])
async def short(request: pytest.FixtureRequest, promised: FakeAdmission) -> AsyncIterator[ServicePool]:
    """A pool whose chunks need what `NEED` says, on memory that others may have been promised."""
    if request.param == "fake":
        yield FakeServicePool(
            {FAULTY.name: FAULTY}, {CPU: 2}, promises=ChunkPromises(promised, lambda _key, _task_id, _params: NEED)
        )
        return
    yard = make_yard(replace(QUICK_MODELS, room_wait=A_MOMENT), admission=promised, clock=SystemClock())
    yard.estimator.idle, yard.estimator.working = IDLE, NEED
    await yard.pool.start()
    yield yard.pool
    await yard.pool.stop()


@pytest.fixture
def promised() -> FakeAdmission:
    return FakeAdmission()


@pytest.mark.parametrize(
    ("limit_bytes", "others_bytes", "settled", "begins"),
    [
        pytest.param(NEED.ram_bytes, 0, (2, 1), True, id="it just fits"),
        pytest.param(NEED.ram_bytes, 1, (), False, id="others have a byte of it"),
        pytest.param(NEED.ram_bytes - 1, 0, (2, 1), False, id="it never fits"),
    ],
)
async def test_a_chunk_begins_once_its_memory_is_promised(
    short: ServicePool,
    promised: FakeAdmission,
    document: Path,
    *,
    limit_bytes: int,
    others_bytes: int,
    settled: tuple[int, ...],
    begins: bool,
) -> None:
    service = await short.acquire(device=CPU, engine=FAULTY.name)
    promised.limits[CPU] = limit_bytes
    others = promised.reserve("others", CPU, MemoryNeed(others_bytes))
    begun: list[bool] = []

    async def on_begin() -> None:
        begun.append(True)

    pages = Outcomes()
    outcome = await service.process("task", chunk(document, 2, 1), pages, on_begin=on_begin)
    assert (outcome.settled, outcome.loss, bool(begun)) == (settled, None, begins)
    assert pages.numbers == list(settled)
    reasons = {one.reason for one in pages.seen if isinstance(one, PageFailed)}
    assert reasons == ({NeverFits.reason} if settled and not begins else set())
    await short.release(service)
    assert others is not None
    promised.release(others)


async def test_what_is_not_there_is_refused(subject: Subject) -> None:
    with pytest.raises(DeviceUnavailable, match="cuda:7"):
        await subject.pool.acquire(device=DeviceId("cuda:7"), engine=FAULTY.name)
    with pytest.raises(UnknownEngine, match="handwriting"):
        await subject.pool.acquire(device=CPU, engine="handwriting")
    with pytest.raises(UnknownEngine, match="gothic"):
        await subject.pool.acquire(device=CPU, engine=FAULTY.name, profile="gothic")
    assert subject.in_use() == {"cpu": 0, READER: 0}
