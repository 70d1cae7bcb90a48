"""Places for services, and the spare one."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.pool import PATIENCE, QUICK_MODELS, Yard, make_yard

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.pool.places import Places, take_either
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.service import OCRService
from pagemill.testing.memory import FakeEstimator
from pagemill.testing.processes import FakePlacement

A_MOMENT = timedelta(milliseconds=20)
NEVER = timedelta(days=1)
GPU = DeviceId("cuda:0")


def places(*, usual: int, spare: int) -> tuple[Places, Places]:
    return Places("usual", CPU, usual), Places("spare", CPU, spare)


async def test_a_usual_place_comes_first() -> None:
    usual, spare = places(usual=1, spare=1)
    assert await take_either(usual, spare, after=timedelta(0)) is usual
    assert (usual.in_use, spare.in_use) == (1, 0)


async def test_the_spare_place_is_given_after_its_time() -> None:
    usual, spare = places(usual=0, spare=1)
    assert await take_either(usual, spare, after=A_MOMENT) is spare
    assert (usual.in_use, spare.in_use) == (0, 1)


async def test_it_is_not_given_before_that() -> None:
    usual, spare = places(usual=0, spare=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(take_either(usual, spare, after=NEVER), A_MOMENT.total_seconds())
    assert not spare.in_use


async def test_whichever_is_free_first_is_given_and_the_other_stays_free() -> None:
    for first in (0, 1):
        both = places(usual=0, spare=0)
        taking = asyncio.create_task(take_either(*both, after=timedelta(0)))
        await asyncio.sleep(0.01)
        both[first].free.release()
        assert await taking is both[first]
        both[1 - first].free.release()
        await asyncio.wait_for(both[1 - first].take(), 1)


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("freed", ["usual", "spare", "both", "none"])
async def test_who_leaves_at_whatever_moment_takes_no_place_along(steps: int, freed: str) -> None:
    usual, spare = places(usual=0, spare=0)
    taking = asyncio.create_task(take_either(usual, spare, after=timedelta(0)))
    await asyncio.sleep(0.01)
    given = [one for one in (usual, spare) if freed in {one.name, "both"}]
    for one in given:
        one.free.release()
    for _ in range(steps):
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking])
    if not taking.cancelled():
        taking.result().give_back()
    await asyncio.sleep(0.01)
    assert (usual.in_use, spare.in_use) == (0, 0)
    for one in given:
        await asyncio.wait_for(one.take(), 1)
    assert all(one.free.locked() for one in (usual, spare))


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
