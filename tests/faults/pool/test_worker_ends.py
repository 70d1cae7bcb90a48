"""Cancelling, stopping, and what becomes of workers whose server is gone."""

import asyncio
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.pool import (
    PATIENCE,
    QUICK,
    Outcomes,
    WorkerMaker,
    chunk,
    eventually,
    is_alive,
    is_buried,
    open_files,
)

from pagemill.domain.work.outcomes import PageOutcome

PATIENT = replace(QUICK, cancel_grace=PATIENCE)
MANY = 500
"""Pages, a millisecond each: more than are read before a message arrives."""


async def test_cancelling_stops_after_the_page_at_hand(workers: WorkerMaker, document: Path, tmp_path: Path) -> None:
    gate, tally = tmp_path / "gate", tmp_path / "tally"
    tally.touch()
    workers.config = PATIENT
    worker = await workers.load_faulty({"2": f"wait:{gate}", "3": f"tally:{tally}"})
    pages = Outcomes()
    reading = asyncio.create_task(worker.process(chunk(document, 1, 2, *[3] * MANY), pages))
    await eventually((tmp_path / "gate.reached").exists)
    reading.cancel()
    await asyncio.wait([reading], timeout=0.02)
    assert not reading.done(), "the page at hand is waited for"
    gate.touch()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert pages.numbers == [1]
    assert tally.stat().st_size < MANY, "it hears of it while it reads"
    assert not worker.is_gone
    again = Outcomes()
    await worker.process(chunk(document, 4, 5), again)
    assert again.numbers == [4, 5]


async def test_cancelling_a_page_that_does_not_end_ends_the_worker(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty({"1": "hang"})
    reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
    await eventually(lambda: worker.page == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert worker.is_gone
    assert not is_alive(worker.pid)


async def test_a_failure_of_the_caller_stops_the_chunk_and_spares_the_worker(
    workers: WorkerMaker, document: Path
) -> None:
    async def refuse(outcome: PageOutcome) -> None:
        raise ConnectionError(f"page {outcome.number} cannot be stored")

    worker = await workers.load_faulty()
    with pytest.raises(ConnectionError, match="page 1"):
        await worker.process(chunk(document, 1, 2, 3), refuse)
    pages = Outcomes()
    assert (await worker.process(chunk(document, 2, 3), pages)).settled == (2, 3)


async def test_two_chunks_take_turns(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty()
    pages = Outcomes()
    await asyncio.gather(worker.process(chunk(document, 1, 2), pages), worker.process(chunk(document, 3, 4), pages))
    assert pages.numbers == [1, 2, 3, 4]


async def test_stopping_waits_for_the_page_at_hand(workers: WorkerMaker, document: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    worker = await workers.load_faulty({"1": f"wait:{gate}"})
    reading = asyncio.create_task(worker.process(chunk(document, *[1] * MANY), Outcomes()))
    await eventually((tmp_path / "gate.reached").exists)
    stopping = asyncio.create_task(worker.stop(grace=PATIENCE))
    await asyncio.sleep(0)
    gate.touch()
    assert await stopping
    outcome = await reading
    assert 1 <= len(outcome.settled) < MANY, "it hears of the stop while it reads"
    assert outcome.loss is None
    assert await worker.stop(), "twice is not an error"


async def test_stopping_ends_even_a_worker_that_ignores_everything(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty({"1": "stubborn"})
    reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
    await eventually(lambda: worker.page == 1)
    assert await worker.stop()
    assert not is_alive(worker.pid)
    assert (await reading).loss is None, "a shutdown is nobody's fault"


async def test_what_a_worker_started_dies_with_it(workers: WorkerMaker, document: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    worker = await workers.load_faulty({"1": f"spawn:{note}", "2": "sigkill"})
    await worker.process(chunk(document, 1, 2), Outcomes())
    await eventually(lambda: not is_alive(int(note.read_text())))


async def test_the_kernel_is_told_to_kill_workers_first(workers: WorkerMaker) -> None:
    worker = await workers.load_faulty()
    score = Path(f"/proc/{worker.pid}/oom_score_adj")
    assert (await asyncio.to_thread(score.read_text)).strip() == "1000"
    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid


SERVER = """
    import asyncio, sys
    from pathlib import Path
    from tests.fixtures.pool import Outcomes, WorkerMaker, chunk

    async def serve() -> None:
        worker = await WorkerMaker().load_faulty({"1": sys.argv[2]})
        print(worker.pid, flush=True)
        await worker.process(chunk(Path(sys.argv[1]), 1), Outcomes())

    asyncio.run(serve())
"""


@pytest.mark.parametrize("fault", ["wait:{}/gate", "spin:{}/gate"])
async def test_a_worker_ends_when_its_server_is_killed(document: Path, tmp_path: Path, fault: str) -> None:
    """Mid page: one that sleeps, and one that computes with the interpreter locked, so that no thread can run."""
    script = textwrap.dedent(SERVER)
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(document), fault.format(tmp_path)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert server.stdout is not None
    pid = int(await server.stdout.readline())
    await eventually((tmp_path / "gate.reached").exists)
    assert is_alive(pid)
    server.kill()
    await server.wait()
    await eventually(lambda: not is_alive(pid))


async def test_thirty_lives_leave_nothing_behind(document: Path) -> None:
    async def live(fault: str) -> None:
        maker = WorkerMaker()
        worker = await maker.load_faulty({"2": fault})
        await worker.process(chunk(document, 1, 2), Outcomes())
        await maker.stop()
        assert is_buried(worker.pid)

    await live("sigkill")
    before = open_files()
    for _ in range(10):
        await asyncio.gather(live("sigkill"), live("junk"), live(""))
    assert open_files() == before
