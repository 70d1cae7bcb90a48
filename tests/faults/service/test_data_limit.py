"""A limit on the private data of workers, where one is set: what exceeds it fails in the worker, which lives on."""

from pathlib import Path

import pytest
from tests.data import make_pages
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Server, faulty_server

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus


def test_an_engine_that_allocates_without_end_fails_on_its_page_and_no_worker_is_lost(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 2)
    with faulty_server(tmp_path / "data", {"2": "allocate"}, POOL__WORKER_DATA_LIMIT_MB="60") as server:
        task = server.api.wait_until_clean(server.api.submit(document, **FAULTY_ENGINE))
        assert task.status is TaskStatus.PARTIALLY_SUCCEEDED, server.log
        first, second = server.api.pages(task.task_id)
        assert first.state is PageState.DONE
        assert second.failure is not None
        assert second.failure.reason is TaskFailureReason.OUT_OF_MEMORY
        events = server.api.events(task.task_id)
        assert TaskEvent.WORKER_LOST not in {event.event_type for event in events}


@pytest.mark.parametrize("engine", ["rapidocr", "rapidocr-onnx"])
def test_engines_read_within_it(engine: str, tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    make_pages.text_page().save(page)
    with Server(tmp_path / "data", settings={"POOL__WORKER_DATA_LIMIT_MB": "1500"}) as server:
        task = server.api.wait_until_clean(server.api.submit(page, engine=engine))
        assert task.status is TaskStatus.SUCCEEDED, server.log
        assert "Memory is reserved" in server.api.text(task.task_id)
