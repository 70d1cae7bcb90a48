"""Places for services, and the spare one."""

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.pool import PATIENCE, QUICK_MODELS, Yard, make_yard

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.pool.places import take_first
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.service import OCRService
from pagemill.testing.memory import FakeEstimator
from pagemill.testing.processes import FakePlacement, FakeProcess

A_MOMENT = timedelta(milliseconds=20)
NEVER = timedelta(days=1)
GPU = DeviceId("cuda:0")


class Race:
    """A usual thing and a spare one; each is "given" once its event is set, or breaks."""

    def __init__(self, *, broken: str = "") -> None:
        self.ready = {"usual": asyncio.Event(), "spare": asyncio.Event()}
        self.begun: list[str] = []
        self.given_back: list[str] = []
        self._broken = broken

    def take(self, *, after: timedelta = timedelta(0)) -> Coroutine[None, None, str]:
        return take_first(
            self._give("usual"), lambda: self._give("spare"), after=after, give_back=self.given_back.append
        )

    async def _give(self, name: str) -> str:
        self.begun.append(name)
        await self.ready[name].wait()
        if name == self._broken:
            raise PoolExhausted(f"no {name} one")
        return name


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_usual_comes_first_and_the_spare_one_is_not_begun() -> None:
    race = Race()
    race.ready["usual"].set()
    assert await race.take() == "usual"
    assert race.begun == ["usual"]


async def test_the_spare_one_is_not_begun_before_its_time() -> None:
    race = Race()
    race.ready["spare"].set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(race.take(after=NEVER), A_MOMENT.total_seconds())
    assert race.begun == ["usual"]


@pytest.mark.parametrize("first", ["usual", "spare"])
async def test_whichever_is_ready_first_is_taken(first: str) -> None:
    race = Race()
    taking = asyncio.create_task(race.take())
    await asyncio.sleep(0.01)
    race.ready[first].set()
    assert await taking == first
    assert race.given_back == []


async def test_if_both_are_ready_at_once_one_is_given_back() -> None:
    race = Race()
    taking = asyncio.create_task(race.take())
    await asyncio.sleep(0.01)
    for ready in race.ready.values():
        ready.set()
    assert await taking == "usual"
    await settle()
    assert race.given_back == ["spare"]


async def test_a_spare_one_that_breaks_leaves_the_usual_one() -> None:
    race = Race(broken="spare")
    taking = asyncio.create_task(race.take())
    await asyncio.sleep(0.01)
    race.ready["spare"].set()
    await settle()
    race.ready["usual"].set()
    assert await taking == "usual"


async def test_a_usual_one_that_breaks_is_the_outcome() -> None:
    race = Race(broken="usual")
    race.ready["usual"].set()
    with pytest.raises(PoolExhausted, match="no usual one"):
        await race.take()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("ready", [(), ("usual",), ("spare",), ("usual", "spare")])
async def test_who_leaves_at_whatever_moment_takes_nothing_along(steps: int, ready: tuple[str, ...]) -> None:
    race = Race()
    taking = asyncio.create_task(race.take())
    await asyncio.sleep(0.01)
    for name in ready:
        race.ready[name].set()
    for _ in range(steps):
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking])
    await settle()
    taken = [] if taking.cancelled() else [taking.result()]
    done_in_time = {*taken, *race.given_back}
    assert done_in_time <= set(ready)
    assert len(taken) + len(race.given_back) == len(done_in_time), "nothing is given twice"


# --- in the pool -----------------------------------------------------------------------------------------------------


def acquire(yard: Yard, *, may_use_spare: bool, device: DeviceId = CPU) -> Awaitable[OCRService]:
    return yard.pool.acquire(device=device, engine="faulty", wait=10 * A_MOMENT, may_use_spare=may_use_spare)


def worker_of(service: OCRService) -> str:
    return service.service_instance_id.partition("/")[0]


async def start_yard(
    config: PoolConfig, *, placement: FakePlacement | None = None, limit_bytes: int = 10_000 * MIB
) -> Yard:
    limits = dict.fromkeys((CPU, GPU), limit_bytes)
    models = replace(QUICK_MODELS, workers_per_key=1, niceness=5)
    yard = make_yard(models, pool=config, placement=placement or FakePlacement(), limits=limits)
    await yard.pool.start()
    return yard


async def test_who_may_use_the_spare_place_gets_a_worker_of_its_own() -> None:
    yard = await start_yard(PoolConfig(services={CPU: 1}, spare_after=A_MOMENT, acquire_wait=PATIENCE))
    first = await acquire(yard, may_use_spare=True)
    second = await acquire(yard, may_use_spare=True)
    assert len(yard.models.workers()) == 2
    with pytest.raises(PoolExhausted):
        await acquire(yard, may_use_spare=True)
    await yard.pool.release(second)
    second = await acquire(yard, may_use_spare=True)
    assert len(yard.models.workers()) == 2, "the same worker again"
    for service in (first, second):
        await yard.pool.release(service)
    assert yard.pool.snapshot().lanes[0].in_use == 0
    await yard.pool.stop()


@pytest.mark.parametrize(
    ("config", "device", "may_use_spare"),
    [
        (PoolConfig(services={CPU: 1}, spare_after=A_MOMENT), CPU, False),
        (PoolConfig(services={CPU: 1}, spare_after=None), CPU, True),
        (PoolConfig(services={CPU: 1}, spare_after=A_MOMENT, services_total=1), CPU, True),
        (PoolConfig(services={CPU: 1, GPU: 1}, spare_after=A_MOMENT), GPU, True),
    ],
    ids=["not asked for", "switched off", "a total binds", "on a GPU"],
)
async def test_otherwise_there_is_none(config: PoolConfig, device: DeviceId, *, may_use_spare: bool) -> None:
    yard = await start_yard(config)
    service = await acquire(yard, may_use_spare=True, device=device)
    with pytest.raises(PoolExhausted):
        await acquire(yard, may_use_spare=may_use_spare, device=device)
    assert len(yard.models.workers()) == 1
    await yard.pool.release(service)
    await yard.pool.stop()


SPARE = PoolConfig(services={CPU: 1}, spare_after=A_MOMENT, acquire_wait=PATIENCE)


async def test_the_spare_worker_is_a_process_of_its_own_that_gets_the_cpu_first() -> None:
    """Whichever place is taken, in whatever order: a long page and a short one never change their processes."""
    placement = FakePlacement()
    yard = await start_yard(SPARE, placement=placement)
    usual = await acquire(yard, may_use_spare=False)
    spare = await acquire(yard, may_use_spare=True)
    of_usual, of_spare = worker_of(usual), worker_of(spare)
    assert [process.niceness for process in placement.processes] == [5, 0]
    await yard.pool.release(usual)
    for may_use_spare in (False, True):
        again = await acquire(yard, may_use_spare=may_use_spare)
        assert worker_of(again) == of_usual
        await yard.pool.release(again)
    await yard.pool.release(spare)
    again = await acquire(yard, may_use_spare=True)
    assert worker_of(again) == of_usual, "a usual place comes first, and with it its process"
    assert worker_of(await acquire(yard, may_use_spare=True)) == of_spare
    await yard.pool.stop()


async def test_without_memory_for_a_second_process_the_spare_place_shares_the_first() -> None:
    placement = FakePlacement()
    yard = await start_yard(SPARE, placement=placement, limit_bytes=FakeEstimator().idle.ram_bytes + MIB)
    usual = await acquire(yard, may_use_spare=True)
    spare = await acquire(yard, may_use_spare=True)
    assert worker_of(spare) == worker_of(usual)
    assert len(placement.processes) == 1
    await yard.pool.stop()


@pytest.mark.parametrize("freed", ["usual", "spare", "both", "none"])
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13])
async def test_who_leaves_the_pool_at_whatever_moment_keeps_no_place(steps: int, freed: str) -> None:
    yard = await start_yard(replace(SPARE, spare_after=timedelta(0)))
    usual, spare = [await acquire(yard, may_use_spare=True) for _ in range(2)]
    waiting = asyncio.ensure_future(acquire(yard, may_use_spare=True))
    await asyncio.sleep(0.01)
    for service in {"usual": [usual], "spare": [spare], "both": [usual, spare], "none": []}[freed]:
        await yard.pool.release(service)
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    for service in (usual, spare, *([] if waiting.cancelled() else [waiting.result()])):
        await yard.pool.release(service)
    await settle()
    both = [await acquire(yard, may_use_spare=True) for _ in range(2)]
    assert {worker_of(service) for service in both} == {worker_of(usual), worker_of(spare)}
    await yard.pool.stop()


async def test_a_spare_worker_that_still_loads_does_not_keep_its_caller_from_a_usual_place() -> None:
    loading = asyncio.Event()
    yard = await start_yard(SPARE, placement=SlowSecond(loading))
    usual = await acquire(yard, may_use_spare=True)
    waiting = asyncio.ensure_future(acquire(yard, may_use_spare=True))
    await asyncio.wait_for(loading.wait(), PATIENCE.total_seconds())
    await yard.pool.release(usual)
    assert worker_of(await waiting) == worker_of(usual)
    await yard.pool.stop()


class SlowSecond(FakePlacement):
    """Its second process is never there."""

    def __init__(self, loading: asyncio.Event) -> None:
        super().__init__()
        self._loading = loading

    async def start(self, *, interpreter: str | None = None) -> FakeProcess:
        """One more, but no second one."""
        if self.processes:
            self._loading.set()
            await asyncio.Event().wait()
        return await super().start(interpreter=interpreter)
