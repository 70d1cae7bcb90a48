"""`Retention`: what has been kept long enough, and what nobody knows."""

from datetime import timedelta

from sqlalchemy import func, insert, select
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.task.task import TaskOptions, TaskStatus
from pagemill.store.retention import SqlRetention
from pagemill.store.tables import task_metrics

DAY = timedelta(days=1)


def _retention(stores: Stores) -> SqlRetention:
    return SqlRetention(stores.database, stores.clock)


async def _list_outdated(stores: Stores, kept_for: timedelta = 7 * DAY, *, limit: int = 50) -> list[str]:
    return [task.task_id for task in await _retention(stores).find_outdated(kept_for, limit=limit)]


async def _end_task(stores: Stores, name: str, *, time_to_live: timedelta | None = None) -> None:
    seconds = time_to_live.total_seconds() if time_to_live else None
    await stores.tasks.create(new_task(name, options=TaskOptions(time_to_live_seconds=seconds)))
    await stores.tasks.transition(name, TaskStatus.CANCELLED)


async def test_tasks_are_outdated_so_long_after_their_end(stores: Stores) -> None:
    await _end_task(stores, "first")
    stores.clock.turn(DAY)
    await _end_task(stores, "second")
    await stores.add_queued("queued")
    await stores.tasks.create(new_task("never started"))
    stores.clock.turn(6 * DAY - timedelta(seconds=1))
    assert await _list_outdated(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    assert await _list_outdated(stores) == ["first"]
    stores.clock.turn(DAY)
    assert await _list_outdated(stores) == ["first", "never started", "second"]
    assert await _list_outdated(stores, limit=1) == ["first"]


async def test_a_task_may_ask_for_a_time_of_its_own(stores: Stores) -> None:
    await _end_task(stores, "brief", time_to_live=timedelta(hours=1))
    await _end_task(stores, "long", time_to_live=30 * DAY)
    stores.clock.turn(timedelta(hours=1))
    assert await _list_outdated(stores) == ["brief"]
    stores.clock.turn(29 * DAY)
    assert await _list_outdated(stores) == ["brief"]


async def test_what_belongs_to_no_task_is_told(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    assert await _retention(stores).unknown_tasks(["a", "b"]) == {"b"}
    assert await _retention(stores).unknown_documents(["/in/a", "/in/b"]) == {"/in/b"}


async def test_samples_go_a_few_at_a_time_oldest_first(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    sample = {"task_id": "a", "memory_usage_mb": 1, "device": "cpu", "processing_stage": "ocr"}
    rows = [{**sample, "timestamp": stores.clock.now() + hours * timedelta(hours=1)} for hours in range(6)]
    await stores.database.write(lambda connection: connection.execute(insert(task_metrics), rows))
    stores.clock.turn(DAY + timedelta(hours=4))
    deleted = [await _retention(stores).prune_samples(DAY, limit=3) for _ in range(3)]
    assert deleted == [3, 1, 0]
    left = select(func.count()).select_from(task_metrics)
    assert await stores.database.read(lambda connection: connection.execute(left).scalar_one()) == 2
