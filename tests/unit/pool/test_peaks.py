"""How large a worker became is known after its death, whatever it was asked: it was seen while it lived."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, QUICK, Outcomes, chunk, faulty_load, no_oom

from pagemill.domain.errors import WorkerLost
from pagemill.domain.memory import MIB
from pagemill.domain.work.outcomes import ChunkOutcome
from pagemill.domain.work.recognition import Stage
from pagemill.pool.messages import Export, Inspect, Inspected, Load, Made, Render, Reply, Request
from pagemill.pool.worker import Worker
from pagemill.testing.processes import SIZE_BYTES, FakePlacement, FakeProcess, answer

SWOLLEN_BYTES = 700 * MIB


async def _process(worker: Worker, stage: Stage) -> ChunkOutcome:
    return await worker.process(chunk(Path("a"), 1, stage=stage), Outcomes())


QUESTIONS: dict[str, Callable[[Worker], Awaitable[object]]] = {
    "load": lambda worker: worker.load(faulty_load({})),
    "inspect": lambda worker: worker.ask(Inspect(path="a"), Inspected, limit=PATIENCE),
    "render": lambda worker: worker.ask(
        Render(document="a", page=1, dpi=100, max_pixels=1, rotation=0, path="b"), Made, limit=PATIENCE
    ),
    "export": lambda worker: worker.ask(Export(document="a", pages="b", output="c"), Made, limit=PATIENCE),
    "trim": lambda worker: worker.trim(),
    "text": lambda worker: _process(worker, Stage.TEXT),
    "ocr": lambda worker: _process(worker, Stage.OCR),
}


class _Station:
    """One worker on a process in memory; after `silence` it answers nothing more."""

    def __init__(self) -> None:
        self._is_silent = False
        self._placement = FakePlacement(self._answer)

    def _answer(self, request: Request) -> Sequence[Reply]:
        return [] if self._is_silent else answer(request)

    async def start(self) -> tuple[Worker, FakeProcess]:
        process = await self._placement.start()
        config = replace(QUICK, peak_interval=timedelta(milliseconds=1))
        return Worker("w", process, config, watch_oom=no_oom), process

    def silence(self) -> None:
        self._is_silent = True


async def _peak_bytes_of_death(worker: Worker, question: str) -> int:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            outcome = await QUESTIONS[question](worker)
    except WorkerLost as error:
        return int(error.details["peak_bytes"] or 0)
    assert isinstance(outcome, ChunkOutcome)
    assert outcome.loss is not None
    return outcome.loss.peak_bytes


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("sizes_bytes", [(SWOLLEN_BYTES,), (SIZE_BYTES, SWOLLEN_BYTES), (SWOLLEN_BYTES, SIZE_BYTES)])
async def test_the_peak_before_a_death_is_known(question: str, sizes_bytes: Sequence[int]) -> None:
    station = _Station()
    worker, process = await station.start()
    station.silence()
    process.grow(*sizes_bytes)
    assert await _peak_bytes_of_death(worker, question) == SWOLLEN_BYTES


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("earlier", ["inspect", "ocr"])
async def test_what_it_was_asked_before_does_not_count(question: str, earlier: str) -> None:
    station = _Station()
    worker, process = await station.start()
    await worker.load(Load())
    process.size_bytes = SWOLLEN_BYTES
    worker._ending.saw_peak(SWOLLEN_BYTES)
    await QUESTIONS[earlier](worker)
    process.size_bytes = SIZE_BYTES
    station.silence()
    process.grow(SIZE_BYTES, SIZE_BYTES)
    assert await _peak_bytes_of_death(worker, question) == SIZE_BYTES
