"""Time in which the server itself stood still is not held against a worker."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import QUICK, Outcomes, chunk, eventually, faulty_load, no_oom

from pagemill.domain.errors import TimedOut, WorkerLost
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause
from pagemill.domain.work.recognition import Stage
from pagemill.pool.messages import Export, Inspect, Inspected, Made, Render, Reply, Request
from pagemill.pool.worker import Worker
from pagemill.testing.processes import FakePlacement, FakeProcess, answer

LIMIT = timedelta(milliseconds=200)
STALL_S = 2 * LIMIT.total_seconds()


async def _process(worker: Worker, stage: Stage) -> ChunkOutcome:
    asked = chunk(Path("a"), 1, stage=stage, page_timeout_s=LIMIT.total_seconds())
    return await worker.process(asked, Outcomes())


QUESTIONS: dict[str, Callable[[Worker], Awaitable[object]]] = {
    "load": lambda worker: worker.load(faulty_load({})),
    "inspect": lambda worker: worker.ask(Inspect(path="a"), Inspected, limit=LIMIT),
    "render": lambda worker: worker.ask(
        Render(document="a", page=1, dpi=100, max_pixels=1, rotation=0, path="b"), Made, limit=LIMIT
    ),
    "export": lambda worker: worker.ask(Export(document="a", pages="b", output="c"), Made, limit=LIMIT),
    "text": lambda worker: _process(worker, Stage.TEXT),
    "ocr": lambda worker: _process(worker, Stage.OCR),
}


async def _silent_worker() -> tuple[Worker, FakeProcess]:
    """A worker that answers nothing by itself."""

    def silence(request: Request) -> Sequence[Reply]:
        del request
        return []

    process = await FakePlacement(silence).start()
    config = replace(QUICK, start_limit=LIMIT, peak_interval=timedelta(milliseconds=10))
    return Worker("w", process, config, watch_oom=no_oom), process


async def _wait_for_request(process: FakeProcess) -> Request:
    await eventually(lambda: bool(process.requests))
    return process.requests[-1]


def _stand_still() -> None:
    """What a blocking call in the loop does, or SIGSTOP: timers and answers become due together."""
    time.sleep(STALL_S)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_answer_that_came_while_the_server_stood_still_counts(question: str) -> None:
    worker, process = await _silent_worker()
    asking = asyncio.ensure_future(QUESTIONS[question](worker))
    request = await _wait_for_request(process)
    await asyncio.sleep(0.02)
    _stand_still()
    asyncio.get_running_loop().call_soon(process.reply, *answer(request))
    outcome = await asking
    assert not isinstance(outcome, ChunkOutcome) or (outcome.loss is None and outcome.settled == (1,))
    assert worker.is_usable


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("stands_still", [False, True])
async def test_one_that_never_answers_is_ended_all_the_same(question: str, *, stands_still: bool) -> None:
    worker, process = await _silent_worker()
    asking = asyncio.ensure_future(QUESTIONS[question](worker))
    await _wait_for_request(process)
    if stands_still:
        _stand_still()
    with suppress(TimedOut, WorkerLost):
        outcome = await asking
        assert isinstance(outcome, ChunkOutcome), "it said something"
    loss = worker.known_loss
    assert loss is not None
    assert loss.cause is LossCause.HANG
