"""`TaskQueue`: who comes next, who must wait, who is refused."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import MINUTE, Stores, failed_page, holding, new_task, read_page

from pagemill.domain.errors import IllegalTransition, NotFound, QueueFull, TaskFailureReason
from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.reports.service_status import ACTIVE, TaskCounts
from pagemill.domain.task.task import PageState, Task, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.store.changes import lock_row
from pagemill.store.task_queue import QueueConfig


async def _order(stores: Stores) -> list[str]:
    taken = []
    while (task := await stores.queue.get_next_task(CPU)) is not None:
        taken.append(task.task_id)
    return taken


async def test_equal_priorities_are_served_in_the_order_they_came(stores: Stores) -> None:
    for name in ("c", "a", "b"):
        await stores.add_queued(name)
        stores.clock.turn(timedelta(seconds=1))
    assert await _order(stores) == ["c", "a", "b"]


async def test_the_higher_priority_is_served_first(stores: Stores) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", -5)):
        await stores.add_queued(name, priority=priority)
    assert await _order(stores) == ["b", "a", "c"]


@pytest.mark.parametrize(("waited", "first"), [(5 * MINUTE - timedelta(seconds=1), "b"), (5 * MINUTE, "a")])
async def test_waiting_one_interval_is_worth_one_point_of_priority(
    stores: Stores, waited: timedelta, first: str
) -> None:
    await stores.add_queued("a", priority=0)
    stores.clock.turn(waited)
    await stores.add_queued("b", priority=5)
    assert (await _order(stores))[0] == first


async def test_nothing_is_overtaken_for_ever(stores: Stores) -> None:
    await stores.add_queued("patient", priority=-2)
    served = []
    for number in range(10):
        await stores.add_queued(f"urgent-{number}", priority=2)
        stores.clock.turn(MINUTE)
        task = await stores.queue.get_next_task(CPU)
        assert task is not None
        served.append(task.task_id)
    assert served.index("patient") == 4


async def test_without_priorities_the_first_come_is_the_first_served(stores: Stores) -> None:
    plain = replace(stores, config=QueueConfig(enable_priority_queue=False))
    for name, priority in (("a", 0), ("b", 50)):
        await plain.add_queued(name, priority=priority)
        stores.clock.turn(timedelta(seconds=1))
    assert await _order(plain) == ["a", "b"]


async def test_a_task_is_given_to_its_device_only(stores: Stores) -> None:
    gpu = DeviceId("cuda:0")
    await stores.add_queued("a", device=gpu)
    assert await stores.queue.get_next_task(CPU) is None
    task = await stores.queue.get_next_task(gpu)
    assert task is not None
    assert task.task_id == "a"


async def test_a_taken_task_runs_and_is_not_given_twice(stores: Stores) -> None:
    await stores.add_queued("a")
    stores.clock.turn(MINUTE)
    task = await stores.queue.get_next_task(CPU)
    assert task is not None
    assert task == await stores.tasks.get("a")
    assert (task.status, task.started_at) == (TaskStatus.RUNNING, stores.clock.now())
    assert task.queued_at == stores.clock.now() - MINUTE
    assert await stores.queue.get_next_task(CPU) is None


async def test_several_takers_never_get_the_same_task(stores: Stores) -> None:
    for number in range(12):
        await stores.add_queued(f"{number:02}")
    taken = await asyncio.gather(*(_order(stores) for _ in range(4)))
    assert sorted(name for names in taken for name in names) == [f"{number:02}" for number in range(12)]


async def test_a_task_that_another_server_holds_is_passed_over(stores: Stores, backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time: nobody else can be taking a task.")
    for name in ("a", "b"):
        await stores.add_queued(name)
    async with holding(stores.database.write, lambda other: lock_row(other, "a")):
        task = await stores.queue.get_next_task(CPU)
    assert task is not None
    assert task.task_id == "b"


async def test_a_full_queue_refuses_with_the_numbers(stores: Stores) -> None:
    small = replace(stores, config=QueueConfig(max_queue_size=2))
    for name in ("a", "b"):
        await small.add_queued(name)
    task = await small.tasks.create(new_task("c"))
    with pytest.raises(QueueFull) as refused:
        await small.queue.add_task(task)
    assert refused.value.details == {"queued_tasks": 2, "max_queue_size": 2, "retry_after_s": 60}
    assert (await small.tasks.get("c")).status is TaskStatus.CREATED
    await small.queue.get_next_task(CPU)
    assert (await small.queue.add_task(task)).status is TaskStatus.QUEUED


async def test_retry_after_follows_the_pace_of_the_queue(stores: Stores) -> None:
    small = replace(stores, config=QueueConfig(max_queue_size=1))
    for name in ("a", "b"):
        await small.add_queued(name)
        await small.queue.get_next_task(CPU)
        stores.clock.turn(timedelta(seconds=10))
    await small.add_queued("c")
    with pytest.raises(QueueFull) as refused:
        await small.queue.add_task(await small.tasks.create(new_task("d")))
    assert refused.value.details["retry_after_s"] == 10


async def test_the_limit_holds_against_many_at_once(stores: Stores) -> None:
    small = replace(stores, config=QueueConfig(max_queue_size=3))
    tasks = [await small.tasks.create(new_task(f"{number}")) for number in range(8)]

    async def add(task: Task) -> bool:
        try:
            await small.queue.add_task(task)
        except QueueFull:
            return False
        return True

    assert sum(await asyncio.gather(*map(add, tasks))) == 3
    assert await small.queue.size() == 3


async def test_a_requeued_task_comes_back_with_lower_priority(stores: Stores) -> None:
    await stores.add_queued("a", priority=1)
    task = await stores.queue.get_next_task(CPU)
    assert task is not None
    await stores.add_queued("b", priority=1)
    before, task = task, await stores.queue.requeue_task(task)
    assert (task.status, task.priority) == (TaskStatus.QUEUED, 0)
    assert (task.queued_at, task.started_at) == (before.queued_at, before.started_at)
    assert await _order(stores) == ["b", "a"]


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.is_final])
async def test_what_ended_meanwhile_is_not_brought_back(stores: Stores, status: TaskStatus) -> None:
    task = await stores.add_running("a")
    await stores.tasks.transition("a", status)
    with pytest.raises(IllegalTransition):
        await stores.queue.requeue_task(task)
    assert (await stores.tasks.get("a")).status is status


async def test_a_full_queue_takes_back_what_it_had_let_in(stores: Stores) -> None:
    small = replace(stores, config=QueueConfig(max_queue_size=1))
    await small.add_queued("a")
    task = await small.queue.get_next_task(CPU)
    assert task is not None
    await small.add_queued("b")
    await small.queue.requeue_task(task)
    assert await small.queue.size() == 2


async def test_only_a_created_or_ended_task_is_queued(stores: Stores) -> None:
    task = await stores.add_queued("a")
    with pytest.raises(IllegalTransition):
        await stores.queue.add_task(task)
    with pytest.raises(IllegalTransition):
        await stores.queue.requeue_task(task)
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    await stores.tasks.delete("a")
    with pytest.raises(NotFound):
        await stores.queue.add_task(task)


async def test_queueing_an_ended_task_again_retries_only_what_is_not_done(stores: Stores) -> None:
    await stores.add_running("a", pages=3)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(1)])
    await stores.pages.fail_page(lease, failed_page(2), retry_in=None)
    await stores.pages.fail_page(lease, failed_page(3), retry_in=None, crashed=True)
    (ended,) = await stores.pages.finish_completed()
    again = await stores.queue.add_task(ended)
    assert (again.status, again.pages_done, again.pages_failed) == (TaskStatus.QUEUED, 1, 0)
    assert (again.finished_at, again.failure_message, again.resource_cleanup_completed) == (None, None, False)
    pages = await stores.tasks.pages("a")
    assert [page.state for page in pages] == [PageState.DONE, PageState.QUEUED, PageState.QUEUED]
    assert [(page.attempts, page.crashes, page.failure_reason) for page in pages] == [(0, 0, None)] * 3


async def test_unfinished_tasks_are_counted_by_all_that_tells_them_apart(stores: Stores) -> None:
    other = TaskOptions(recognition=RecognitionOptions(engine="tesseract"))
    await stores.add_running("a")
    for name, priority in (("b", 0), ("c", 5), ("d", 5)):
        await stores.add_queued(name, priority=priority, device=DeviceId("cuda:0"))
    await stores.queue.add_task(await stores.tasks.create(new_task("e", options=other)), 5)
    await stores.tasks.create(new_task("f"))
    await stores.tasks.transition((await stores.add_queued("g")).task_id, TaskStatus.CANCELLED)
    groups = (await stores.queue.statistics()).groups
    active, queued = TaskCounts.of(groups, ACTIVE), TaskCounts.of(groups, (TaskStatus.QUEUED,))
    assert (active.total, dict(active.by_status)) == (
        1,
        {TaskStatus.RUNNING: 1, TaskStatus.RETRYING: 0, TaskStatus.CANCELLING: 0},
    )
    assert (queued.total, dict(queued.by_status)) == (4, {TaskStatus.QUEUED: 4})
    assert list(queued.by_priority.items()) == [(5, 3), (0, 1)]
    assert dict(queued.by_device) == {"cuda:0": 3, "cpu": 1}
    assert dict(queued.by_engine) == {"rapidocr": 3, "tesseract": 1}


async def test_statistics_count_tasks_pages_and_waiting(stores: Stores) -> None:
    await stores.add_queued("a", pages=3)
    stores.clock.turn(timedelta(seconds=4))
    await stores.queue.get_next_task(CPU)
    await stores.pages.commit_pages(await stores.claim("a", limit=1), [read_page(1)])
    await stores.add_queued("b", pages=5)
    now = await stores.queue.statistics()
    assert (now.active_tasks, now.queued_tasks, now.waiting_pages) == (1, 1, 2 + 5)
    assert (now.average_wait, now.page_seconds) == (timedelta(seconds=4), 1.5)
    stores.clock.turn(timedelta(hours=2))
    later = await stores.queue.statistics()
    assert (later.average_wait, later.page_seconds) == (timedelta(), None)


async def test_statistics_tell_the_longest_wait_of_each_priority(stores: Stores) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1)):
        await stores.add_queued(name, priority=priority)
        stores.clock.turn(timedelta(seconds=10))
    now = await stores.queue.statistics()
    seconds = {priority: wait.total_seconds() for priority, wait in now.oldest_by_priority.items()}
    assert (list(seconds.items()), now.oldest_wait.total_seconds()) == ([(5, 30), (0, 40), (-1, 10)], 40)


async def test_statistics_tell_who_is_in_and_who_waits_in_the_order_they_come(stores: Stores) -> None:
    await stores.add_running("z", pages=3)
    await stores.pages.commit_pages(await stores.claim("z", limit=1), [read_page(1)])
    for name, priority in (("c", 0), ("a", 0), ("b", 5)):
        await stores.add_queued(name, priority=priority, pages=4)
        stores.clock.turn(timedelta(seconds=1))
    line = (await stores.queue.statistics()).line
    told = [(task.task_id, task.waits, task.pages_left) for task in line]
    assert told == [("z", False, 2), ("b", True, 4), ("c", True, 4), ("a", True, 4)]
    assert await _order(stores) == ["b", "c", "a"]


async def test_statistics_spread_waits_and_runs_of_the_last_hour(stores: Stores) -> None:
    for name, seconds in (("a", 1), ("b", 9)):
        await stores.add_queued(name, pages=1)
        stores.clock.turn(timedelta(seconds=seconds))
        await stores.queue.get_next_task(CPU)
        stores.clock.turn(timedelta(seconds=10 * seconds))
        await stores.pages.commit_pages(await stores.claim(name), [read_page(1)])
        await stores.pages.finish_completed()
    now = await stores.queue.statistics()
    assert (now.waits.count, now.waits.p50.total_seconds(), now.waits.p99.total_seconds()) == (2, 1, 9)
    assert (now.runs.count, now.runs.p50.total_seconds(), now.runs.p99.total_seconds()) == (2, 10, 90)
    stores.clock.turn(timedelta(hours=2))
    later = await stores.queue.statistics()
    assert (later.waits.count, later.runs.count) == (0, 0)


async def test_statistics_group_the_failures_of_a_day_by_reason(stores: Stores) -> None:
    for name in ("a", "c", "b"):
        await stores.add_running(name, pages=1)
        await stores.pages.fail_page(await stores.claim(name), failed_page(1), retry_in=None)
        await stores.pages.finish_completed()
    await stores.add_queued("d")
    await stores.tasks.transition("d", TaskStatus.EXPIRED, reason=TaskFailureReason.QUEUE_TIMEOUT, message="Late.")
    groups = (await stores.queue.statistics()).failures
    told = [(group.reason, group.tasks, group.newest_task_id) for group in groups]
    assert told == [(failed_page(1).reason, 3, "c"), (TaskFailureReason.QUEUE_TIMEOUT, 1, "d")]
    stores.clock.turn(timedelta(days=2))
    assert (await stores.queue.statistics()).failures == ()
