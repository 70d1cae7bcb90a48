"""How tasks share the workers, and what becomes of workers and tasks that nobody wants."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, Gate, faulty_server, until

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered_scan(tmp_path_factory.mktemp("documents") / "long.pdf", 20)


def sequences(api: Api, task_id: str) -> list[int]:
    """When its pages were done, as places in the log of all tasks."""
    return [event.sequence for event in api.events(task_id) if event.event_type is TaskEvent.PAGE_DONE]


def test_a_long_document_is_worked_by_several_workers_at_once(tmp_path: Path, long: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"1": gate.fault}, POOL__SERVICES_PER_DEVICE="2") as server:
        api = server.api
        task_id = api.submit(long, **FAULTY_ENGINE)
        gate.wait_until_reached()
        until(lambda: api.task(task_id).progress.pages_done == 16)
        states = {page.number: page.state for page in api.pages(task_id)}
        assert [number for number, state in states.items() if state is PageState.LEASED] == [1, 2, 3, 4]
        gate.open()
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        resources = [
            str(event.details["service_instance_id"])
            for event in api.events(task_id)
            if event.event_type is TaskEvent.RESOURCE_ACQUIRED
        ]
        assert len({resource.rpartition("/")[0] for resource in resources}) == 2


def test_two_documents_take_turns(tmp_path: Path, long: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"1": gate.fault}) as server:
        api = server.api
        first = api.submit(long, **FAULTY_ENGINE)
        gate.wait_until_reached()
        second = api.submit(long, pages="1-8", **FAULTY_ENGINE)
        until(lambda: api.task(second).status is TaskStatus.RUNNING)
        gate.open()
        api.wait_for_end(first)
        api.wait_for_end(second)
        long_ones, short_ones = sequences(api, first), sequences(api, second)
        assert (len(long_ones), len(short_ones)) == (20, 8)
        after_the_short_one = [sequence for sequence in long_ones if sequence > short_ones[-1]]
        between = [sequence for sequence in long_ones if short_ones[0] < sequence < short_ones[-1]]
        assert len(after_the_short_one) >= 8
        assert len(between) == 4


def test_cancelling_stops_within_a_page_and_keeps_what_is_finished(tmp_path: Path, long: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"3": gate.fault}) as server, ThreadPoolExecutor() as threads:
        api = server.api
        task_id = api.submit(long, **FAULTY_ENGINE)
        gate.wait_until_reached()
        cancelling = threads.submit(api.http.delete, f"/tasks/{task_id}")
        until(lambda: api.task(task_id).status is TaskStatus.CANCELLING)
        gate.open()
        assert cancelling.result(30).status_code == 202
        task = api.wait_until_clean(task_id)
        assert task.status is TaskStatus.CANCELLED
        states = {page.number: page.state for page in api.pages(task_id)}
        assert [number for number, state in states.items() if state is PageState.DONE] == [1, 2]
        assert {state for number, state in states.items() if number > 2} == {PageState.CANCELLED}
        first, second, *others, end = api.text(task_id).split("\f")
        assert (first, second, end) == ("page 1\n", "page 2\n", "")
        assert len(others) == len(states) - 2
        assert all(f"[Page {number} was not read:" in other for number, other in enumerate(others, 3))
        assert all("(cancelled)" in other for other in others)
        kinds = [event.event_type for event in api.events(task_id)]
        assert kinds.count(TaskEvent.CANCEL_REQUESTED) == 1
        assert api.http.post(f"/tasks/{task_id}/cancel").status_code == 202
        assert api.read(long, pages="1", **FAULTY_ENGINE).status is TaskStatus.SUCCEEDED
        assert api.http.delete(f"/tasks/{task_id}").status_code == 204
        assert len(list((server.data / "uploads").iterdir())) == 1


def test_a_full_queue_says_when_to_come_back(tmp_path: Path, long: Path, gate: Gate) -> None:
    limits = {"TASKS__MAX_QUEUE_SIZE": "2", "TASKS__MAX_RUNNING": "1"}
    with faulty_server(tmp_path / "data", {"1": gate.fault}, **limits) as server:
        api = server.api
        running = api.submit(long, pages="1", **FAULTY_ENGINE)
        gate.wait_until_reached()
        queued = [api.submit(long, pages="2", **FAULTY_ENGINE) for _ in range(2)]
        refused = api.post(long, **FAULTY_ENGINE)
        assert (refused.status_code, refused.json()["code"], refused.json()["retryable"]) == (429, "queue_full", True)
        assert int(refused.headers["retry-after"]) >= 1
        assert len(list((server.data / "uploads").iterdir())) == 3
        assert len(api.http.get("/tasks").json()["tasks"]) == 3
        metrics = api.http.get("/tasks/metrics").json()
        assert (metrics["active_tasks"]["total"], metrics["queued_tasks"]["total"]) == (1, 2)
        assert api.http.post(f"/tasks/{queued[0]}/cancel").json()["status"] == "cancelled"
        again = api.submit(long, pages="3", **FAULTY_ENGINE)
        gate.open()
        statuses = [api.wait_for_end(task_id).status for task_id in (running, *queued, again)]
        assert statuses == ["succeeded", "cancelled", "succeeded", "succeeded"]
        assert all(api.wait_until_clean(task_id).resource_cleanup_completed for task_id in (running, *queued, again))


def test_a_running_task_is_not_started_again(tmp_path: Path, long: Path, gate: Gate) -> None:
    with faulty_server(tmp_path / "data", {"1": gate.fault}) as server:
        api = server.api
        task_id = api.submit(long, pages="1", **FAULTY_ENGINE)
        gate.wait_until_reached()
        refused = api.http.post(f"/tasks/{task_id}/start")
        assert (refused.status_code, refused.json()["code"]) == (409, "illegal_transition")
        gate.open()
        assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED


def test_idle_workers_leave_and_come_back(tmp_path: Path, long: Path) -> None:
    with faulty_server(tmp_path / "data", {}, POOL__IDLE_TIMEOUT_SECONDS="1") as server:
        api = server.api
        api.read(long, pages="1", **FAULTY_ENGINE)
        workers = server.workers
        assert workers
        until(lambda: server.workers == [])
        assert api.http.get("/readyz").status_code == 200
        assert api.read(long, pages="2", **FAULTY_ENGINE).status is TaskStatus.SUCCEEDED
        assert not set(server.workers) & set(workers)
