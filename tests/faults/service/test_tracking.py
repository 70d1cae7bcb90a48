"""Memory of a running task is sampled, unless that is turned off."""

from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, Gate, faulty_server, until


def samples(api: Api, task_id: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = api.http.get(f"/tasks/{task_id}/metrics").json()["samples"]
    return found


def test_a_running_task_is_sampled_unless_tracking_is_off(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 1)
    gates = Gate(tmp_path / "on"), Gate(tmp_path / "off")
    with (
        faulty_server(tmp_path / "a", {"1": gates[0].fault}) as on,
        faulty_server(tmp_path / "b", {"1": gates[1].fault}, TASKS__ENABLE_RESOURCE_TRACKING="false") as off,
    ):
        untracked = off.api.submit(document, **FAULTY_ENGINE)
        gates[1].wait_until_reached()
        tracked = on.api.submit(document, **FAULTY_ENGINE)
        gates[0].wait_until_reached()
        until(lambda: len(samples(on.api, tracked)) >= 2)
        assert samples(off.api, untracked) == []
        (sample, *_) = samples(on.api, tracked)
        assert (sample["device"], sample["processing_stage"]) == ("cpu", "ocr")
        assert int(str(sample["memory_usage_mb"])) > 0
        for gate in gates:
            gate.open()
        on.api.wait_for_end(tracked)
        off.api.wait_for_end(untracked)
