"""The engines that people use, when workers are killed and when promises are too small: their text is as always."""

import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.data import make_pages
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import Server, until

from pagemill import Session
from pagemill.domain.memory import MemoryNeed
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.engines.registry import engine_specs

PAGES = 12
MOST_IN_FLIGHT = 4
"""Pages of the one batch that the one worker has at a time."""


def test_a_document_survives_the_deaths_of_its_worker_and_of_its_server(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", PAGES)
    with Server(tmp_path / "data", settings={"POOL__SERVICES_PER_DEVICE": "1"}) as server:
        api = server.api
        undisturbed = api.read(document)
        readers_and_engine = server.workers
        task_id = api.submit(document)
        until(lambda: api.task(task_id).progress.pages_done >= 2)
        for worker in readers_and_engine:
            worker.kill()
        until(lambda: api.task(task_id).progress.pages_done >= 5)
        before = {page.number: page.finished_at for page in api.pages(task_id) if page.state is PageState.DONE}
        server.end(signal.SIGKILL)
    assert len(before) < PAGES, "the server was killed too late to show anything"
    with Server(tmp_path / "data", settings={"POOL__SERVICES_PER_DEVICE": "1"}) as server:
        api = server.api
        task = api.wait_until_clean(task_id)
        assert task.status is TaskStatus.SUCCEEDED
        assert api.text(task_id) == api.text(undisturbed.task_id)
        assert [str(100 + number) in api.text(task_id) for number in range(1, PAGES + 1)] == [True] * PAGES
        pages = {page.number: page for page in api.pages(task_id)}
        assert {number: pages[number].finished_at for number in before} == before
        assert sum(page.crashes for page in pages.values()) <= 1
        assert not any(page.attempts for page in pages.values())
        events = api.events(task_id)
        done = Counter(event.details["page"] for event in events if event.event_type is TaskEvent.PAGE_DONE)
        assert done == dict.fromkeys(range(1, PAGES + 1), 1)
        again = [event for event in events if event.event_type is TaskEvent.PAGE_RETRIED]
        assert len(again) <= 2 * MOST_IN_FLIGHT


@pytest.mark.parametrize("engine", ["rapidocr", "rapidocr-onnx"])
def test_a_page_that_needs_more_than_was_promised_is_read_once_more_is_promised(engine: str, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    page = make_pages.text_page(make_pages.ENGLISH * 8, width=4961, height=7016, size=90)
    page.convert("CMYK").save(sheet)  # twice what an idle worker holds, whichever figure of that it is promised
    spec = engine_specs()[engine]
    usual = spec.profiles[0]
    too_little = replace(usual, seed=replace(usual.seed, fixed=MemoryNeed(0), ram_per_pixel=0.0))
    with Session(engines={engine: replace(spec, profiles=(too_little,))}) as session:
        pages = session.ocr(sheet, engine=engine)
        assert pages.text.count("Memory is reserved") == 8
    taken = pages.receipt.rungs
    assert taken
    assert pages.receipt.workers_lost == {"over_reservation": len(taken)}
    assert (pages.receipt.reserved_mb or 0) >= max(rung.reached_mb for rung in taken)
