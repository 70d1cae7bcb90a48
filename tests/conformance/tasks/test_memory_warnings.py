"""What becomes of the guard's notices and of promises that were not kept, in the tasks' logs."""

from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores

from pagemill.domain.memory import CPU, MIB, LevelChanged, MemoryLevel, MemoryNeed, MemoryReading, OnLevel
from pagemill.domain.reports.snapshot import ModelSetSnapshot, PoolSnapshot
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.engines.registry import engine_specs
from pagemill.tasks.progress.event_handlers import ResourceUse, TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.work.memory_warnings import MemoryWarnings
from pagemill.testing.pool import FakeServicePool

READING = MemoryReading(CPU, 1000 * MIB, 850 * MIB, "test")


class PoolOfOne(FakeServicePool):
    """Its one model set is in use by the service "s"."""

    def snapshot(self) -> PoolSnapshot:
        key = ModelSetKey("rapidocr", "fast", (), CPU)
        return PoolSnapshot((), (ModelSetSnapshot("w", key, 1, 1, timedelta(), MIB, MemoryNeed(0), "s"),))


@pytest.fixture
def handlers(stores: Stores) -> TaskEventHandlers:
    watch = TaskWatch(stores.tasks)
    return TaskEventHandlers(resources=stores.resources, pages=stores.pages, events=stores.events, watch=watch)


async def warnings_of(stores: Stores, task_id: str) -> list[Details]:
    return [event.details for event in await stores.events.read(task_id, kinds=[TaskEvent.MEMORY_WARNING])]


async def test_those_at_work_are_told_when_memory_runs_short(stores: Stores, handlers: TaskEventHandlers) -> None:
    await stores.add_running("a")
    await stores.add_running("b")
    await handlers.on_task_resource_acquired("a", {"service_instance_id": "s"})
    listeners: list[OnLevel] = []
    warnings = MemoryWarnings(pool=PoolOfOne(engine_specs(), {CPU: 1}), handlers=handlers, listen=listeners.append)
    await warnings.start()
    (on_level,) = listeners
    on_level(LevelChanged(CPU, MemoryLevel.NORMAL, MemoryLevel.SOFT, READING))
    on_level(LevelChanged(CPU, MemoryLevel.SOFT, MemoryLevel.NORMAL, READING))
    await warnings.stop()
    expected: Details = {"kind": "level", "device": "cpu", "level": "soft", "used_mb": 850, "limit_mb": 1000}
    assert await warnings_of(stores, "a") == [expected]
    assert await warnings_of(stores, "b") == []


async def test_a_task_over_what_it_was_promised_is_warned_of_once(stores: Stores, handlers: TaskEventHandlers) -> None:
    task = await stores.add_running("a")
    assert task.estimated_memory_mb is not None
    promised_mb = 2 * task.estimated_memory_mb
    for peak_bytes in (promised_mb * MIB, promised_mb * MIB + 1, promised_mb * MIB + MIB):
        await handlers.on_task_resource_acquired("a", {"service_instance_id": "s"})
        await handlers.on_task_resource_released("a", "s", ResourceUse(CPU, promised_mb * MIB, peak_bytes))
    expected: Details = {"kind": "over_promise", "peak_mb": promised_mb + 1, "promised_mb": promised_mb}
    assert await warnings_of(stores, "a") == [expected]
    released = await stores.events.read("a", kinds=[TaskEvent.RESOURCE_RELEASED])
    assert released[0].details == {
        "service_instance_id": "s",
        "device": "cpu",
        "reserved_mb": promised_mb,
        "peak_mb": promised_mb,
    }
