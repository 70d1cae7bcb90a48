"""`OverdueTasks`: what waits too long expires, and nothing else does."""

from datetime import timedelta

import pytest
from tests.fixtures.stores import LEASE, MINUTE, Stores, new_task, read_page

from pagemill.domain.errors import StaleLease, TaskFailureReason
from pagemill.domain.events import TaskEvent
from pagemill.domain.memory import CPU
from pagemill.domain.tasks import PageState, TaskOptions, TaskStatus
from pagemill.store.overdue import SqlOverdueTasks

TIMEOUT = 5 * MINUTE


async def _expired(stores: Stores, waited: timedelta | None = TIMEOUT) -> list[str]:
    overdue = SqlOverdueTasks(stores.database, stores.clock)
    return [task.task_id for task in await overdue.expire(queue_timeout=waited)]


async def test_a_task_that_waits_too_long_expires_and_a_younger_one_does_not(stores: Stores) -> None:
    await stores.queued("old")
    stores.clock.turn(MINUTE)
    await stores.queued("young")
    stores.clock.turn(TIMEOUT - MINUTE)
    assert await _expired(stores, None) == []
    assert await _expired(stores) == ["old"]
    assert await _expired(stores) == []
    task = await stores.tasks.get("old")
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.QUEUE_TIMEOUT)
    assert "300 s" in (task.failure_message or "")
    assert (await stores.events.read("old"))[-1].event_type is TaskEvent.EXPIRED


async def test_a_task_that_was_let_in_expires_only_if_no_page_of_it_was_ever_leased(stores: Stores) -> None:
    await stores.running("served")
    await stores.pages.give_back(lease := await stores.claim("served"), lease.pages)
    await stores.running("unserved")
    stores.clock.turn(2 * TIMEOUT)
    assert await _expired(stores) == ["unserved"]


async def test_a_deadline_ends_the_work_and_keeps_what_was_read(stores: Stores) -> None:
    options = TaskOptions(deadline_seconds=60)
    await stores.queue.submit(new_task("a", options=options))
    await stores.queue.get_next_task(CPU)
    lease = await stores.claim("a", limit=2)
    await stores.pages.commit_pages(lease, [read_page(1, b"one")])
    stores.clock.turn(timedelta(seconds=59))
    assert await _expired(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    assert await _expired(stores, None) == ["a"]

    task = await stores.tasks.get("a")
    assert task.failure_reason is TaskFailureReason.DEADLINE_EXCEEDED
    assert "1 of its 3 pages" in (task.failure_message or "")
    assert [page.state for page in await stores.tasks.pages("a")] == [PageState.DONE, *[PageState.CANCELLED] * 2]
    assert [result async for result in stores.tasks.results("a")] == [b"one"]
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(2)])
    with pytest.raises(StaleLease):
        await stores.pages.renew(lease, LEASE)


async def test_a_task_tried_again_has_its_deadline_again(stores: Stores) -> None:
    await stores.queue.submit(new_task("a", options=TaskOptions(deadline_seconds=60)))
    stores.clock.turn(MINUTE)
    assert await _expired(stores) == ["a"]
    task = await stores.queue.add_task(await stores.tasks.get("a"))
    assert task.deadline_at == stores.clock.now() + MINUTE
    assert await _expired(stores) == []


@pytest.mark.parametrize("status", [TaskStatus.CANCELLING, TaskStatus.SUCCEEDED])
async def test_what_is_over_or_ending_does_not_expire(stores: Stores, status: TaskStatus) -> None:
    await stores.queue.submit(new_task("a", options=TaskOptions(deadline_seconds=1)))
    await stores.queue.get_next_task(CPU)
    await stores.tasks.transition("a", status)
    stores.clock.turn(2 * TIMEOUT)
    assert await _expired(stores) == []
