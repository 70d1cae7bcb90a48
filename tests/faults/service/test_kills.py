"""Whatever is killed, the document is read to its end, and what was finished is not read again."""

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, Gate, Server, faulty_server

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus

PAGES = 12
LONG_LEASES = {"TASKS__LEASE_SECONDS": "3600"}
"""So that pages of a dead server are not free by themselves."""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered_scan(tmp_path_factory.mktemp("documents") / "scan.pdf", PAGES)


def pages_of_events(api: Api, task_id: str, kind: TaskEvent) -> list[object]:
    """The pages of all events of that kind, in order."""
    return [event.details.get("page") for event in api.events(task_id) if event.event_type is kind]


def check_every_page_was_read_once(api: Api, task_id: str) -> None:
    assert Counter(pages_of_events(api, task_id, TaskEvent.PAGE_DONE)) == dict.fromkeys(range(1, PAGES + 1), 1)
    assert api.text(task_id) == "".join(f"page {number}\n\f" for number in range(1, PAGES + 1))


def check_resources_were_released(api: Api, task_id: str) -> None:
    task = api.wait_until_clean(task_id)
    events = [(event.event_type, event.details.get("service_instance_id")) for event in api.events(task_id)]
    acquired = [resource for kind, resource in events if kind is TaskEvent.RESOURCE_ACQUIRED]
    released = [resource for kind, resource in events if kind is TaskEvent.RESOURCE_RELEASED]
    assert sorted(map(str, acquired)) == sorted(map(str, released))
    assert task.service_instance_id in acquired
    kinds = [kind for kind, _ in events]
    assert kinds.count(TaskEvent.CLEANUP_STARTED) == kinds.count(TaskEvent.CLEANUP_COMPLETED) == 1
    assert kinds[-1] is TaskEvent.CLEANUP_COMPLETED


def test_a_killed_worker_costs_the_page_it_held(tmp_path: Path, document: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"6": gate.fault}) as server:
        api = server.api
        task_id = api.submit(document, start="false", **FAULTY_ENGINE)
        readers = server.workers
        api.http.post(f"/tasks/{task_id}/start")
        gate.wait_until_reached()
        (worker,) = (each for each in server.workers if each not in readers)
        worker.kill()
        gate.open()
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        check_every_page_was_read_once(api, task_id)
        assert {page.number for page in api.pages(task_id) if page.crashes} <= {6}
        assert not any(page.attempts for page in api.pages(task_id))
        assert (
            pages_of_events(api, task_id, TaskEvent.WORKER_LOST)
            == pages_of_events(api, task_id, TaskEvent.PAGE_RETRIED)
            == [6]
        )
        check_resources_were_released(api, task_id)


def test_workers_killed_while_they_load_cost_their_pages_nothing(tmp_path: Path, document: Path, gate: Gate) -> None:
    """Twice in a row: the third worker reads all, each page at its first attempt."""
    with faulty_server(tmp_path / "data", {"load": gate.fault}) as server:
        api = server.api
        task_id = api.submit(document, start="false", **FAULTY_ENGINE)
        readers = server.workers
        api.http.post(f"/tasks/{task_id}/start")
        for _ in range(2):
            gate.wait_until_reached()
            (tmp_path / "gate.reached").unlink()
            for worker in server.workers:
                if worker not in readers:
                    worker.kill()
        gate.wait_until_reached()
        gate.open()
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        check_every_page_was_read_once(api, task_id)
        assert not any(page.attempts or page.crashes for page in api.pages(task_id))
        assert pages_of_events(api, task_id, TaskEvent.PAGE_RETRIED) == []


def test_a_killed_server_takes_its_workers_along_and_goes_on_where_it_was(
    tmp_path: Path, document: Path, gate: Gate
) -> None:
    with faulty_server(tmp_path / "data", {"6": gate.fault}, **LONG_LEASES) as server:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        before = {page.number: page.finished_at for page in server.api.pages(task_id) if page.state is PageState.DONE}
        assert sorted(before) == [1, 2, 3, 4, 5]
        assert len(server.workers) == 2
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
    gate.open()
    with faulty_server(tmp_path / "data", {}, **LONG_LEASES) as server:
        api = server.api
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        check_every_page_was_read_once(api, task_id)
        after = {page.number: page.finished_at for page in api.pages(task_id)}
        assert {number: after[number] for number in before} == before
        assert not any(page.attempts or page.crashes for page in api.pages(task_id))
        assert api.wait_until_clean(task_id).resource_cleanup_completed
        undisturbed = api.read(document, **FAULTY_ENGINE)
        assert api.text(undisturbed.task_id) == api.text(task_id)


def test_a_terminated_server_gives_pages_back_and_answers_who_waits(tmp_path: Path, document: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"6": gate.fault}) as server, ThreadPoolExecutor() as threads:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        waiting = threads.submit(server.api.http.get, f"/tasks/{task_id}", headers={"Prefer": "wait=60"})
        server.api.task(task_id)
        server.process.send_signal(signal.SIGTERM)
        assert waiting.result(10).json()["status"] == "running"
        gate.open()
        assert server.end(signal.SIGTERM) == 0
    with faulty_server(tmp_path / "data", {}) as server:
        api = server.api
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        check_every_page_was_read_once(api, task_id)
        assert pages_of_events(api, task_id, TaskEvent.PAGE_RETRIED) == []
        assert not any(page.attempts or page.crashes for page in api.pages(task_id))
        check_resources_were_released(api, task_id)


def test_a_page_that_hangs_and_one_that_kills_are_given_up_and_the_others_delivered(
    tmp_path: Path, document: Path
) -> None:
    faults = {"2": "hang", "5": "sigkill", "7": "raise"}
    quick = {"TASKS__PAGE_TIMEOUT_SECONDS": "1", "TASKS__RETRY__FIRST_DELAY_SECONDS": "0.01"}
    with faulty_server(tmp_path / "data", faults, **quick) as server:
        api = server.api
        task = api.wait_until_clean(api.submit(document, **FAULTY_ENGINE))
        assert task.status is TaskStatus.PARTIALLY_SUCCEEDED
        assert (task.progress.pages_done, task.progress.pages_failed) == (PAGES - 3, 3)
        failed = {page.number: page for page in api.pages(task.task_id) if page.failure}
        assert {number: page.failure.reason for number, page in failed.items() if page.failure} == {
            2: TaskFailureReason.TIMEOUT,
            5: TaskFailureReason.WORKER_CRASHED,
            7: TaskFailureReason.ENGINE_ERROR,
        }
        assert {number: (page.crashes, page.attempts) for number, page in failed.items()} == {
            2: (2, 0),
            5: (2, 0),
            7: (0, 3),
        }
        text = api.text(task.task_id)
        assert [f"page {number}\n" in text for number in (1, 3, 4, 6, 8, 12)] == [True] * 6
        assert "page 5" in text.lower()
        check_resources_were_released(api, task.task_id)
        assert api.http.get("/readyz").status_code == 200


def test_an_engine_that_cannot_be_loaded_fails_the_task_and_says_so(tmp_path: Path, document: Path) -> None:
    with faulty_server(tmp_path / "data", {"load": "raise"}, TASKS__RETRY__FIRST_DELAY_SECONDS="0.01") as server:
        task = server.api.wait_until_clean(server.api.submit(document, pages="1-2", **FAULTY_ENGINE))
        assert task.status is TaskStatus.FAILED
        assert task.failure is not None
        assert "could not be loaded" in task.failure.message
        assert server.api.http.get("/tasks/metrics").json()["pool_utilization"]["total"]["in_use"] == 0


def test_a_second_server_on_the_same_data_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with faulty_server(tmp_path / "data", {}):
        second = Server(tmp_path / "data")
        assert second.end(signal.SIGCONT) == 2
        last = second.log.splitlines()[-1]
        assert last.startswith("pagemill: Another Pagemill server uses ")
        assert "Traceback" not in second.log
