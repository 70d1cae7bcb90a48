"""The whole service, with a worker that does not obey SIGKILL: the task ends, it is shown, and the server stops."""

import signal
from pathlib import Path

import psutil
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, PATIENCE_S, Gate, faulty_server, until
from tests.fixtures.unkillable import hold_process

from pagemill.domain.task.task import TaskStatus


def test_a_task_ends_although_its_worker_does_not(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 2)
    gate = Gate(tmp_path / "gate")
    limits = {"TASKS__PAGE_TIMEOUT_SECONDS": "2", "TASKS__RETRY__FIRST_DELAY_SECONDS": "0.1"}
    with faulty_server(tmp_path / "data", {"2": f"wait:{tmp_path / 'gate'}"}, **limits) as server:
        task_id = server.api.submit(document, **FAULTY_ENGINE)
        gate.wait_until_reached()
        (worker,) = (model["pid"] for model in models(server.api.http.get("/status").json()))
        with hold_process(worker):
            gate.open()
            until(
                lambda: [model["unkillable"] for model in models(server.api.http.get("/status").json())][:1] == [True]
            )
            task = server.api.wait_until_clean(task_id)
            assert task.status is TaskStatus.SUCCEEDED, server.log
            assert server.api.text(task_id).split() == ["page", "1", "page", "2"]
            assert 'pagemill_workers_unkillable{device="cpu"} 1.0' in server.api.http.get("/metrics").text
            warnings = server.api.http.get(f"/tasks/{task_id}/health").json()["warnings"]
            assert [str(worker) in warning for warning in warnings if "does not end" in warning] == [True]
            assert f"pid {worker}" in server.log
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(PATIENCE_S)
            assert psutil.pid_exists(worker), "the server waited for it within limits only"


def models(status: dict[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    """Those that recognise."""
    return [model for model in status["model_sets"] if str(model["model_set"]).startswith("faulty")]
