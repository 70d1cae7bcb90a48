"""Several servers on one PostgreSQL, one of which dies; and PostgreSQL itself restarted under load."""

import signal
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import FAULTY_ENGINE, PATIENCE_S, Api, Gate, faulty_server, until

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus

PAGES = 12
RESCUED_WITHIN_S = 5
"""What is promised, whatever the lease; it takes milliseconds."""


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    yield postgres_server.create("servers")
    postgres_server.drop("servers")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return make_numbered_scan(tmp_path / "scan.pdf", PAGES)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def check_read_once(api: Api, task_id: str) -> None:
    assert api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
    done = [event.details["page"] for event in api.events(task_id) if event.event_type is TaskEvent.PAGE_DONE]
    assert Counter(done) == dict.fromkeys(range(1, PAGES + 1), 1)
    assert api.text(task_id) == "".join(f"page {number}\n\f" for number in range(1, PAGES + 1))
    assert not any(page.attempts or page.crashes for page in api.pages(task_id))


def test_the_pages_of_a_killed_server_are_read_by_the_other(
    tmp_path: Path, database: str, document: Path, gate: Gate, postgres_server: PostgresServer
) -> None:
    data, settings = tmp_path / "data", {"DATABASE_URL": database, "TASKS__LEASE_SECONDS": "60"}
    with faulty_server(data, {"6": gate.fault}, **settings, NODE__MACHINE_ID="first") as first:
        task_id = first.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        with faulty_server(data, {}, **settings, NODE__MACHINE_ID="second") as second:
            until(lambda: second.api.pages(task_id)[-1].state is PageState.DONE)  # both are at it
            until(lambda: is_watched(postgres_server))
            first.end(signal.SIGKILL)
            until(lambda: 6 in pages_rescued(second.api, task_id), within=RESCUED_WITHIN_S)
            check_read_once(second.api, task_id)


def test_a_second_node_on_one_machine_is_refused(tmp_path: Path, database: str) -> None:
    with faulty_server(tmp_path / "first", {}, DATABASE_URL=database):
        second = faulty_server(tmp_path / "second", {}, DATABASE_URL=database)
        assert second.process.wait(PATIENCE_S) != 0
        second.end(signal.SIGTERM)
        assert "Another Pagemill server on this machine reads pages of this database" in second.log


def is_watched(postgres_server: PostgresServer) -> bool:
    """Whether each of two servers waits for the lock of the other."""
    with psycopg.connect(postgres_server.url("servers")) as connection:
        found = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return found.fetchone() == (2,)


def pages_rescued(api: Api, task_id: str) -> set[object]:
    """Pages whose holder was lost."""
    retried = [event for event in api.events(task_id) if event.event_type is TaskEvent.PAGE_RETRIED]
    return {event.details["page"] for event in retried if event.details["cause"] == "lease_lost"}


def test_one_server_cancels_what_another_works_on(tmp_path: Path, database: str, document: Path, gate: Gate) -> None:
    data, settings = tmp_path / "data", {"DATABASE_URL": database, "TASKS__LEASE_SECONDS": "600"}
    with faulty_server(data, {"1": gate.fault}, **settings, NODE__MACHINE_ID="first") as first:
        task_id = first.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        with faulty_server(data, {}, **settings, NODE__MACHINE_ID="second") as second:
            second.api.http.post(f"/tasks/{task_id}/cancel")
            until(lambda: second.api.task(task_id).status is TaskStatus.CANCELLED, within=20)
            assert second.api.pages(task_id)[0].state is PageState.CANCELLED
            cancelled = [event for event in first.api.events(task_id) if event.event_type is TaskEvent.CANCEL_REQUESTED]
            assert len(cancelled) == 1
        gate.open()


def test_nothing_is_lost_when_postgresql_is_restarted_under_load(
    tmp_path: Path, database: str, document: Path, gate: Gate, postgres_server: PostgresServer
) -> None:
    with faulty_server(tmp_path / "data", {"6": gate.fault}, DATABASE_URL=database) as server:
        tasks = [server.api.submit(document, **FAULTY_ENGINE) for _ in range(3)]
        gate.wait_until_reached()
        postgres_server.stop()
        try:
            gate.open()  # a page is finished while there is nobody to tell
            answer = server.api.http.get(f"/tasks/{tasks[0]}")
            assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert (answer.json()["code"], answer.json()["retryable"]) == ("database_unavailable", True)
            assert server.api.post(document, **FAULTY_ENGINE).status_code == HTTPStatus.SERVICE_UNAVAILABLE
            assert server.api.http.get("/livez").status_code == HTTPStatus.OK
            assert server.api.http.get("/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        finally:
            postgres_server.start()
        until(lambda: server.api.http.get("/readyz").status_code == HTTPStatus.OK)
        for task_id in tasks:
            check_read_once(server.api, task_id)
