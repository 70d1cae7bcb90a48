"""What is shown of the service and its engines."""

from datetime import timedelta

import pytest

from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.reports.engine_report import (
    EngineReport,
    LoadTime,
    MeasuredMemory,
    ModelSetReport,
    ProfileReport,
    WorkerMemory,
)
from pagemill.domain.reports.service_status import PoolUtilization, TaskHealth
from pagemill.domain.reports.snapshot import LaneSnapshot, ModelSetSnapshot, PoolSnapshot
from pagemill.domain.task.task import TaskStatus
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.wire.engine_wire import EngineListWire
from pagemill.wire.metrics_wire import PoolUtilizationWire
from pagemill.wire.task_wire import HealthWire

MODELS = ModelSetSnapshot(
    "worker-1", ModelSetKey("broad", "plain", (), CPU), 17, 1, timedelta(), 300 * MIB, MemoryNeed(512 * MIB)
)


def test_engines_are_told_with_what_they_take() -> None:
    figures = WorkerMemory(MemoryNeed(190 * MIB), MemoryNeed(400 * MIB + 1))
    measured = MeasuredMemory(MemoryNeed(180 * MIB), None, 0)
    profiles = (
        ProfileReport("plain", ("en", "zh"), (ModelSetReport(CPU, figures, figures, measured, LoadTime(2.5, 3)),)),
        ProfileReport("new", (), (ModelSetReport(CPU, figures, figures, None, None),)),
    )
    reports = (
        EngineReport("broad", "1.2", "", ("cpu", "cuda"), profiles, (MODELS,)),
        EngineReport("broken", "", "It lacks its spring. Wind it up.", ("cpu",), (), ()),
    )
    broad, broken = EngineListWire.of(reports).model_dump(mode="json")["engines"]
    assert (broad["name"], broad["version"], broad["usable"], broad["reason"]) == ("broad", "1.2", True, None)
    assert broad["device_kinds"] == ["cpu", "cuda"]
    assert [one["worker_id"] for one in broad["resident"]] == ["worker-1"]
    seen, unseen = broad["profiles"]
    assert seen["languages"] == ["en", "zh"]
    assert seen["devices"] == [
        {
            "device": "cpu",
            "seed": {"idle_mb": 190, "page_mb": 401},
            "estimate": {"idle_mb": 190, "page_mb": 401},
            "measured": {"idle_mb": 180, "page_mb": None, "pages": 0},
            "load_time": {"seconds": 2.5, "loads": 3},
        }
    ]
    assert (unseen["devices"][0]["measured"], unseen["devices"][0]["load_time"]) == (None, None)
    assert (broken["version"], broken["usable"]) == (None, False)
    assert broken["reason"] == "It lacks its spring. Wind it up."


def test_the_use_of_the_pool_is_told_by_device_and_by_engine() -> None:
    pool = PoolSnapshot((LaneSnapshot(CPU, CPU, 4, 1),), (MODELS,))
    assert PoolUtilizationWire.show(PoolUtilization.of(pool)).model_dump(mode="json") == {
        "total": {"capacity": 4, "in_use": 1, "utilization": 0.25},
        "by_device": {"cpu": {"capacity": 4, "in_use": 1, "utilization": 0.25}},
        "readers": {"capacity": 0, "in_use": 0, "utilization": 0.0},
        "by_engine": {"broad": {"capacity": 1, "in_use": 1, "utilization": 1.0}},
    }


def test_the_health_of_a_task_is_told_with_its_warnings() -> None:
    health = TaskHealth(TaskStatus.RUNNING, 512, 1.5, CPU, ("Pages were tried again 1 times.",))
    assert HealthWire.show(health).model_dump(mode="json") == {
        "status": "running",
        "memory_usage_mb": 512,
        "processing_time_s": 1.5,
        "device": "cpu",
        "warnings": ["Pages were tried again 1 times."],
    }


def test_a_field_that_a_form_does_not_have_cannot_be_given() -> None:
    health = TaskHealth(TaskStatus.RUNNING, 512, 1.5, CPU)
    with pytest.raises(TypeError, match="HealthWire has no field devise"):
        HealthWire.show(health, devise=CPU)
