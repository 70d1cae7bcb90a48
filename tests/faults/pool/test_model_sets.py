"""Model sets come when needed and go when idle or in the way, never while in use, and their memory is accounted for."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import (
    PAGES,
    PATIENCE,
    QUICK_MODELS,
    Outcomes,
    Yard,
    chunk,
    eventually,
    is_buried,
    make_yard,
    open_files,
)

from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import NeverFits, PoolExhausted, TaskFailureReason, WorkerLost
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, MemoryReading, Reservation
from pagemill.domain.reports.snapshot import UnloadCause
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, PageRead
from pagemill.domain.work.recognition import EXPORT, READER, Stage
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.placement import ExitStatus, LocalPlacement, WorkerProcess
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.service import OCRService
from pagemill.testing.clock import FakeClock
from pagemill.testing.engines import FAULTY
from pagemill.testing.memory import FakeAdmission, FakeProbe

A_MOMENT = timedelta(milliseconds=100)


@asynccontextmanager
async def running(yard: Yard) -> AsyncIterator[Yard]:
    """The pool, stopped at the end with nothing left."""
    await yard.pool.start()
    try:
        yield yard
    finally:
        await yard.pool.stop()
        assert yard.pool.snapshot().model_sets == ()
        assert yard.admission.reservations == ()


async def acquire(yard: Yard, profile: str = "plain", wait: timedelta = PATIENCE) -> OCRService:
    return await yard.pool.acquire(device=CPU, engine="faulty", profile=profile, wait=wait)


def pids(yard: Yard) -> Sequence[int]:
    return [model_set.pid for model_set in yard.pool.snapshot().model_sets]


def why_unloaded(yard: Yard) -> UnloadCause | None:
    """Why model sets were unloaded last."""
    record = yard.pool.snapshot().last_eviction
    return None if record is None else record.cause


@pytest.mark.parametrize("engine", ["faulty", READER])
async def test_an_idle_model_set_is_unloaded_whatever_it_is(engine: str) -> None:
    clock = FakeClock()
    async with running(make_yard(clock=clock)) as yard:
        await yard.pool.release(await yard.pool.acquire(device=CPU, engine=engine))
        (pid,) = pids(yard)
        clock.advance(timedelta(seconds=299))
        await yard.models.run_once()
        assert pids(yard) == [pid]
        clock.advance(timedelta(seconds=1))
        await yard.models.run_once()
        assert pids(yard) == []
        assert is_buried(pid)
        assert why_unloaded(yard) is UnloadCause.IDLE
        assert yard.admission.reservations == ()


async def test_a_fresh_service_is_a_process_that_has_read_nothing(document: Path) -> None:
    async with running(make_yard()) as yard:
        used = await acquire(yard)
        await used.process("task", chunk(document, 1), Outcomes())
        await yard.pool.release(used)
        (worked,) = pids(yard)
        await yard.pool.release(await yard.pool.acquire(device=CPU, engine="faulty", profile="plain", fresh=True))
        (fresh,) = pids(yard)
        assert fresh != worked
        assert is_buried(worked)
        await yard.pool.release(await yard.pool.acquire(device=CPU, engine="faulty", profile="plain", fresh=True))
        assert pids(yard) == [fresh]


@pytest.mark.parametrize("engine", ["faulty", READER])
async def test_structure_models_leave_with_their_model_set(engine: str, document: Path) -> None:
    clock, stage = FakeClock(), Stage.TEXT if engine == READER else Stage.OCR
    async with running(make_yard(clock=clock)) as yard:
        service = await yard.pool.acquire(device=CPU, engine=engine, structure=True)
        pages = Outcomes()
        params = chunk(document, 1, stage=stage)
        options = params.options.model_copy(update={"ocr": OcrMode.NEVER, "structure": True})
        await service.process("task", replace(params, options=options), pages)
        (read,) = pages.seen
        assert isinstance(read, PageRead)
        assert b"structured from" in read.payload
        await yard.pool.release(service)
        clock.advance(timedelta(seconds=300))
        await yard.models.run_once()
        assert pids(yard) == []
        assert yard.admission.reservations == ()


async def test_an_engine_may_have_an_idle_timeout_of_its_own() -> None:
    clock = FakeClock()
    config = replace(QUICK_MODELS, idle_timeouts={"faulty": timedelta(seconds=10)})
    async with running(make_yard(config, clock=clock)) as yard:
        await yard.pool.release(await acquire(yard))
        clock.advance(timedelta(seconds=10))
        await yard.models.run_once()
        assert pids(yard) == []


async def test_a_document_is_looked_at_while_a_pdf_is_made(document: Path) -> None:
    async with running(make_yard()) as yard:
        exporter = await yard.pool.acquire(device=CPU, engine=READER, profile=EXPORT)
        assert (await PooledInspector(PoolConfig(), yard.pool).inspect(str(document))).page_count == PAGES
        assert len(pids(yard)) == 2, "a process of its own, which may be busy for minutes"
        with pytest.raises(PoolExhausted, match="reader/export"):
            await yard.pool.acquire(device=CPU, engine=READER, profile=EXPORT, wait=A_MOMENT)
        await yard.pool.release(exporter)


async def test_the_server_is_told_when_the_last_model_set_has_gone() -> None:
    clock, rests = FakeClock(), []

    async def at_rest() -> None:
        rests.append(clock.monotonic())

    async with running(make_yard(clock=clock, at_rest=at_rest)) as yard:
        await yard.models.run_once()
        assert rests == [], "nothing has come yet"
        for _ in range(2):
            services = [await acquire(yard), await acquire(yard, profile="other")]
            await yard.pool.release(services[0])
            await yard.models.evict_idle(CPU)
            await yard.models.run_once()
            told = list(rests)
            await yard.pool.release(services[1])
            await yard.models.evict_idle(CPU)
            await yard.models.run_once()
            await yard.models.run_once()
            assert len(rests) == len(told) + 1
        assert len(rests) == 2


async def test_a_model_set_that_has_just_come_does_not_give_way_to_another() -> None:
    clock, config = FakeClock(), replace(QUICK_MODELS, min_residency=timedelta(seconds=5))
    async with running(make_yard(config, clock=clock, limits={CPU: 90 * MIB})) as yard:
        await yard.pool.release(await acquire(yard))
        (first,) = pids(yard)
        with pytest.raises(PoolExhausted):
            await acquire(yard, profile="other", wait=A_MOMENT)
        assert pids(yard) == [first]
        clock.advance(timedelta(seconds=5))
        await yard.pool.release(await acquire(yard, profile="other"))
        assert is_buried(first)


async def test_a_model_set_in_use_is_never_unloaded(document: Path) -> None:
    clock = FakeClock()
    async with running(make_yard(clock=clock)) as yard:
        service = await acquire(yard)
        clock.advance(timedelta(days=1))
        await yard.models.run_once()
        assert await yard.models.evict_idle(CPU) == 0
        assert (await service.process("task", chunk(document, 1), Outcomes())).settled == (1,)
        await yard.pool.release(service)


async def test_an_idle_model_set_is_used_again() -> None:
    async with running(make_yard()) as yard:
        first = await acquire(yard)
        (pid,) = pids(yard)
        await yard.pool.release(first)
        second = await acquire(yard)
        assert pids(yard) == [pid]
        assert second.service_instance_id != first.service_instance_id
        await yard.pool.release(second)


async def test_one_more_use_gets_a_process_of_its_own_while_there_is_memory() -> None:
    async with running(make_yard()) as yard:
        services = [await acquire(yard), await acquire(yard)]
        assert [one.references for one in yard.pool.snapshot().model_sets] == [1, 1]
        for service in services:
            await yard.pool.release(service)


async def test_uses_share_a_process_where_there_is_memory_for_one(document: Path) -> None:
    async with running(make_yard(limits={CPU: 90 * MIB})) as yard:
        services = [await acquire(yard), await acquire(yard)]
        assert [one.references for one in yard.pool.snapshot().model_sets] == [2]
        pages = Outcomes()
        work = (
            service.process("task", chunk(document, number, number + 1), pages)
            for service, number in zip(services, (1, 3), strict=True)
        )
        assert [outcome.settled for outcome in await asyncio.gather(*work)] == [(1, 2), (3, 4)]
        await yard.pool.release(services[0])
        assert await yard.models.evict_idle(CPU) == 0, "the other use goes on"
        await yard.pool.release(services[1])


async def test_an_idle_model_set_makes_room_for_another() -> None:
    async with running(make_yard(limits={CPU: 90 * MIB})) as yard:
        await yard.pool.release(await acquire(yard, "plain"))
        (pid,) = pids(yard)
        other = await acquire(yard, "other")
        assert is_buried(pid)
        assert [one.key.profile for one in yard.pool.snapshot().model_sets] == ["other"]
        assert why_unloaded(yard) is UnloadCause.ROOM
        await yard.pool.release(other)


async def test_whoever_waits_for_memory_gets_it_once_it_is_there() -> None:
    async with running(make_yard(limits={CPU: 90 * MIB})) as yard:
        plain = await acquire(yard, "plain")
        waiting = asyncio.create_task(acquire(yard, "other"))
        await eventually(lambda: yard.pool.snapshot().lanes[0].in_use == 2)
        assert len(pids(yard)) == 1
        await yard.pool.release(plain)
        other = await waiting
        assert [one.key.profile for one in yard.pool.snapshot().model_sets] == ["other"]
        await yard.pool.release(other)


async def test_whoever_stops_waiting_for_memory_leaves_nothing_reserved() -> None:
    async with running(make_yard(limits={CPU: 90 * MIB})) as yard:
        plain = await acquire(yard, "plain")
        with pytest.raises(PoolExhausted, match="no memory for faulty/other@cpu"):
            await acquire(yard, "other", wait=A_MOMENT)
        assert len(yard.admission.reservations) == 1
        await yard.pool.release(plain)
        await yard.pool.release(await acquire(yard, "other"))


class LateGrant(FakeAdmission):
    """One that grants in the very moment at which it is no longer wanted."""

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """Wait to be cancelled, then grant."""
        del wait
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        self.limits[device] += need.ram_bytes
        return self.reserve(owner, device, need)


async def test_memory_granted_to_somebody_who_just_left_is_given_back() -> None:
    admission = LateGrant({CPU: 90 * MIB})
    async with running(make_yard(admission=admission)) as yard:
        plain = await acquire(yard, "plain")
        with pytest.raises(PoolExhausted):
            await acquire(yard, "other", wait=A_MOMENT)
        assert [held.owner for held in admission.reservations] == [yard.models.workers()[0].worker_id]
        await yard.pool.release(plain)


async def test_a_newcomer_is_not_evicted_before_it_was_of_use() -> None:
    config = replace(QUICK_MODELS, min_residency=timedelta(seconds=5))
    clock = FakeClock()
    async with running(make_yard(config, limits={CPU: 90 * MIB}, clock=clock)) as yard:
        await yard.pool.release(await acquire(yard, "plain"))
        with pytest.raises(PoolExhausted, match="no memory for faulty/other"):
            await acquire(yard, "other", wait=A_MOMENT)
        clock.advance(timedelta(seconds=5))
        await yard.pool.release(await acquire(yard, "other"))


async def test_memory_is_reserved_for_a_chunk_and_given_back_after_it(document: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with running(make_yard(faults={"1": f"wait:{gate}"})) as yard:
        service = await acquire(yard)
        assert yard.models.workers()[0].reserved == MemoryNeed(50 * MIB)
        reading = asyncio.create_task(service.process("task", chunk(document, 1), Outcomes()))
        await eventually((tmp_path / "gate.reached").exists)
        (watched,) = yard.models.workers()
        assert watched.reserved == MemoryNeed(80 * MIB)
        assert (watched.task_id, watched.busy_since) == ("task", 0.0)
        gate.touch()
        assert (await reading).reserved_bytes == 80 * MIB
        (watched,) = yard.models.workers()
        assert watched.reserved.ram_bytes == max(50 * MIB, yard.pool.snapshot().model_sets[0].rss_bytes)
        assert (watched.task_id, watched.busy_since) == (None, None)
        await yard.pool.release(service)


async def test_two_that_wait_for_each_others_memory_do_not_wait_for_ever(document: Path) -> None:
    async with running(make_yard(limits={CPU: 120 * MIB})) as yard:
        plain, other = await acquire(yard, "plain"), await acquire(yard, "other")
        first = asyncio.create_task(plain.process("one", chunk(document, 1), Outcomes()))
        await eventually(lambda: len(yard.models.memory._waiting) == 1)
        second = await other.process("two", chunk(document, 2), Outcomes())
        assert second == ChunkOutcome(()), "the later one gives way"
        await yard.pool.release(other)
        assert (await first).settled == (1,)
        await yard.pool.release(plain)


async def test_a_chunk_that_can_never_fit_fails_with_the_numbers(document: Path) -> None:
    async with running(make_yard(limits={CPU: 70 * MIB})) as yard:
        service = await acquire(yard)
        pages = Outcomes()
        assert (await service.process("task", chunk(document, 1, 2), pages)).settled == (1, 2)
        failed = pages.seen[0]
        assert isinstance(failed, PageFailed)
        assert (failed.reason, failed.retryable) == (TaskFailureReason.MEMORY_LIMIT_EXCEEDED, False)
        assert "80 MiB" in failed.message
        await yard.pool.release(service)


async def test_a_model_set_that_can_never_fit_is_refused() -> None:
    async with running(make_yard(limits={CPU: 40 * MIB})) as yard:
        with pytest.raises(NeverFits, match="40 MiB"):
            await acquire(yard)
        assert yard.pool.snapshot().utilization == 0


async def test_a_lost_worker_gives_its_memory_and_place_back(document: Path) -> None:
    async with running(make_yard(faults={"2": "sigsegv"}, places={CPU: 1})) as yard:
        service = await acquire(yard)
        outcome = await service.process("task", chunk(document, 1, 2), Outcomes())
        assert outcome.loss is not None
        assert outcome.loss.page == 2
        await eventually(lambda: yard.admission.reservations == ())
        again = await service.process("task", chunk(document, 1), Outcomes())
        assert again.loss is not None
        assert again.loss.page is None
        await yard.pool.release(service)
        service = await acquire(yard)
        assert (await service.process("task", chunk(document, 1), Outcomes())).settled == (1,)
        await yard.pool.release(service)


async def test_a_worker_that_ran_out_of_memory_is_replaced(document: Path) -> None:
    async with running(make_yard(faults={"1": "memory_error"})) as yard:
        service = await acquire(yard)
        (pid,) = pids(yard)
        await service.process("task", chunk(document, 1, 2), Outcomes())
        await yard.pool.release(service)
        await eventually(lambda: is_buried(pid))
        (told,) = yard.estimator.observations
        assert told.failed
        await yard.pool.release(await acquire(yard))
        assert pid not in pids(yard)


@pytest.mark.parametrize(("told_mib", "learned"), [(700, 700 * MIB), (None, 0)])
async def test_what_a_page_took_of_a_gpu_is_learned_where_the_driver_says(
    document: Path, told_mib: int | None, learned: int
) -> None:
    gpu = DeviceId("cuda:0")
    yard = make_yard(places={gpu: 1}, limits={CPU: 1024 * MIB, gpu: 8192 * MIB}, gpu_mib=told_mib)
    async with running(yard):
        service = await yard.pool.acquire(device=gpu, engine="faulty", profile="plain")
        await service.process("task", chunk(document, 1), Outcomes())
        await yard.pool.release(service)
    (told,) = yard.estimator.observations
    assert (told.key.device, told.peak.gpu_bytes) == (gpu, learned)
    assert told.peak.ram_bytes > 10 * MIB


async def test_what_a_worker_leaked_before_is_not_learned_as_a_need(document: Path) -> None:
    async with running(make_yard(faults={"every": "leak:100"})) as yard:
        for number in (1, 2):
            service = await acquire(yard)
            await service.process("task", chunk(document, number), Outcomes())
            await yard.pool.release(service)
        assert len(pids(yard)) == 1
    first, second = (told.peak.ram_bytes for told in yard.estimator.observations)
    assert first > 100 * MIB
    assert abs(second - first) < 30 * MIB


async def test_a_worker_that_has_grown_is_replaced(document: Path) -> None:
    clock = FakeClock()
    config = replace(QUICK_MODELS, growth_factor=1.5, growth_floor_bytes=30 * MIB)
    async with running(make_yard(config, faults={"every": "leak:20"}, clock=clock)) as yard:
        for number, expected in ((1, 1), (2, 0)):
            service = await acquire(yard)
            await service.process("task", chunk(document, number), Outcomes())
            await yard.pool.release(service)
            clock.advance(timedelta(seconds=2))
            await yard.models.run_once()
            assert len(pids(yard)) == expected
        assert why_unloaded(yard) is UnloadCause.SPENT


async def test_what_an_engine_is_known_to_keep_is_no_growth(document: Path) -> None:
    clock = FakeClock()
    config = replace(QUICK_MODELS, growth_factor=1.5, growth_floor_bytes=30 * MIB)
    profiles = tuple(replace(one, seed=replace(one.seed, kept=60 * MIB)) for one in FAULTY.profiles)
    engine = replace(FAULTY, profiles=profiles)
    async with running(make_yard(config, faults={"every": "leak:20"}, engine=engine, clock=clock)) as yard:
        seen: set[int] = set()
        for number in (1, 2, 3):
            service = await acquire(yard)
            seen.update(pids(yard))
            await service.process("task", chunk(document, number), Outcomes())
            await yard.pool.release(service)
            clock.advance(timedelta(seconds=2))
            await yard.models.run_once()
        assert seen == set(pids(yard)), "it was never replaced"


async def test_a_worker_s_base_is_what_it_held_when_loaded(document: Path) -> None:
    async with running(make_yard(faults={"every": "leak:100"})) as yard:
        service = await acquire(yard)
        await service.process("task", chunk(document, 1), Outcomes())
        await yard.models.trim_idle(CPU)
        await yard.pool.release(service)
        assert [0 < settled.ram_bytes < 100 * MIB for _, settled in yard.estimator.settled] == [True]


async def test_a_worker_that_grows_with_every_page_is_replaced(document: Path) -> None:
    config = replace(QUICK_MODELS, growth_per_page_bytes=MIB // 2, growth_floor_bytes=10_000 * MIB)
    async with running(make_yard(config, faults={"every": "leak:1"})) as yard:
        seen: set[int] = set()
        for _ in range(9):
            service = await acquire(yard)
            seen.update(pids(yard))
            await service.process("task", chunk(document, *[1] * 24), Outcomes())
            await yard.pool.release(service)
        assert len(seen) == 2, "after two windows of 96 pages"


async def test_the_guard_kills_a_worker_and_its_chunk_ends_with_that_cause(document: Path, tmp_path: Path) -> None:
    async with running(make_yard(faults={"1": f"wait:{tmp_path / 'gate'}"})) as yard:
        service = await acquire(yard)
        reading = asyncio.create_task(service.process("task", chunk(document, 1), Outcomes()))
        await eventually((tmp_path / "gate.reached").exists)
        await yard.models.kill(yard.models.workers()[0].worker_id, LossCause.OVER_RESERVATION)
        loss = (await reading).loss
        assert loss is not None
        assert (loss.cause, loss.page) == (LossCause.OVER_RESERVATION, 1)
        assert [told.failed for told in yard.estimator.observations] == [True]
        await yard.models.kill("nobody", LossCause.MEMORY_PRESSURE)
        await yard.pool.release(service)


@pytest.mark.parametrize("climbed", [False, True])
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("learned_mib", [1024, 1025])
@pytest.mark.parametrize("modest_mib", [80, 1024, 1025])
async def test_a_need_learned_from_others_that_never_fits_is_tried_with_all_there_is(
    modest_mib: int, learned_mib: int, stage: Stage, document: Path, *, climbed: bool
) -> None:
    limit_mib = 1024
    async with running(make_yard()) as yard:
        learned, modest = MemoryNeed(learned_mib * MIB), MemoryNeed(modest_mib * MIB)
        yard.estimator.climbed, yard.estimator.modest = learned if climbed else None, modest
        yard.estimator.working = MemoryNeed(80 * MIB) if climbed else learned
        pages, params = Outcomes(), replace(chunk(document, 1, stage=stage), climbed=climbed)
        service = await yard.pool.acquire(device=CPU, engine="faulty" if stage is Stage.OCR else READER)
        outcome = await service.process("task", params, pages)
        await yard.pool.release(service)
    (page,) = pages.seen
    is_refused = modest_mib > limit_mib < learned_mib
    refused = isinstance(page, PageFailed) and page.reason is TaskFailureReason.MEMORY_LIMIT_EXCEEDED
    assert refused is is_refused
    assert outcome.reserved_bytes == (0 if is_refused else min(learned_mib, limit_mib) * MIB)


async def test_a_worker_that_dies_idle_is_missed_at_once() -> None:
    async with running(make_yard()) as yard:
        await yard.pool.release(await acquire(yard))
        os.kill(pids(yard)[0], signal.SIGKILL)
        await eventually(lambda: yard.admission.reservations == ())
        assert pids(yard) == []


async def test_a_load_that_fails_tells_why_and_leaves_nothing() -> None:
    async with running(make_yard(faults={"load": "fail:run pagemill doctor"}, places={CPU: 1})) as yard:
        for _ in range(2):
            with pytest.raises(
                WorkerLost, match=r"faulty/plain@cpu could not be loaded: run pagemill doctor"
            ) as caught:
                await acquire(yard)
            assert caught.value.details["cause"] == LossCause.LOAD_FAILED
        await eventually(lambda: yard.admission.reservations == ())
        assert yard.pool.snapshot().utilization == 0


async def test_a_caller_that_leaves_during_a_load_leaks_nothing(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with running(make_yard(faults={"load": f"wait:{gate}"}, places={CPU: 1})) as yard:
        waiting = asyncio.create_task(acquire(yard))
        await eventually((tmp_path / "gate.reached").exists)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.touch()
        service = await acquire(yard)
        assert [one.references for one in yard.pool.snapshot().model_sets] == [1]
        await yard.pool.release(service)


async def test_stopping_during_a_load_does_not_wait_for_it(tmp_path: Path) -> None:
    async with running(make_yard(faults={"load": f"wait:{tmp_path / 'gate'}"})) as yard:
        waiting = asyncio.create_task(acquire(yard))
        await eventually((tmp_path / "gate.reached").exists)
        await yard.pool.stop()
        with pytest.raises(WorkerLost):
            await waiting


async def test_stopping_gives_unfinished_pages_back_without_blame(document: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with running(make_yard(faults={"2": f"wait:{gate}"})) as yard:
        service = await acquire(yard)
        reading = asyncio.create_task(service.process("task", chunk(document, 1, 2, 3), Outcomes()))
        await eventually((tmp_path / "gate.reached").exists)
        await yard.pool.stop()
        outcome = await reading
        assert (outcome.settled, outcome.loss) == ((1,), None)
        with pytest.raises(PoolExhausted, match="shutting down"):
            await acquire(yard)


async def test_draining_waits_for_the_services_in_use() -> None:
    async with running(make_yard()) as yard:
        service = await acquire(yard)
        draining = asyncio.create_task(yard.pool.drain())
        await asyncio.sleep(0)
        with pytest.raises(PoolExhausted, match="shutting down"):
            await acquire(yard)
        assert not draining.done()
        await yard.pool.release(service)
        await draining


class SteppingProbe(FakeProbe):
    """One whose device is used less each time it is read."""

    def read(self) -> Sequence[MemoryReading]:
        """Seven MiB less than before."""
        reading = self.readings[-1]
        self.readings.append(replace(reading, used_bytes=reading.used_bytes - 7 * MIB))
        return [reading]


async def test_what_an_eviction_gave_back_is_measured() -> None:
    probe = SteppingProbe(MemoryReading(CPU, 1000 * MIB, 500 * MIB, "test"))
    async with running(make_yard(probe=probe)) as yard:
        await yard.pool.release(await acquire(yard))
        held = yard.pool.snapshot().model_sets[0].rss_bytes
        back = await yard.models.evict_idle(CPU)
        record = yard.models.last_eviction
        assert record is not None
        assert record.used_before_bytes is not None
        assert record.used_after_bytes is not None
        assert back == record.used_before_bytes - record.used_after_bytes
        assert 3 * 7 * MIB < back < held, "it was looked until most of what it alone held was seen back"
        assert abs(record.rss_bytes - held) < MIB
        assert [str(key) for key in record.keys] == ["faulty/plain@cpu"]
        assert why_unloaded(yard) is UnloadCause.PRESSURE
        assert yard.pool.snapshot().last_eviction is record


class Undying(LocalPlacement):
    """Processes whose death is not seen before it is allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = asyncio.Event()

    async def start(self, *, interpreter: str | None = None) -> WorkerProcess:
        """A process like any other, but for its end."""
        process = await super().start(interpreter=interpreter)
        seen = process.wait_for_exit

        async def wait_for_exit() -> ExitStatus:
            await self.allowed.wait()
            return await seen()

        object.__setattr__(process, "wait_for_exit", wait_for_exit)
        return process


async def test_memory_stays_reserved_until_the_death_is_seen() -> None:
    placement = Undying()
    worker = replace(QUICK_MODELS.worker, stop_grace=A_MOMENT, term_grace=A_MOMENT, kill_limit=A_MOMENT)
    async with running(make_yard(replace(QUICK_MODELS, worker=worker), placement=placement)) as yard:
        await yard.pool.release(await acquire(yard))
        await yard.models.evict_idle(CPU)
        assert [held.need for held in yard.admission.reservations] == [MemoryNeed(50 * MIB)]
        placement.allowed.set()
        await eventually(lambda: yard.admission.reservations == ())


async def test_loads_and_unloads_leave_nothing_behind() -> None:
    async with running(make_yard()) as yard:
        await yard.pool.release(await acquire(yard))
        await yard.models.evict_idle(CPU)
        before = open_files()
        for _ in range(5):
            await yard.pool.release(await acquire(yard))
            (pid,) = pids(yard)
            await yard.models.evict_idle(CPU)
            assert is_buried(pid)
        assert open_files() == before
