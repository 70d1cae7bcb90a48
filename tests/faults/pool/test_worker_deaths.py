"""A worker that dies, hangs or talks nonsense costs one chunk, is seen at once, and says how it ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.cgroups import join_command, limited_cgroup
from tests.fixtures.pool import Outcomes, WorkerMaker, chunk, eventually, faulty_load

from pagemill.domain.errors import EngineFailed, InvalidDocument, OutOfMemory, TaskFailureReason, TimedOut, WorkerLost
from pagemill.domain.memory import MIB
from pagemill.domain.page.page import Page
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import Stage
from pagemill.memory.probes.oom import OomEvidence, watch_oom
from pagemill.pool.messages import Inspect, Inspected, Load


async def test_reads_every_page_in_order(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty()
    pages = Outcomes()
    outcome = await worker.process(chunk(document, 3, 1, 2), pages)
    assert outcome.settled == (3, 1, 2)
    assert outcome.loss is None
    read = [one for one in pages.seen if isinstance(one, PageRead)]
    assert [Page.from_json(one.payload).text for one in read] == ["page 3", "page 1", "page 2"]
    assert all(one.peak_bytes > 10_000_000 and one.pixels > 0 and one.confidence == 0.5 for one in read)


async def test_a_reader_sends_pages_without_text_on_to_ocr(workers: WorkerMaker, document: Path) -> None:
    reader = await workers.bare()
    await reader.load(Load())
    pages = Outcomes()
    await reader.process(chunk(document, 1, 2, stage=Stage.TEXT), pages)
    assert pages.seen == [PageNeedsOcr(1), PageNeedsOcr(2)]


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("sigkill", LossCause.CRASH, "SIGKILL"),
        ("sigsegv", LossCause.CRASH, "SIGSEGV"),
        ("exit:3", LossCause.CRASH, "code 3"),
        ("junk", LossCause.PROTOCOL, "an invalid message"),
    ],
)
async def test_a_death_mid_page_is_told_with_its_page(
    workers: WorkerMaker, document: Path, fault: str, cause: LossCause, words: str
) -> None:
    worker = await workers.load_faulty({"2": fault})
    pages = Outcomes()
    outcome = await worker.process(chunk(document, 1, 2, 3), pages)
    assert outcome.settled == (1,)
    assert pages.numbers == [1]
    assert outcome.loss is not None
    assert (outcome.loss.cause, outcome.loss.page) == (cause, 2)
    assert words in outcome.loss.message
    assert outcome.loss.peak_bytes > 10_000_000
    assert worker.is_gone


async def test_a_segmentation_fault_leaves_its_last_words(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty({"1": "sigsegv"})
    outcome = await worker.process(chunk(document, 1), Outcomes())
    assert outcome.loss is not None
    assert "Fatal Python error: Segmentation fault" in outcome.loss.message


async def test_a_kill_that_the_kernel_counted_is_out_of_memory(workers: WorkerMaker, document: Path) -> None:
    oom_kills: list[int] = []

    def count_kills(_pid: int) -> Callable[[], OomEvidence]:
        return lambda: OomEvidence.COUNTED if oom_kills else OomEvidence.NONE

    workers.watch_oom = count_kills
    worker = await workers.load_faulty({"1": "hang"})
    reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
    await eventually(lambda: worker.page == 1)
    oom_kills.append(1)
    os.kill(worker.pid, signal.SIGKILL)
    outcome = await reading
    assert outcome.loss is not None
    assert outcome.loss.cause is LossCause.KERNEL_OOM


async def test_a_real_kill_by_the_kernel_is_told_from_others(workers: WorkerMaker, document: Path) -> None:
    with limited_cgroup(200 * MIB) as cgroup:
        workers.watch_oom = watch_oom
        worker = await workers.load_faulty({"2": "allocate"})
        (cgroup.path / "cgroup.procs").write_text(str(worker.pid))
        outcome = await worker.process(chunk(document, 1, 2, 3), Outcomes())
        assert cgroup.oom_kills() == 1
        assert outcome.loss is not None
        assert (outcome.settled, outcome.loss.page) == ((1,), 2)
        assert outcome.loss.cause is LossCause.KERNEL_OOM
        assert outcome.loss.peak_bytes > 0
        assert "most likely" not in outcome.loss.message, "its own cgroup counted"


async def test_somebody_elses_death_for_lack_of_memory_is_no_sign(workers: WorkerMaker, document: Path) -> None:
    with limited_cgroup(200 * MIB) as ours, limited_cgroup(50 * MIB) as theirs:
        workers.watch_oom = watch_oom
        worker = await workers.load_faulty({"1": "hang"})
        (ours.path / "cgroup.procs").write_text(str(worker.pid))
        reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
        await eventually(lambda: worker.page == 1)
        greedy = [sys.executable, "-c", "taken = bytearray(b'x') * (200 << 20)"]
        process = await asyncio.create_subprocess_exec(*join_command(theirs, greedy))
        assert await process.wait() == -signal.SIGKILL
        assert theirs.oom_kills() == 1
        os.kill(worker.pid, signal.SIGKILL)
        outcome = await reading
        assert outcome.loss is not None
        assert outcome.loss.cause is LossCause.CRASH


async def test_a_hang_is_ended_after_the_page_timeout(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty({"2": "hang"})
    outcome = await worker.process(chunk(document, 1, 2, 3, page_timeout_s=3.0), Outcomes())
    assert outcome.settled == (1,)
    assert outcome.loss is not None
    assert (outcome.loss.cause, outcome.loss.page) == (LossCause.HANG, 2)


async def test_our_own_kill_keeps_the_cause_it_was_given(workers: WorkerMaker, document: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    worker = await workers.load_faulty({"1": f"wait:{gate}"})
    reading = asyncio.create_task(worker.process(chunk(document, 1), Outcomes()))
    await eventually((tmp_path / "gate.reached").exists)
    await worker.kill(LossCause.OVER_RESERVATION)
    outcome = await reading
    assert outcome.loss is not None
    assert (outcome.loss.cause, outcome.loss.page) == (LossCause.OVER_RESERVATION, 1)
    assert outcome.loss.reason is TaskFailureReason.MEMORY_LIMIT_EXCEEDED


async def test_printing_does_no_harm(workers: WorkerMaker, document: Path, caplog: pytest.LogCaptureFixture) -> None:
    worker = await workers.load_faulty({"every": "print"})
    with caplog.at_level("INFO", logger="pagemill.worker"):
        outcome = await worker.process(chunk(document, 1, 2), Outcomes())
        await eventually(lambda: caplog.text.count("junk of a library") == 2)
    assert outcome.settled == (1, 2)
    assert f"{worker.name}: junk of a library" in caplog.text


@pytest.mark.parametrize(
    ("fault", "reason", "message"),
    [
        ("raise", TaskFailureReason.ENGINE_ERROR, "engine failed"),
        ("fail:no such glyph", TaskFailureReason.ENGINE_ERROR, "no such glyph"),
    ],
)
async def test_an_engine_that_raises_costs_one_page(
    workers: WorkerMaker, document: Path, fault: str, reason: TaskFailureReason, message: str
) -> None:
    worker = await workers.load_faulty({"2": fault})
    pages = Outcomes()
    outcome = await worker.process(chunk(document, 1, 2, 3), pages)
    assert outcome.settled == (1, 2, 3)
    failed = pages.seen[1]
    assert isinstance(failed, PageFailed)
    assert (failed.reason, failed.retryable) == (reason, True)
    assert message in failed.message
    assert "ZeroDivisionError" not in failed.message


async def test_out_of_memory_ends_the_chunk_and_the_worker_is_not_used_again(
    workers: WorkerMaker, document: Path
) -> None:
    worker = await workers.load_faulty({"2": "memory_error"})
    pages = Outcomes()
    outcome = await worker.process(chunk(document, 1, 2, 3), pages)
    assert (outcome.settled, outcome.loss) == ((1, 2), None)
    failed = pages.seen[1]
    assert isinstance(failed, PageFailed)
    assert failed.reason is TaskFailureReason.OUT_OF_MEMORY
    assert worker.exhausted
    assert await worker.process(chunk(document, 3), pages) == ChunkOutcome(())


async def test_a_data_limit_turns_endless_allocation_into_an_error(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.bare()
    await worker.load(faulty_load({"1": "allocate"}).model_copy(update={"data_limit_bytes": 300 * MIB}))
    pages = Outcomes()
    await worker.process(chunk(document, 1), pages)
    failed = pages.seen[0]
    assert isinstance(failed, PageFailed)
    assert failed.reason is TaskFailureReason.OUT_OF_MEMORY


async def test_a_page_of_a_damaged_document_fails_and_says_so(workers: WorkerMaker, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 and nothing more")
    pages = Outcomes()
    await (await workers.load_faulty()).process(chunk(damaged, 1), pages)
    failed = pages.seen[0]
    assert isinstance(failed, PageFailed)
    assert (failed.reason, failed.retryable) == (TaskFailureReason.INVALID_DOCUMENT, False)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("fail:models are missing: install them", EngineFailed, "models are missing: install them"),
        ("memory_error", OutOfMemory, "Memory ran out"),
        ("raise", EngineFailed, "could not be loaded"),
        ("sigkill", WorkerLost, "SIGKILL"),
    ],
)
async def test_a_load_that_fails_says_what_the_engine_said(
    workers: WorkerMaker, fault: str, error: type[Exception], message: str
) -> None:
    worker = await workers.bare()
    with pytest.raises(error, match=message):
        await worker.load(faulty_load({"load": fault}))


async def test_a_factory_that_is_not_there_is_an_engine_failure(workers: WorkerMaker) -> None:
    worker = await workers.bare()
    with pytest.raises(EngineFailed, match="no_such_module"):
        await worker.load(Load(factory="no_such_module:Engine"))


async def test_inspection_tells_good_from_bad(workers: WorkerMaker, document: Path, tmp_path: Path) -> None:
    reader = await workers.bare()
    await reader.load(Load())
    assert (await reader.ask(Inspect(path=str(document)), Inspected, limit=timedelta(seconds=20))).info.page_count == 5
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 and nothing more")
    with pytest.raises(InvalidDocument):
        await reader.ask(Inspect(path=str(damaged)), Inspected, limit=timedelta(seconds=20))
    assert (await reader.ask(Inspect(path=str(document)), Inspected, limit=timedelta(seconds=20))).info.page_count == 5


async def test_inspection_that_takes_too_long_ends_the_reader(workers: WorkerMaker, tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    reader = await workers.bare()
    await reader.load(Load())
    with pytest.raises(TimedOut):
        await reader.ask(Inspect(path=str(endless)), Inspected, limit=timedelta(milliseconds=200))
    assert reader.is_gone


async def test_a_worker_that_died_idle_says_so_and_blames_no_page(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty()
    os.kill(worker.pid, signal.SIGKILL)
    await eventually(lambda: worker.is_gone)
    outcome = await worker.process(chunk(document, 1), Outcomes())
    assert outcome.settled == ()
    assert outcome.loss is not None
    assert outcome.loss.page is None
    with pytest.raises(WorkerLost):
        await worker.trim()


async def test_trimming_gives_back_what_was_leaked_no_more(workers: WorkerMaker, document: Path) -> None:
    worker = await workers.load_faulty({"every": "leak:20"})
    before = worker.rss_bytes
    await worker.process(chunk(document, 1, 2, 3), Outcomes())
    assert await worker.trim() > before + 55 * MIB
