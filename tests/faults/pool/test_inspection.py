"""A first look at a stranger's document: within its reservation, within its time, and no other waits for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.data.hostile import make_long_tiff, make_swelling_pdf
from tests.fixtures.pool import PAGES, PATIENCE, QUICK_MODELS, Outcomes, Yard, chunk, eventually, make_yard

from pagemill.domain.clocks import SystemClock
from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import DocumentTooLarge, InvalidDocument, NeverFits, PagemillError, PoolExhausted, TimedOut
from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.work.outcomes import LossCause, PageFailed
from pagemill.domain.work.recognition import READER, Stage
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.memory.probes.machine import MachineProbe
from pagemill.pool.chunk_memory import DECODING_BYTES, OPENING_BYTES
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.messages import Failed, Inspect, Load, Process, Ready, Reply, Request
from pagemill.pool.pool_config import PoolConfig
from pagemill.testing.processes import SIZE_BYTES, FakePlacement, answer

A_MOMENT = timedelta(milliseconds=100)
IDLE = MemoryNeed(50 * MIB)
"""What a `FakeEstimator` says of an idle reader."""
PATIENT = PoolConfig(services={CPU: 2}, inspect_limit=PATIENCE, inspect_wait=PATIENCE, max_pages=5000)


@asynccontextmanager
async def looking(yard: Yard, config: PoolConfig = PATIENT) -> AsyncIterator[PooledInspector]:
    """An inspector on the yard's pool, stopped at the end with nothing left."""
    await yard.pool.start()
    try:
        yield PooledInspector(config, yard.pool)
    finally:
        await yard.pool.stop()
        assert yard.admission.reservations == ()


def endless(path: Path) -> str:
    """A document that takes forever to open."""
    os.mkfifo(path)
    return str(path)


def readers(yard: Yard) -> int:
    return len(yard.pool.snapshot().model_sets)


def peak_bytes(yard: Yard) -> int:
    """The highest resident size of any reader that lives."""
    lines = [
        line
        for one in yard.pool.snapshot().model_sets
        for line in Path(f"/proc/{one.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return max(int(line.split()[1]) * 1024 for line in lines)


# --- memory ----------------------------------------------------------------------------------------------------------


async def test_a_look_reserves_and_counts_as_busy(tmp_path: Path) -> None:
    yard = make_yard(pool=PATIENT)
    async with looking(yard) as inspector:
        look = asyncio.create_task(inspector.inspect(endless(tmp_path / "a")))
        await eventually(lambda: any(one.busy_since is not None for one in yard.models.workers()))
        (worker,) = yard.models.workers()
        assert worker.reserved == IDLE + MemoryNeed(OPENING_BYTES)
        assert [held.need for held in yard.admission.reservations] == [worker.reserved]
        look.cancel()
        await yard.models.kill(worker.worker_id, LossCause.MEMORY_PRESSURE)
        await asyncio.wait([look])
        assert yard.models.workers() == []


async def test_a_look_gives_back_what_it_does_not_hold(document: Path) -> None:
    yard = make_yard(pool=PATIENT)
    async with looking(yard) as inspector:
        assert (await inspector.inspect(str(document))).page_count == PAGES
        (worker,) = yard.models.workers()
        assert worker.busy_since is None
        assert worker.reserved.ram_bytes < (IDLE + MemoryNeed(OPENING_BYTES)).ram_bytes


@pytest.fixture(params=[0, 1024], ids=["small server", "large server"])
def server(request: pytest.FixtureRequest) -> Iterator[bytes]:
    """This process, which starts the readers, holds so many MiB more: then the kernel does not tell their peaks."""
    held = b"x" * (int(request.param) * MIB)
    yield held
    del held


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("is_guarded", [True, False])
async def test_a_document_that_swells_is_refused_within_its_reservation(tmp_path: Path, *, is_guarded: bool) -> None:
    """600 KB that take 1.7 GiB to open: the guard ends its readers; without one, the kernel refuses them memory."""
    swelling = make_swelling_pdf(tmp_path / "swelling.pdf", 600)
    yard = make_yard(pool=PATIENT)
    guard = MemoryGuard(GuardConfig(), machine=MachineProbe.of_this_machine(), clock=SystemClock())
    async with looking(yard) as inspector:
        if is_guarded:
            guard.watch(yard.models)
            await guard.start()
        try:
            with pytest.raises(DocumentTooLarge, match="450 MiB of memory") as caught:
                await inspector.inspect(str(swelling))
        finally:
            await guard.stop()
    assert not caught.value.retryable
    lost = caught.value.__cause__
    assert isinstance(lost, PagemillError)
    most = (IDLE.ram_bytes + DECODING_BYTES) * (1.5 if is_guarded else 2.0)
    assert 0 < int(lost.details["peak_bytes"] or 0) < most


async def test_one_that_is_large_only_is_looked_at_with_more_memory(tmp_path: Path) -> None:
    large = make_swelling_pdf(tmp_path / "large.pdf", 120)
    yard = make_yard(pool=PATIENT)
    async with looking(yard) as inspector:
        assert (await inspector.inspect(str(large))).page_count == 1
        assert (IDLE.ram_bytes + OPENING_BYTES) * 1.25 < peak_bytes(yard) < IDLE.ram_bytes + DECODING_BYTES


async def test_a_text_layer_is_taken_within_twice_its_reservation(tmp_path: Path) -> None:
    swelling = make_swelling_pdf(tmp_path / "swelling.pdf", 600)
    yard = make_yard(pool=PATIENT)
    async with looking(yard):
        reader = await yard.pool.acquire(device=CPU, engine=READER, wait=PATIENCE)
        pages = Outcomes()
        outcome = await reader.process("task", chunk(swelling, 1, stage=Stage.TEXT), pages)
        await yard.pool.release(reader)
        peaks = [one.peak_bytes for one in pages.seen if isinstance(one, PageFailed)]
        peaks += [outcome.loss.peak_bytes] if outcome.loss else []
        assert max(peaks) < 2 * yard.estimator.working.ram_bytes + 16 * MIB


@pytest.mark.parametrize(("limit_mib", "error"), [(140, NeverFits), (160, PoolExhausted)])
async def test_without_memory_it_is_refused(document: Path, limit_mib: int, error: type[PagemillError]) -> None:
    config = replace(QUICK_MODELS, room_wait=A_MOMENT)
    yard = make_yard(config, pool=PATIENT, limits={CPU: limit_mib * MIB}, clock=SystemClock())
    async with looking(yard) as inspector:
        others = yard.admission.reserve("others", CPU, MemoryNeed(60 * MIB))
        assert others is not None
        with pytest.raises(error) as caught:
            await inspector.inspect(str(document))
        assert (caught.value.details.get("retry_after_s") is not None) is (error is PoolExhausted)
        yard.admission.release(others)


# --- what may have been the document's doing -------------------------------------------------------------------------


OUTCOMES: dict[str, tuple[Sequence[str], type[PagemillError] | None]] = {
    "one chance death": (["crash", "fine"], None),
    "two deaths": (["crash", "crash"], InvalidDocument),
    "two deaths after growth": (["swell", "swell"], DocumentTooLarge),
    "a death, then one after growth": (["crash", "swell"], DocumentTooLarge),
    "a death after growth, then one": (["swell", "crash"], InvalidDocument),
    "a death after growth, then none": (["swell", "fine"], None),
    "no memory, then enough": (["OutOfMemory", "fine"], None),
    "no memory twice": (["OutOfMemory", "OutOfMemory"], DocumentTooLarge),
    "a death, then no memory": (["crash", "OutOfMemory"], DocumentTooLarge),
    "no memory, then a death": (["OutOfMemory", "crash"], InvalidDocument),
    "refused": (["InvalidDocument"], InvalidDocument),
}


@pytest.mark.parametrize("story", OUTCOMES)
async def test_two_looks_decide(story: str) -> None:
    events, error = OUTCOMES[story]
    placement = FakePlacement()
    rooms: list[int | None] = []

    def answers(request: Request) -> Sequence[Reply]:
        if not isinstance(request, Inspect):
            return answer(request)
        event = events[len(rooms)]
        rooms.append(request.room_bytes)
        if event == "fine":
            return answer(request)
        if event == "crash":
            asyncio.get_running_loop().call_soon(placement.end_all)
            return []
        if event == "swell":
            for process in placement.processes:
                process.grow(SIZE_BYTES, DECODING_BYTES)
            return []
        return [Failed(error=event, message="It says why.")]

    placement._answers = answers
    yard = make_yard(pool=PATIENT, placement=placement)
    async with looking(yard) as inspector:
        if error is None:
            assert isinstance(await inspector.inspect("a"), DocumentInfo)
        else:
            with pytest.raises(error):
                await inspector.inspect("a")
    assert len(rooms) == len(events)
    if len(rooms) == 2:
        first, second = rooms
        assert first is not None
        assert second is not None
        assert second - first == 2 * (DECODING_BYTES - OPENING_BYTES), "the second look has more memory"


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thumbnails", [False, True])
async def test_directories_without_end_are_counted_only_to_the_limit(tmp_path: Path, *, thumbnails: bool) -> None:
    """All 300,000 take minutes."""
    long = make_long_tiff(tmp_path / "long.tif", 300_000, thumbnails=thumbnails)
    config = replace(PATIENT, max_pages=100)
    async with looking(make_yard(pool=config), config) as inspector:
        with pytest.raises(DocumentTooLarge, match="more than 100 pages; the limit is 100"):
            await inspector.inspect(str(long))


@pytest.mark.parametrize(("pages", "is_taken"), [(99, True), (100, True), (101, False)])
async def test_the_limit_itself_is_allowed(tmp_path: Path, pages: int, *, is_taken: bool) -> None:
    long = make_long_tiff(tmp_path / "long.tif", pages)
    config = replace(PATIENT, max_pages=100)
    async with looking(make_yard(pool=config), config) as inspector:
        if is_taken:
            assert (await inspector.inspect(str(long))).page_count == pages
        else:
            with pytest.raises(DocumentTooLarge):
                await inspector.inspect(str(long))


async def test_a_pdf_of_too_many_pages_is_told_how_many_it_has(document: Path) -> None:
    config = replace(PATIENT, max_pages=PAGES - 1)
    async with looking(make_yard(pool=config), config) as inspector:
        with pytest.raises(DocumentTooLarge, match=f"has {PAGES} pages; the limit is {PAGES - 1}"):
            await inspector.inspect(str(document))


# --- turns -----------------------------------------------------------------------------------------------------------


async def test_a_slow_document_closes_the_door_for_no_other(document: Path, tmp_path: Path) -> None:
    config = replace(PATIENT, inspect_limit=timedelta(seconds=5))
    yard = make_yard(replace(QUICK_MODELS, readers=5), pool=config)
    async with looking(yard, config) as inspector:
        slow = [asyncio.create_task(inspector.inspect(endless(tmp_path / name))) for name in ("z", "a", "m")]
        await eventually(lambda: sum(one.busy_since is not None for one in yard.models.workers()) == 3)
        for _ in range(3):
            assert (await inspector.inspect(str(document))).page_count == PAGES
        assert not any(look.done() for look in slow)
        assert readers(yard) == 4, "one more than is slow"
        await asyncio.wait(slow)
        assert all(isinstance(look.exception(), TimedOut) for look in slow)


async def test_a_text_layer_is_taken_while_a_document_is_slow_and_the_other_way_round(
    document: Path, tmp_path: Path
) -> None:
    yard = make_yard(replace(QUICK_MODELS, readers=2), pool=PATIENT)
    async with looking(yard) as inspector:
        slow = asyncio.create_task(inspector.inspect(endless(tmp_path / "slow")))
        await eventually(lambda: any(one.busy_since is not None for one in yard.models.workers()))
        reader = await yard.pool.acquire(device=CPU, engine=READER, wait=PATIENCE)
        assert (await reader.process("task", chunk(document, 1, stage=Stage.TEXT), Outcomes())).settled == (1,)
        await yard.pool.release(reader)
        assert not slow.done()
        for worker in yard.models.workers():
            await yard.models.kill(worker.worker_id, LossCause.MEMORY_PRESSURE)
        await asyncio.wait([slow])


async def test_quick_documents_share_one_reader(document: Path) -> None:
    yard = make_yard(replace(QUICK_MODELS, readers=5), pool=PATIENT)
    async with looking(yard) as inspector:
        await inspector.inspect(str(document))
        await asyncio.gather(*(inspector.inspect(str(document)) for _ in range(12)))
        assert readers(yard) == 1, "waiting a moment for it is cheaper than starting another"


async def test_where_there_is_no_memory_for_a_spare_one_they_take_turns(document: Path) -> None:
    yard = make_yard(replace(QUICK_MODELS, readers=5), pool=PATIENT, limits={CPU: 190 * MIB})
    async with looking(yard) as inspector:
        await asyncio.gather(*(inspector.inspect(str(document)) for _ in range(6)))
        assert readers(yard) == 1


def silent(request: Request) -> Sequence[Reply]:
    return (
        [Ready(rss_bytes=1)] if isinstance(request, Load) else [] if isinstance(request, Inspect) else answer(request)
    )


async def test_one_too_many_is_told_when_to_come_back() -> None:
    config = replace(PATIENT, inspections=2, inspect_wait=timedelta(seconds=2))
    yard = make_yard(replace(QUICK_MODELS, readers=2), pool=config, placement=FakePlacement(silent))
    async with looking(yard, config) as inspector:
        slow = [asyncio.create_task(inspector.inspect(name)) for name in ("z", "a")]
        await eventually(lambda: sum(one.busy_since is not None for one in yard.models.workers()) == 2)
        with pytest.raises(PoolExhausted, match=r"Too many documents at once \(2 are") as caught:
            await inspector.inspect("m")
        assert caught.value.details["retry_after_s"] == PATIENCE.total_seconds() // 2 + 1
        assert caught.value.retryable
        for look in slow:
            look.cancel()
        await yard.pool.stop()
        await asyncio.wait(slow)


@pytest.mark.parametrize(("caller", "share"), [("zoe", 2), ("", 4)])
async def test_a_named_caller_has_at_most_half_of_the_places(caller: str, share: int) -> None:
    config = replace(PATIENT, inspections=4, inspect_wait=timedelta(seconds=2), inspect_limit=timedelta(seconds=3))
    placement = FakePlacement(silent)
    yard = make_yard(replace(QUICK_MODELS, readers=5), pool=config, placement=placement)
    async with looking(yard, config) as inspector:
        slow = [asyncio.create_task(inspector.inspect("slow", caller=caller)) for _ in range(5)]
        await eventually(lambda: sum(one.busy_since is not None for one in yard.models.workers()) == share)
        placement._answers = answer
        if share < 4:
            await inspector.inspect("quick", caller="adam")
            assert not any(look.done() for look in slow[:share])
        await asyncio.wait(slow)


async def test_a_total_binds_all_services_that_read_pages_and_no_look(document: Path) -> None:
    config = replace(PATIENT, services_total=1)
    yard = make_yard(pool=config)
    async with looking(yard, config) as inspector:
        service = await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE)
        for engine in ("faulty", READER):
            with pytest.raises(PoolExhausted, match="All 1 services are busy"):
                await yard.pool.acquire(device=CPU, engine=engine, wait=A_MOMENT)
        assert (await inspector.inspect(str(document))).page_count == PAGES
        await yard.pool.release(service)
        await yard.pool.release(await yard.pool.acquire(device=CPU, engine=READER, wait=PATIENCE))


async def test_only_readers_are_bound_by_the_kernel() -> None:
    """Engines map far more than they use."""
    rooms: list[tuple[str, int | None]] = []

    def answers(request: Request) -> Sequence[Reply]:
        if isinstance(request, Process):
            rooms.append((request.params.stage, request.room_bytes))
        return answer(request)

    yard = make_yard(pool=PATIENT, placement=FakePlacement(answers))
    async with looking(yard):
        for engine, stage in (("faulty", Stage.OCR), (READER, Stage.TEXT)):
            service = await yard.pool.acquire(device=CPU, engine=engine, wait=PATIENCE)
            await service.process("task", chunk(Path("a"), 1, stage=stage), Outcomes())
            await yard.pool.release(service)
    assert [(stage, room is not None) for stage, room in rooms] == [(Stage.OCR, False), (Stage.TEXT, True)]
