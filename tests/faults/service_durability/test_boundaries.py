"""SIGKILL at every page boundary of a document: no page that was done is read again, and the result is the same."""

import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, Gate, Server, faulty_server

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus

PAGES = 12
IN_FLIGHT = 4
"""Pages a worker is given at once."""
AS_READ = "".join(f"page {number}\n\f" for number in range(1, PAGES + 1))


class Boundaries:
    """A document each page of which waits to be let through, and a count of all that was read of it."""

    def __init__(self, folder: Path) -> None:
        self.document = make_numbered_scan(folder / "scan.pdf", PAGES)
        self.gates = {number: Gate(folder / f"gate-{number}") for number in range(1, PAGES + 1)}
        self._tally = folder / "tally"

    @property
    def faults(self) -> Mapping[str, str]:
        return {"every": f"tally:{self._tally}"} | {str(number): gate.fault for number, gate in self.gates.items()}

    @property
    def read(self) -> int:
        """How often a page was begun."""
        return self._tally.stat().st_size


@pytest.fixture
def boundaries(tmp_path: Path) -> Boundaries:
    return Boundaries(tmp_path)


def _workers(server: Server) -> list[int]:
    return [worker.pid for worker in server.workers]


def check_read_once(api: Api, task_id: str) -> None:
    assert api.wait_until_clean(task_id).status is TaskStatus.SUCCEEDED
    done = [event.details["page"] for event in api.events(task_id) if event.event_type is TaskEvent.PAGE_DONE]
    assert Counter(done) == dict.fromkeys(range(1, PAGES + 1), 1)
    assert api.text(task_id) == AS_READ


@pytest.mark.timeout(300)
def test_the_server_is_killed_at_every_page(tmp_path: Path, boundaries: Boundaries) -> None:
    task_id = ""
    for gate in boundaries.gates.values():
        with faulty_server(tmp_path / "data", boundaries.faults) as server:
            task_id = task_id or server.api.submit(boundaries.document, **FAULTY_ENGINE)
            gate.wait_until_reached()
            server.end(signal.SIGKILL)
        gate.open()
    with faulty_server(tmp_path / "data", boundaries.faults) as server:
        check_read_once(server.api, task_id)
        pages = server.api.pages(task_id)
        assert not any(page.attempts or page.crashes for page in pages)
        assert boundaries.read - PAGES <= PAGES * IN_FLIGHT  # at each kill only what a worker held could be lost
        events = server.api.events(task_id)
        rescued = [event for event in events if event.event_type is TaskEvent.PAGE_RETRIED]
        assert len(rescued) <= PAGES * IN_FLIGHT


def test_the_worker_is_killed_at_every_page(tmp_path: Path, boundaries: Boundaries) -> None:
    with faulty_server(tmp_path / "data", boundaries.faults) as server:
        task_id = server.api.submit(boundaries.document, start="false", **FAULTY_ENGINE)
        readers = _workers(server)
        server.api.http.post(f"/tasks/{task_id}/start")
        for gate in boundaries.gates.values():
            gate.wait_until_reached()
            (worker,) = (each for each in server.workers if each.pid not in readers)
            worker.kill()
            gate.open()
        check_read_once(server.api, task_id)
        pages = server.api.pages(task_id)
        assert [(page.attempts, page.crashes) for page in pages] == [(0, 1)] * PAGES
        assert boundaries.read == 2 * PAGES


def test_a_server_told_to_end_does_so_within_its_limit_though_a_worker_will_not(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", PAGES)
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"5": gate.fault, "6": "stubborn"}) as server:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        gate.open()
        assert server.end(signal.SIGTERM) == 0
    with faulty_server(tmp_path / "data", {}) as server:
        check_read_once(server.api, task_id)
        assert not any(page.attempts or page.crashes for page in server.api.pages(task_id))
