"""What Prometheus is shown: well-formed, in base units, bounded, and the same as the service's own metrics."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.fixtures.web_tasks import WebTasks

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, DeviceMemory, Drift, MemoryLevel, MemoryNeed
from pagemill.domain.reports.service_status import ServiceStatus
from pagemill.domain.reports.snapshot import LaneSnapshot, ModelSetSnapshot, PoolSnapshot, QueueSnapshot
from pagemill.domain.task.task import Rung, TaskStatus
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey, Stage
from pagemill.tasks.progress.work_counter import WorkCounter
from pagemill.web.prometheus import StatusCollector
from pagemill.web.uploads import UploadCounts

PDF = b"%PDF-1.7\n"
LABELS = {"state", "status", "outcome", "reason", "stage", "rung", "cause", "device", "lane", "le", "version"}
"""Every label has few values, and more documents do not make more of them."""
NO_BASE_UNITS = ("_ms", "_milliseconds", "_minutes", "_kb", "_mb", "_mib", "_percent")


async def families(client: httpx.AsyncClient) -> dict[str, Metric]:
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The one sample of that name and those labels."""
    samples = [each for family in families.values() for each in family.samples if each.name == name]
    (found,) = (each.value for each in samples if each.labels == labels)
    return found


async def test_every_family_is_named_typed_and_described_as_it_should_be(client: httpx.AsyncClient) -> None:
    for name, family in (await families(client)).items():
        assert name.startswith("pagemill"), name
        assert family.documentation, name
        assert family.type in ("gauge", "counter", "histogram"), name
        assert not name.endswith(NO_BASE_UNITS), name
        assert family.samples, name
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS, sample
            assert sample.value >= 0, sample
            if family.type == "counter":
                assert sample.name == f"{name}_total"
        if family.type != "counter":
            assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name


async def test_more_tasks_make_no_more_series(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    before = {name: len(family.samples) for name, family in (await families(client)).items()}
    for _ in range(5):
        task_id = (await client.post("/tasks", files={"file": PDF})).json()["task_id"]
        tasks.room.handlers.tally.worker_lost(LossCause.CRASH)
        tasks.room.handlers.tally.out_of_memory(None)
        tasks.room.handlers.tally.page_read(Stage.OCR, 1.0)
    assert {name: len(family.samples) for name, family in (await families(client)).items()} == before
    assert task_id not in (await client.get("/metrics")).text


async def test_rungs_have_the_same_names_in_the_status(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    rungs = [*list(Rung)[1:], None]
    for times, rung in enumerate(rungs, start=1):
        for _ in range(times):
            tasks.room.handlers.tally.out_of_memory(rung)
    in_status: dict[str, int] = (await client.get("/status")).json()["work"]["oom_recoveries"]
    samples = (await families(client))["pagemill_oom_recoveries"].samples
    assert {sample.labels["rung"]: sample.value for sample in samples} == in_status
    assert sorted(in_status.values()) == list(range(1, len(rungs) + 1))


@pytest.mark.parametrize(
    "file", ["docs/how-to/monitor.md", "deploy/prometheus/alerts.yaml", "deploy/grafana/pagemill.json"]
)
async def test_docs_alerts_and_dashboard_ask_for_what_is_there(file: str, client: httpx.AsyncClient) -> None:
    text = (Path(__file__).parents[3] / file).read_text().replace('\\"', '"')
    there = [sample for family in (await families(client)).values() for sample in family.samples]
    asked = re.findall(r"(pagemill_\w+)(?:\{(?:instance=~\"\$instance\",)?(\w+)=\"(\w+)\"\})?", text)
    assert [found for found in asked if found[1]]
    for name, label, value in asked:
        assert any(sample.name == name and (not label or sample.labels[label] == value) for sample in there), name


async def test_the_numbers_are_those_of_the_service(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    await client.post("/tasks", files={"file": PDF})
    await client.post("/tasks", files={"file": b"GIF"})
    tally = tasks.room.handlers.tally
    tally.page_retried()
    tally.page_given_up(TaskFailureReason.PAGE_UNREADABLE)
    tally.out_of_memory(Rung.SMALLER_BATCH)
    tally.worker_lost(LossCause.KERNEL_OOM)
    tasks.stores.clock.turn(timedelta(seconds=9))
    found = await families(client)
    assert value(found, "pagemill_tasks", status="queued") == 1
    assert value(found, "pagemill_tasks", status="expired") == 0
    assert value(found, "pagemill_backlog_pages") == 3
    assert value(found, "pagemill_queue_oldest_wait_seconds") == pytest.approx(9, abs=0.01)
    assert value(found, "pagemill_pages_total", outcome="retried") == 1
    assert value(found, "pagemill_pages_total", outcome="failed") == 1
    assert value(found, "pagemill_page_failures_total", reason="page_unreadable") == 1
    assert value(found, "pagemill_page_failures_total", reason="timeout") == 0
    assert value(found, "pagemill_oom_recoveries_total", rung="smaller_batch") == 1
    assert value(found, "pagemill_oom_recoveries_total", rung="given_up") == 0
    assert value(found, "pagemill_worker_losses_total", cause="kernel_oom") == 1
    assert value(found, "pagemill_uploads_in_progress") == 0
    assert value(found, "pagemill_uploads_total") == 2
    assert value(found, "pagemill_uploaded_bytes_total") == len(PDF) + len(b"GIF")
    metrics = (await client.get("/tasks/metrics")).json()
    limit_bytes = metrics["memory_by_device"]["cpu"]["limit_mb"] * MIB
    assert limit_bytes == value(found, "pagemill_memory_limit_bytes", device="cpu")


@pytest.mark.parametrize("unkillable", [False, True])
def test_memory_and_pool_are_shown_by_device_and_lane(unkillable: bool) -> None:
    key, other = (ModelSetKey("rapidocr", profile, (), CPU) for profile in ("accurate", "fast"))
    models = ModelSetSnapshot(
        "worker-1", key, 17, 1, timedelta(), 300 * MIB, MemoryNeed(512 * MIB), unkillable=unkillable
    )
    status = ServiceStatus(
        QueueSnapshot(1, 1, 7, timedelta(), 0.5),
        PoolSnapshot((LaneSnapshot(CPU, CPU, 4, 1),), (models,), 3, 900 * MIB),
        (DeviceMemory(CPU, 8192 * MIB, 1024 * MIB, 512 * MIB, MemoryLevel.SOFT),),
        WorkCounter().work_done(),
        60 * MIB,
        drifts={key: Drift(0.9, 0.8, 1.01, 40), other: Drift(0.9, 0.7, 0.95, 40)},
    )
    found = {family.name: family for family in StatusCollector(status, UploadCounts()).collect()}
    assert value(found, "pagemill_memory_limit_bytes", device="cpu") == 8192 * MIB
    assert value(found, "pagemill_memory_used_bytes", device="cpu") == 1024 * MIB
    assert value(found, "pagemill_memory_reserved_bytes", device="cpu") == 512 * MIB
    assert value(found, "pagemill_memory_level", device="cpu") == 1
    assert value(found, "pagemill_server_memory_bytes") == 60 * MIB
    assert value(found, "pagemill_estimate_ratio_p99", device="cpu") == 1.01
    assert value(found, "pagemill_estimate_ratio_median", device="cpu") == 0.7
    assert value(found, "pagemill_services_limit", lane="cpu") == 4
    assert value(found, "pagemill_services_in_use", lane="cpu") == 1
    assert value(found, "pagemill_model_sets", device="cpu") == 1
    assert value(found, "pagemill_workers_memory_bytes", device="cpu") == 300 * MIB
    assert value(found, "pagemill_workers_unkillable", device="cpu") == int(unkillable)
    assert value(found, "pagemill_unloads_total") == 3
    assert value(found, "pagemill_unloaded_bytes_total") == 900 * MIB


async def test_page_durations_are_a_histogram_of_each_stage(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    for seconds in (0.01, 0.011, 1.5, 1000.0):
        tasks.room.handlers.tally.page_read(Stage.OCR, seconds)
    found = await families(client)
    name = "pagemill_page_duration_seconds"
    assert value(found, f"{name}_bucket", stage="ocr", le="0.01") == 1
    assert value(found, f"{name}_bucket", stage="ocr", le="0.03") == 2
    assert value(found, f"{name}_bucket", stage="ocr", le="120.0") == 3
    assert value(found, f"{name}_bucket", stage="ocr", le="+Inf") == 4
    assert value(found, f"{name}_count", stage="ocr") == 4
    assert value(found, f"{name}_sum", stage="ocr") == pytest.approx(1001.521)
    assert value(found, f"{name}_count", stage="text") == 0
    assert value(found, "pagemill_pages_total", outcome="read") == 4


async def test_openmetrics_is_spoken_where_it_is_asked_for(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    for status in TaskStatus:
        assert f'pagemill_tasks{{status="{status}"}}' in response.text
