"""Fronts take requests, and nodes read pages: each without the other's part."""

import signal
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import AS_INSTALLED, FAULTY_ENGINE, PATIENCE_S, Gate, Server, faulty_server, until

from pagemill.domain.task.task import PageState, TaskStatus

PAGES = 6


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    yield postgres_server.create("roles")
    postgres_server.drop("roles")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return make_numbered_scan(tmp_path / "scan.pdf", PAGES)


def test_a_front_without_engines_takes_what_a_node_reads(tmp_path: Path, database: str, document: Path) -> None:
    data = tmp_path / "data"
    with faulty_server(data, {}, role="front", DATABASE_URL=database) as front:
        refused = front.api.post(document, **FAULTY_ENGINE)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "No node that is alive has the engine faulty" in refused.text
        with faulty_server(data, {}, role="node", DATABASE_URL=database) as node:
            until(lambda: front.api.http.get("/tasks/metrics").json()["nodes"] != [])
            until(lambda: front.api.post(document, **FAULTY_ENGINE).is_success)
            task_id = front.api.http.get("/tasks").json()["tasks"][0]["task_id"]
            assert front.api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
            assert front.api.text(task_id) == "".join(f"page {number}\n\f" for number in range(1, PAGES + 1))
            (seen,) = front.api.http.get("/tasks/metrics").json()["nodes"]
            assert (seen["state"], seen["is_this"], list(seen["engines"])) == ("live", False, ["faulty"])
            check_node(node)


def check_node(node: Server) -> None:
    """It answers probes and metrics, and nothing else."""
    for path in ("/livez", "/readyz", "/metrics"):
        assert node.api.http.get(path).status_code == HTTPStatus.OK
    for path in ("/", "/tasks", "/tasks/metrics", "/status", "/engines", "/dashboard"):
        assert node.api.http.get(path).status_code == HTTPStatus.NOT_FOUND
    assert node.api.http.post("/tasks").status_code == HTTPStatus.NOT_FOUND


def test_what_a_front_took_waits_for_a_node_that_dies_and_its_successor_reads_it(
    tmp_path: Path, database: str, document: Path
) -> None:
    data, gate = tmp_path / "data", Gate(tmp_path / "gate")
    settings = {"DATABASE_URL": database, "TASKS__LEASE_SECONDS": "4"}
    with (
        faulty_server(data, {}, role="front", **settings) as front,
        faulty_server(data, {"3": gate.fault}, role="node", **settings) as node,
    ):
        until(lambda: front.api.post(document, **FAULTY_ENGINE).is_success)
        task_id = front.api.http.get("/tasks").json()["tasks"][0]["task_id"]
        gate.wait_until_reached()
        node.end(signal.SIGKILL)
        assert front.api.pages(task_id)[2].state is not PageState.DONE
        with faulty_server(data, {}, role="node", **settings):
            assert front.api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        done = [page for page in front.api.pages(task_id) if page.attempts or page.crashes]
        assert done == []


@pytest.mark.parametrize("role", ["front", "node"])
def test_on_sqlite_there_is_only_one_server(tmp_path: Path, role: str) -> None:
    server = Server(tmp_path / "data", command=AS_INSTALLED, role=role)
    assert server.process.wait(PATIENCE_S) != 0
    server.end(signal.SIGTERM)
    assert f"`pagemill {role}` works with other servers, and SQLite supports only one" in server.log
