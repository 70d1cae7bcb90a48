"""GPU memory runs out: down the ladder, rung by rung, to the CPU. The GPU is one the machine only says it has."""

import json
import sys
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.faults.service_memory import gpu_server
from tests.fixtures.server import FAULTY_ENGINE, Server

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus


def test_a_page_that_does_not_fit_on_the_gpu_is_read_on_the_cpu(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 2)
    settings = {"ENGINES": json.dumps({"faulty": {"cuda": "memory_error"}}), "POOL__SERVICES_PER_DEVICE": "1"}
    command = (sys.executable, gpu_server.__file__)
    with Server(tmp_path / "data", settings=settings, command=command) as server:
        task = server.api.wait_until_clean(server.api.submit(document, pages="1", device="cuda:0", **FAULTY_ENGINE))
        events = server.api.events(task.task_id)
        climbed = [
            (event.details["device"], event.details["rung"], event.details["next_rung"])
            for event in events
            if event.event_type is TaskEvent.OOM_RECOVERY
        ]
        assert climbed == [
            ("cuda:0", "usual", "smaller_batch"),
            ("cuda:0", "smaller_batch", "fresh_process"),
            ("cuda:0", "fresh_process", "alone"),
            ("cuda:0", "alone", "other_device"),
        ]
        assert (task.status, task.assigned_device) == (TaskStatus.SUCCEEDED, "cuda:0"), server.log
        assert server.api.text(task.task_id) == "page 1\n\f"
        devices = server.api.http.get("/tasks/metrics").json()["memory_by_device"]
        assert set(devices) == {"cpu", "cuda:0"}
