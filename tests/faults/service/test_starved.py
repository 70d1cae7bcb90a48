"""A neighbour takes the memory: what cannot be begun ends, with the reason; with memory again, work goes on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import Gate

from pagemill.app import Application
from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, MemoryNeed, Reservation
from pagemill.domain.task.task import Task, TaskOptions, TaskStartRequest, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.settings import Settings
from pagemill.testing.engines import FAULTY, make_faulty

LIMIT_S = 60
SMALL = MemoryNeed(4 * MIB)
OPTIONS = TaskOptions(recognition=RecognitionOptions(engine=FAULTY.name, profile="plain", ocr=OcrMode.FORCE))


@asynccontextmanager
async def starving(data: Path, faults: Mapping[str, str] | None = None) -> AsyncIterator[Application]:
    """A service that gives up after seconds; what others on this machine use is nothing to it."""
    settings = Settings.model_validate(
        {
            "data_dir": data,
            "database_url": None,
            "tasks": {"queue_timeout_seconds": 4.0},
            "pool": {"acquire_timeout_seconds": 3.0, "services_per_device": 1},
            "memory": {"limit_mb": 1024},
            "engines": {FAULTY.name: dict(faults or {})},
        }
    )
    application = Application(settings, engines={FAULTY.name: make_faulty(faults or {})})
    async with application.running():
        yield application
        assert (await application.reader.status()).work.tasks_stalled == 0


@asynccontextmanager
async def neighbour(application: Application) -> AsyncIterator[None]:
    """Inside, somebody takes all memory that is not promised, and whatever becomes free."""
    taken: list[Reservation] = []

    async def take_what_becomes_free() -> None:
        while more := await application.guard.reserve_when_free("neighbour", CPU, SMALL, wait=timedelta(days=1)):
            taken.append(more)

    for need in (MemoryNeed(64 * MIB), SMALL):
        while (more := application.guard.reserve("neighbour", CPU, need)) is not None:
            taken.append(more)
    taking = asyncio.create_task(take_what_becomes_free())
    yield
    taking.cancel()
    await asyncio.wait([taking])
    for reservation in taken:
        application.guard.release(reservation)


async def store_task(application: Application, scan: Path) -> str:
    """A task that was looked at while there was memory for that."""
    return (await application.submit_file(scan, OPTIONS.model_copy(update={"start": False}))).task_id


async def wait_for_end(application: Application, task_id: str) -> Task:
    async with asyncio.timeout(LIMIT_S):
        await application.reader.wait(task_id, timedelta(seconds=LIMIT_S))
    return await application.reader.get_task(task_id)


async def test_a_task_that_never_gets_memory_ends_for_the_pool_and_a_retry_reads_it(tmp_path: Path) -> None:
    scan = make_numbered_scan(tmp_path / "scan.pdf", 2)
    async with starving(tmp_path / "data") as application:
        task_id = await store_task(application, scan)
        async with neighbour(application):
            await application.manager.start_task(task_id, TaskStartRequest())
            starved = await wait_for_end(application, task_id)
        assert (starved.status, starved.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
        await application.manager.retry_task(task_id)
        fed = await wait_for_end(application, task_id)
        assert (fed.status, fed.pages_done) == (TaskStatus.SUCCEEDED, 2)


async def test_a_page_that_was_begun_before_the_memory_went_is_read(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    scan = make_numbered_scan(tmp_path / "scan.pdf", 9)
    async with starving(tmp_path / "data", {"1": gate.fault}) as application:
        behind = [await store_task(application, scan) for _ in range(2)]
        task_id = (await application.submit_file(scan, OPTIONS)).task_id
        await asyncio.to_thread(gate.wait_until_reached)
        async with neighbour(application):
            for other in behind:  # one after the other, they wait longer than a task may
                await application.manager.start_task(other, TaskStartRequest())
                assert (await wait_for_end(application, other)).failure_reason is TaskFailureReason.POOL_EXHAUSTED
            assert (await application.reader.get_task(task_id)).status is TaskStatus.RUNNING
        gate.open()
        task = await wait_for_end(application, task_id)
        assert (task.status, task.pages_done) == (TaskStatus.SUCCEEDED, 9)
