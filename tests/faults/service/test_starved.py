"""A neighbour takes the memory: what cannot be begun ends, with the reason; with memory again, work goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import Gate

from pagemill.app import Application
from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, MemoryNeed, Reservation
from pagemill.domain.task.task import Task, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.settings import Settings
from pagemill.testing.engines import FAULTY

LIMIT_S = 60
OPTIONS = TaskOptions(recognition=RecognitionOptions(engine=FAULTY.name, profile="plain", ocr=OcrMode.FORCE))


@asynccontextmanager
async def starving(data: Path, **faults: str) -> AsyncIterator[Application]:
    """A service that gives up after seconds; its memory is there to be taken."""
    settings = Settings.model_validate(
        {
            "data_dir": data,
            "database_url": None,
            "tasks": {"queue_timeout_seconds": 4.0},
            "pool": {"acquire_timeout_seconds": 3.0, "services_per_device": 1},
            "engines": {FAULTY.name: faults},
        }
    )
    application = Application(settings, engines={FAULTY.name: FAULTY})
    async with application.running():
        yield application
        assert (await application.reader.status()).work.tasks_stalled == 0


def take_all(application: Application) -> list[Reservation]:
    """All memory that is not promised yet."""
    taken = []
    for size in (1024 * MIB, 64 * MIB, 4 * MIB):
        while (reservation := application.guard.reserve("neighbour", CPU, MemoryNeed(size))) is not None:
            taken.append(reservation)
    return taken


async def ended(application: Application, task: Task) -> Task:
    async with asyncio.timeout(LIMIT_S):
        await application.reader.wait(task.task_id, timedelta(seconds=LIMIT_S))
    return await application.reader.get_task(task.task_id)


async def test_a_task_that_never_gets_memory_ends_for_the_pool_and_a_retry_reads_it(tmp_path: Path) -> None:
    scan = make_numbered_scan(tmp_path / "scan.pdf", 2)
    async with starving(tmp_path / "data") as application:
        await application.submit_file(scan, OPTIONS.model_copy(update={"start": False}))  # the reader is loaded now
        taken = take_all(application)
        starved = await ended(application, await application.submit_file(scan, OPTIONS))
        assert (starved.status, starved.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
        for reservation in taken:
            application.guard.release(reservation)
        fed = await ended(application, await application.manager.retry_task(starved.task_id))
        assert (fed.status, fed.pages_done) == (TaskStatus.SUCCEEDED, 2)


async def test_a_page_that_was_begun_before_the_memory_went_is_read_and_the_others_wait_as_long_as_they_may(
    tmp_path: Path,
) -> None:
    gate = Gate(tmp_path / "gate")
    scan = make_numbered_scan(tmp_path / "scan.pdf", 9)
    async with starving(tmp_path / "data", **{"1": gate.fault}) as application:
        task = await application.submit_file(scan, OPTIONS)
        await asyncio.to_thread(gate.reached)
        taken = take_all(application)
        for _ in range(2):  # one after the other, they wait longer than a task may
            waited = await ended(application, await application.submit_file(scan, OPTIONS))
            assert waited.failure_reason is TaskFailureReason.POOL_EXHAUSTED
        assert (await application.reader.get_task(task.task_id)).status is TaskStatus.RUNNING
        gate.open()
        assert (await ended(application, task)).status in (TaskStatus.SUCCEEDED, TaskStatus.EXPIRED)
        assert (await application.reader.get_task(task.task_id)).pages_done >= 1
        for reservation in taken:
            application.guard.release(reservation)
