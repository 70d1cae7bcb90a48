"""The whole service within a memory limit that the kernel enforces: whatever an engine does, the guard is first."""

from collections import Counter
from pathlib import Path
from statistics import median

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.data.documents import make_numbered_scan
from tests.faults.service_memory.conftest import Confined, ConfinedServer
from tests.fixtures.server import FAULTY_ENGINE, Api, until

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import MIB
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus

SIZES = ((300, 200), (1654, 2339), (900, 1400), (2480, 1754), (2600, 3600), (1240, 1754))
"""Of pages, pixels: from a stamp to more than nine megapixels."""
PAGES = 8
QUICK = {"TASKS__RETRY__FIRST_DELAY_SECONDS": "0.01"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered_scan(tmp_path_factory.mktemp("documents") / "scan.pdf", PAGES)


def make_mixed(path: Path) -> Path:
    """A scan with pages of all sizes, a few words on each."""
    pages = [Image.new("RGB", size, "white") for size in SIZES]
    for number, page in enumerate(pages, start=1):
        words = f"{path.stem} {number}"
        ImageDraw.Draw(page).text((20, 20), words, fill="black", font=ImageFont.load_default(40))
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def settle(confined: Confined, *task_ids: str) -> list[int]:
    """Wait until the tasks are over; the server's own resident size at every look on the way, bytes."""
    process, seen = psutil.Process(confined.server.process.pid), []

    def over() -> bool:
        seen.append(process.memory_info().rss)
        return all(confined.api.task(task_id).status.is_final for task_id in task_ids)

    until(over, within=100)
    return seen


def ladder(api: Api, task_id: str) -> dict[object, list[object]]:
    """The rungs that each page was taken to, in order; None at the end where it was given up."""
    rungs: dict[object, list[object]] = {}
    for event in api.events(task_id):
        if event.event_type is TaskEvent.OOM_RECOVERY:
            rungs.setdefault(event.details["page"], []).append(event.details["next_rung"])
    return rungs


def losses(api: Api, task_id: str) -> Counter[object]:
    """How many workers were lost, by cause."""
    events = api.events(task_id)
    return Counter(event.details["cause"] for event in events if event.event_type is TaskEvent.WORKER_LOST)


def failures(api: Api, task_id: str) -> dict[int, TaskFailureReason]:
    """Pages that were given up, and why."""
    return {page.number: page.failure.reason for page in api.pages(task_id) if page.failure}


def test_mixed_pages_on_the_real_engine(confined: ConfinedServer, tmp_path: Path) -> None:
    started = confined(800)
    documents = [make_mixed(tmp_path / f"Sheet{number}.tiff") for number in range(3)]
    first = started.api.submit(documents[0])
    settle(started, first)
    tasks = [started.api.submit(document) for document in documents[1:]]
    own = settle(started, *tasks)
    for name, task_id in zip(("Sheet0", "Sheet1", "Sheet2"), (first, *tasks), strict=True):
        assert started.api.task(task_id).status is TaskStatus.SUCCEEDED, started.api.events(task_id)
        text = started.api.text(task_id).replace(" ", "").lower()
        assert [f"{name}{number}".lower() in text for number in range(1, len(SIZES) + 1)] == [True] * len(SIZES), text
    started.check_the_kernel_killed_nobody()
    third = len(own) // 3
    assert abs(median(own[-third:]) - median(own[:third])) < 8 * MIB, own


def test_an_engine_that_leaks_is_replaced_and_every_page_delivered(confined: ConfinedServer, document: Path) -> None:
    started = confined(500, faults={"every": "leak:30"}, TASKS__PAGES_PER_BATCH="2", **QUICK)
    tasks = [started.api.submit(document, **FAULTY_ENGINE) for _ in range(3)]
    workers: set[psutil.Process] = set()

    def over() -> bool:
        workers.update(started.server.workers)
        return all(started.api.task(task_id).status.is_final for task_id in tasks)

    until(over, within=100)
    assert [started.api.task(task_id).status for task_id in tasks] == [TaskStatus.SUCCEEDED] * 3, started.server.log
    assert len(workers) >= 3
    started.check_the_kernel_killed_nobody()


def test_an_engine_that_allocates_without_end_costs_its_page_and_no_other(
    confined: ConfinedServer, document: Path
) -> None:
    started = confined(900, faults={"3": "allocate"}, **QUICK)
    greedy = started.api.submit(document, **FAULTY_ENGINE)
    others = [started.api.submit(document, pages="1-2,4-8", **FAULTY_ENGINE) for _ in range(2)]
    settle(started, greedy, *others)
    assert [started.api.task(task_id).status for task_id in others] == [TaskStatus.SUCCEEDED] * 2, started.server.log
    assert started.api.task(greedy).status is TaskStatus.PARTIALLY_SUCCEEDED
    assert failures(started.api, greedy) == {3: TaskFailureReason.MEMORY_LIMIT_EXCEEDED}
    assert ladder(started.api, greedy) == {3: ["smaller_batch", "fresh_process", "alone", None]}
    assert losses(started.api, greedy) == {"over_reservation": 4}
    started.check_the_kernel_killed_nobody()


def test_engines_that_die_and_hang_cost_the_page_they_were_at(confined: ConfinedServer, document: Path) -> None:
    faults = {"2": "sigkill", "5": "hang"}
    started = confined(500, faults=faults, TASKS__PAGE_TIMEOUT_SECONDS="4", **QUICK)
    task_id = started.api.submit(document, **FAULTY_ENGINE)
    settle(started, task_id)
    assert failures(started.api, task_id) == {2: TaskFailureReason.WORKER_CRASHED, 5: TaskFailureReason.TIMEOUT}
    assert started.api.task(task_id).progress.pages_done == PAGES - 2
    assert losses(started.api, task_id) == {"crash": 2, "hang": 2}, started.server.log
    started.check_the_kernel_killed_nobody()


def test_a_document_that_kills_every_worker_is_quarantined_and_not_tried_again(
    confined: ConfinedServer, document: Path
) -> None:
    started = confined(500, faults=dict.fromkeys("456", "sigkill"), **QUICK)
    killer = started.api.submit(document, pages="4-6", **FAULTY_ENGINE)
    others = [started.api.submit(document, pages="1-3", **FAULTY_ENGINE) for _ in range(2)]
    settle(started, killer, *others)
    assert [started.api.task(task_id).status for task_id in others] == [TaskStatus.SUCCEEDED] * 2
    assert failures(started.api, killer) == dict.fromkeys((4, 5, 6), TaskFailureReason.WORKER_CRASHED)
    assert losses(started.api, killer) == {"crash": 6}
    again = started.api.submit(document, pages="4-7", **FAULTY_ENGINE)
    settle(started, again)
    states = {page.number: page.state for page in started.api.pages(again)}
    assert states == {4: PageState.FAILED, 5: PageState.FAILED, 6: PageState.FAILED, 7: PageState.DONE}
    assert losses(started.api, again) == {}
    started.check_the_kernel_killed_nobody()
