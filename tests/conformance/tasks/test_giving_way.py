"""A task that was let in and gets no service makes room for those that wait, comes back, and ends in any case."""

from pathlib import Path

import pytest
from tests.fixtures.stores import LEASE, MINUTE, Stores, kind_of, new_task, read_page
from tests.fixtures.tasks_room import Room, some_pages

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import PoolExhausted, TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, Task, TaskStatus
from pagemill.domain.work.outcomes import PageFailed
from pagemill.engines.registry import engine_specs
from pagemill.store.task_queue import MOST_LOWERED
from pagemill.tasks.duties.expiry import Expiry, ExpiryConfig
from pagemill.testing.pool import FakeServicePool

TIMEOUT = 5 * MINUTE


class Memory:
    """There may be none for anybody."""

    def __init__(self) -> None:
        self.is_full = True

    def check(self) -> None:
        if self.is_full:
            raise PoolExhausted("There was no memory.")


def room_of(stores: Stores, work_dir: Path, memory: Memory) -> Room:
    pool = FakeServicePool(engine_specs(), {CPU: 1}, on_acquire=memory.check)
    return Room(stores, work_dir, pool=pool, max_running=1)


async def refuse_task(room: Room, name: str = "a") -> Task:
    """The task after its turn came and there was no service for it."""
    assert not await room.chunks.run(some_pages(task_id=name))
    return await room.stores.tasks.get(name)


async def test_a_refused_task_comes_back_behind_those_that_wait(stores: Stores, tmp_path: Path) -> None:
    memory = Memory()
    room = room_of(stores, tmp_path, memory)
    await stores.add_running("a")
    before = await stores.tasks.get("a")
    stores.clock.turn(MINUTE / 2)
    await stores.add_queued("b")
    stores.clock.turn(MINUTE / 2)
    task = await refuse_task(room)
    assert (task.status, task.priority, task.queued_at) == (TaskStatus.QUEUED, -1, before.queued_at)
    assert (await room.kinds())[-1] is TaskEvent.REQUEUED
    assert await room.states() == [PageState.QUEUED] * 3
    following = [await stores.queue.get_next_task(CPU) for _ in "ab"]
    assert [task and task.task_id for task in following] == ["b", "a"]
    memory.is_full = False
    for name in "ab":
        await room.chunks.run(some_pages(task_id=name))
        assert (await stores.tasks.get(name)).status is TaskStatus.SUCCEEDED


async def test_a_refused_task_stays_where_nobody_waits(stores: Stores, tmp_path: Path) -> None:
    room = room_of(stores, tmp_path, Memory())
    await stores.add_running("a")
    task = await refuse_task(room)
    assert (task.status, task.priority) == (TaskStatus.RUNNING, 0)


async def test_a_refused_task_stays_while_others_work_on_it(stores: Stores, tmp_path: Path) -> None:
    room = room_of(stores, tmp_path, Memory())
    await stores.add_running("a")
    await stores.add_queued("b")
    lease = await stores.pages.claim_pages("a", kind_of(), limit=1, owner="another server", lease_for=LEASE)
    assert lease is not None
    assert (await refuse_task(room)).status is TaskStatus.RUNNING
    await stores.pages.give_back(lease, lease.pages)
    assert (await refuse_task(room)).status is TaskStatus.QUEUED


async def test_what_is_refused_again_and_again_sinks_to_a_bound_and_rises_with_age(
    stores: Stores, tmp_path: Path
) -> None:
    room = room_of(stores, tmp_path, Memory())
    await stores.add_running("a")
    for turn in range(MOST_LOWERED + 5):
        await stores.add_queued(f"later-{turn}")
        task = await refuse_task(room)
        assert task.priority == max(-(turn + 1), -MOST_LOWERED)
        while (let_in := await stores.queue.get_next_task(CPU)) is not None and let_in.task_id != "a":
            await stores.tasks.transition(let_in.task_id, TaskStatus.CANCELLED)
    await stores.add_queued("waits")
    await refuse_task(room)
    stores.clock.turn((MOST_LOWERED + 1) * MINUTE)
    for number in range(3):
        await stores.add_queued(f"new-{number}")
    order = [await stores.queue.get_next_task(CPU) for _ in range(3)]
    assert [task and task.task_id for task in order] == ["waits", "a", "new-0"]


async def test_what_is_never_served_ends_however_often_it_gave_way(stores: Stores, tmp_path: Path) -> None:
    room = room_of(stores, tmp_path, Memory())
    expiry = Expiry(
        ExpiryConfig(TIMEOUT),
        overdue=stores.overdue,
        dispatcher=room.dispatcher,
        nodes=room.nodes,
        watch=room.watch,
        clock=stores.clock,
    )
    await stores.add_running("a")
    for turn in range(TIMEOUT // MINUTE):
        stores.clock.turn(MINUTE)
        other = await stores.add_queued(f"other-{turn}")
        if (await stores.tasks.get("a")).status is TaskStatus.RUNNING:
            await refuse_task(room)
        await stores.tasks.transition(other.task_id, TaskStatus.CANCELLED)
        if turn % 2:
            await stores.queue.get_next_task(CPU)
        await expiry.run_once()
    task = await stores.tasks.get("a")
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
    assert TaskEvent.REQUEUED in await room.kinds()


async def test_a_retry_by_the_user_begins_with_the_priority_it_was_sent_with(stores: Stores, tmp_path: Path) -> None:
    await stores.queue.submit(new_task("a"))
    task = await stores.queue.get_next_task(CPU)
    assert task is not None
    await stores.queue.requeue_task(task)
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    manager = Room(stores, tmp_path).manager(inspector=NoInspector())
    assert (await manager.retry_task("a")).priority == 0


@pytest.mark.parametrize(("number_read", "end"), [(2, "succeeded"), (1, "partially_succeeded"), (0, "failed")])
async def test_a_task_whose_last_page_is_settled_while_it_waits_again_ends(
    stores: Stores, tmp_path: Path, number_read: int, end: str
) -> None:
    room = room_of(stores, tmp_path, Memory())
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.queue.requeue_task(await stores.tasks.get("a"))
    for number in lease.pages:
        if number <= number_read:
            await stores.pages.commit_pages(lease, [read_page(number)])
        else:
            failure = PageFailed(number, TaskFailureReason.ENGINE_ERROR, "It cannot be read.", retryable=False)
            await stores.pages.fail_page(lease, failure, retry_in=None)
    assert (await stores.tasks.get("a")).status is TaskStatus.QUEUED
    await room.dispatcher.run_once()
    assert (await stores.tasks.get("a")).status == end
    await room.dispatcher.stop()
    await room.follower.stop()


class NoInspector:
    """Nothing is inspected here."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        raise AssertionError(path, caller, password)
