"""Memory of tasks over time, on both databases."""

from dataclasses import replace

from tests.fixtures.stores import MINUTE, Stores, new_task

from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.task.task import TaskStatus
from pagemill.store.samples import SqlTaskSamples


def sample(stores: Stores, task_id: str, size_mb: int, stage: str = "ocr") -> TaskSample:
    return TaskSample(task_id, stores.clock.now(), size_mb, "cpu", stage)


async def test_samples_are_read_in_order_a_part_at_a_time(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    await stores.tasks.create(new_task("b"))
    samples = SqlTaskSamples(stores.database)
    await samples.add([sample(stores, "a", 10), sample(stores, "b", 99)])
    await samples.add([sample(stores, "a", 20), sample(stores, "a", 30)])
    first = await samples.read("a", limit=2)
    assert [each.memory_usage_mb for each in first] == [10, 20]
    rest = await samples.read("a", after=first[-1].sequence)
    assert [each.memory_usage_mb for each in rest] == [30]
    assert replace(rest[0], sequence=0) == sample(stores, "a", 30)


async def test_the_latest_are_those_of_one_moment(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    samples = SqlTaskSamples(stores.database)
    assert await samples.find_latest("a") == []
    await samples.add([sample(stores, "a", 10), sample(stores, "a", 20)])
    stores.clock.turn(MINUTE)
    await samples.add([sample(stores, "a", 30), sample(stores, "a", 40, "text")])
    assert sorted(each.memory_usage_mb for each in await samples.find_latest("a")) == [30, 40]


async def test_a_task_that_is_gone_costs_the_others_nothing(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    await stores.tasks.create(new_task("b"))
    await stores.tasks.transition("b", TaskStatus.CANCELLED)
    await stores.tasks.delete("b")
    samples = SqlTaskSamples(stores.database)
    await samples.add([sample(stores, "b", 10), sample(stores, "a", 20)])
    assert [each.memory_usage_mb for each in await samples.read("a")] == [20]
    assert await samples.read("b") == []
    await samples.add([sample(stores, "b", 10)])
    await samples.add([])
