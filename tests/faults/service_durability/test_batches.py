"""Documents that were sent together, and a server that is killed while it reads them."""

import signal
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Gate, faulty_server, until

from pagemill.domain.task.task import TaskStatus

PAGES = 2


def test_a_batch_outlives_its_server(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", PAGES).read_bytes()
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"2": gate.fault}) as server:
        files = [("file", (name, document)) for name in ("first.pdf", "second.pdf", "third.pdf")]
        answer = server.api.http.post("/batches", files=files, data=FAULTY_ENGINE)
        assert answer.status_code == 202, answer.text
        gate.wait_until_reached()
        server.end(signal.SIGKILL)
    gate.open()
    with faulty_server(tmp_path / "data", {}) as server:
        batch = answer.headers["location"]
        until(lambda: TaskStatus(server.api.http.get(batch).json()["status"]).is_final)
        found = server.api.http.get(batch).json()
        assert (found["status"], found["tasks"]) == ("succeeded", {"succeeded": 3})
        assert found["progress"] == {"pages_total": 6, "pages_done": 6, "pages_failed": 0}
        tasks = server.api.http.get(f"{batch}/tasks").json()["tasks"]
        assert [task["document"]["name"] for task in tasks] == ["third.pdf", "second.pdf", "first.pdf"]
        assert {server.api.text(task["task_id"]) for task in tasks} == {"page 1\n\fpage 2\n\f"}
        assert server.api.http.delete(batch).status_code == 204
        until(lambda: list((tmp_path / "data" / "uploads").iterdir()) == [])
