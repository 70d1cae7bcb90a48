"""A real server that is stopped for longer than its limits, as a laptop is that sleeps, and then goes on."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Gate, Server, faulty_server, until

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus

LIMIT_S = 1.5
LIMITS = {"TASKS__PAGE_TIMEOUT_SECONDS": str(LIMIT_S), "TASKS__RETRY__FIRST_DELAY_SECONDS": "0.1"}
STOPPED_S = 2 * LIMIT_S
PAGES = 3


@contextmanager
def stop_server(server: Server) -> Iterator[None]:
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
        time.sleep(STOPPED_S)
    finally:
        server.process.send_signal(signal.SIGCONT)


def causes(server: Server, task_id: str) -> list[object]:
    return [event.details["cause"] for event in server.api.events(task_id) if event.event_type is TaskEvent.WORKER_LOST]


@pytest.mark.parametrize("lease_s", ["20", "1"])
def test_what_was_read_meanwhile_counts_and_is_read_once(lease_s: str, tmp_path: Path) -> None:
    """Neither the page's time nor its lease, which both ran out meanwhile, takes the page from its worker."""
    gate, tally = Gate(tmp_path / "gate"), tmp_path / "tally"
    faults = {"2": gate.fault, "every": f"tally:{tally}"}
    limits = {**LIMITS, "TASKS__LEASE_SECONDS": lease_s}
    with faulty_server(tmp_path / "data", faults, **limits) as server:
        task_id = server.api.submit(make_numbered_scan(tmp_path / "scan.pdf", PAGES), **FAULTY_ENGINE)
        gate.wait_until_reached()
        with stop_server(server):
            gate.open()
        task = server.api.wait_until_clean(task_id)
        assert task.status is TaskStatus.SUCCEEDED, server.log
        assert causes(server, task_id) == [], server.log
        assert {(page.attempts, page.crashes) for page in server.api.pages(task_id)} == {(0, 0)}
        assert tally.stat().st_size == PAGES, "each page is read once"


def test_a_worker_that_hangs_is_ended_all_the_same(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"2": gate.fault, "3": "hang"}, **LIMITS) as server:
        task_id = server.api.submit(make_numbered_scan(tmp_path / "scan.pdf", PAGES), **FAULTY_ENGINE)
        gate.wait_until_reached()
        with stop_server(server):
            gate.open()
        until(lambda: "hang" in causes(server, task_id))
        task = server.api.wait_until_clean(task_id)
        assert task.status is TaskStatus.PARTIALLY_SUCCEEDED, server.log
        assert [page.number for page in server.api.pages(task_id) if page.failure] == [3]
