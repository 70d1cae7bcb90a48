"""Before a caller is told that something was done, it is on the disk: seen in what the server asks of the system."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures import server as servers
from tests.fixtures.server import FAULTY_ENGINE, Api, Gate, Server
from tests.fixtures.syscalls import Happening, Kind, Trace

from pagemill.domain.task.task import TaskStatus

PAGES = 12
LOG = "pagemill.db-wal"


@dataclass(frozen=True)
class Site:
    """A traced server, and documents for it."""

    api: Api
    document: Path
    trace: Trace

    def store_task(self) -> str:
        """A task that was not started."""
        return self.api.submit(self.document, start="false", **FAULTY_ENGINE)

    def fail_task(self) -> str:
        """A task whose only page cannot be read."""
        task_id = self.api.submit(self.document, **FAULTY_ENGINE)
        assert self.api.wait_for_end(task_id).status is TaskStatus.FAILED
        return task_id

    def batch(self) -> str:
        """A batch that was not started."""
        return str(self.send("/batches", start="false").json()["batch_id"])

    def send(self, path: str, **fields: str) -> httpx.Response:
        files = [("file", (self.document.name, self.document.read_bytes()))]
        return self.api.http.post(path, files=files, data={**FAULTY_ENGINE, **fields})


Request = Callable[[Site], httpx.Response]

PROMISES: Mapping[str, Request] = {
    "POST /tasks": lambda site: site.send("/tasks"),
    "POST /batches": lambda site: site.send("/batches"),
    "POST /tasks/{task_id}/start": lambda site: site.api.http.post(f"/tasks/{site.store_task()}/start"),
    "POST /tasks/{task_id}/retry": lambda site: site.api.http.post(f"/tasks/{site.fail_task()}/retry"),
    "POST /tasks/{task_id}/cancel": lambda site: site.api.http.post(f"/tasks/{site.store_task()}/cancel"),
    "POST /batches/{batch_id}/cancel": lambda site: site.api.http.post(f"/batches/{site.batch()}/cancel"),
    "DELETE /tasks/{task_id}": lambda site: site.api.http.delete(f"/tasks/{site.store_task()}"),
    "DELETE /batches/{batch_id}": lambda site: site.api.http.delete(f"/batches/{site.batch()}"),
}
"""Every request that changes something."""


def traced_server(folder: Path, trace: Trace, faults: Mapping[str, str]) -> Server:
    settings = {
        "SERVER__PORT": "0",
        "POOL__SERVICES_PER_DEVICE": "1",
        "ENGINES": json.dumps({"faulty": dict(faults)}),
    }
    faulty_server = str(Path(servers.__file__).with_name("faulty_server.py"))
    return Server(folder / "data", settings=settings, command=trace.of(sys.executable, faulty_server))


def before_the_answer(happenings: list[Happening], request: str) -> list[Happening]:
    """What happened between the last request of that method and the answer to it."""
    method = request.partition(" ")[0]
    heard = [place for place, each in enumerate(happenings) if each.kind is Kind.HEARD and each.what.startswith(method)]
    since = happenings[heard[-1] :]
    answers = [place for place, each in enumerate(since) if each.kind is Kind.SAID]
    return since[: answers[0] + 1]


@pytest.mark.timeout(300)
def test_what_a_caller_is_told_is_on_the_disk(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "calls")
    document = make_numbered_scan(tmp_path / "scan.pdf", 1)
    with traced_server(tmp_path, trace, {"1": "fail:unreadable"}) as server:
        site = Site(server.api, document, trace)
        described = server.api.http.get("/openapi.json").json()["paths"]
        changing = {
            f"{method.upper()} {path}" for path, ways in described.items() for method in ways if method != "get"
        }
        assert changing == PROMISES.keys(), "say in PROMISES how to send them, and see what they sync"
        for request, send in PROMISES.items():
            answer = send(site)
            assert answer.is_success, (request, answer.text)
            check_promise(before_the_answer(trace.happenings(), request), request, tmp_path / "data")


def check_promise(happened: list[Happening], request: str, data: Path) -> None:
    synced = [each.what for each in happened if each.kind is Kind.SYNCED]
    log = str(data / LOG)
    assert log in synced, f"{request} was answered before the database was on the disk"
    if request in ("POST /tasks", "POST /batches"):
        (document,) = [path for path in synced if Path(path).parent == data / "uploads"]
        in_order = [document, str(data / "uploads"), log]
        assert [path for path in synced if path in in_order][:3] == in_order
    if request.startswith("DELETE"):
        removed = [place for place, each in enumerate(happened) if each.kind is Kind.REMOVED]
        assert removed, "its document was not removed"
        assert happened.index(Happening(Kind.SYNCED, log)) < removed[0], "a task might come back without its document"


@pytest.mark.timeout(300)
def test_pages_that_can_be_read_again_cost_no_sync(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "calls")
    document = make_numbered_scan(tmp_path / "scan.pdf", PAGES)
    gate = Gate(tmp_path / "gate")
    with traced_server(tmp_path, trace, {"1": gate.fault}) as server:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        before = len(trace.happenings())
        gate.open()
        assert server.api.wait_for_end(task_id).status is TaskStatus.SUCCEEDED
        synced = [each for each in trace.happenings()[before:] if each.kind is Kind.SYNCED]
        assert len(synced) < PAGES


def test_the_data_folder_itself_is_found_again(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "calls")
    with traced_server(tmp_path / "new" / "folder", trace, {}):
        synced = {each.what for each in trace.happenings() if each.kind is Kind.SYNCED}
    new = tmp_path / "new"
    assert {str(path) for path in (tmp_path, new, new / "folder", new / "folder" / "data")} <= synced
