"""`OverdueTasks`: what waits too long expires, and nothing else does."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from tests.fixtures.stores import LEASE, MINUTE, Stores, failed_page, new_task, read_page

from pagemill.domain.errors import StaleLease, TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, TaskOptions, TaskStatus
from pagemill.domain.work.outcomes import PageNeedsOcr
from pagemill.store.overdue import SqlOverdueTasks

TIMEOUT = 5 * MINUTE


async def _list_expired(stores: Stores, waited: timedelta | None = TIMEOUT) -> list[str]:
    overdue = SqlOverdueTasks(stores.database, stores.clock)
    return [task.task_id for task in await overdue.expire(queue_timeout=waited)]


async def test_a_task_that_waits_too_long_expires_and_a_younger_one_does_not(stores: Stores) -> None:
    await stores.add_queued("old")
    stores.clock.turn(MINUTE)
    await stores.add_queued("young")
    stores.clock.turn(TIMEOUT - MINUTE)
    assert await _list_expired(stores, None) == []
    assert await _list_expired(stores) == ["old"]
    assert await _list_expired(stores) == []
    task = await stores.tasks.get("old")
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.QUEUE_TIMEOUT)
    assert "300 s" in (task.failure_message or "")
    assert (await stores.events.read("old"))[-1].event_type is TaskEvent.EXPIRED


async def _claim_and_give_back(stores: Stores, name: str, *, refused: bool = True) -> None:
    lease = await stores.claim(name)
    await stores.pages.give_back(lease, lease.pages, refused=refused)


async def test_a_task_that_was_let_in_expires_however_often_its_pages_were_claimed_in_vain(stores: Stores) -> None:
    await stores.add_running("claimed")
    await _claim_and_give_back(stores, "claimed")
    await stores.add_running("never-claimed")
    await stores.add_running("claimed-now")
    stores.clock.turn(TIMEOUT - timedelta(seconds=1))
    await _claim_and_give_back(stores, "claimed")
    await stores.claim("claimed-now")
    assert await _list_expired(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    assert await _list_expired(stores) == ["claimed", "claimed-now", "never-claimed"]
    for name in ("claimed", "claimed-now", "never-claimed"):
        task = await stores.tasks.get(name)
        assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
        assert "300 s" in (task.failure_message or "")


Serve = Callable[[Stores, PageLease], Awaitable[None]]
SERVED: dict[str, Serve] = {
    "read": lambda stores, lease: stores.pages.commit_pages(lease, [read_page(1)]),
    "no text": lambda stores, lease: stores.pages.commit_pages(lease, [PageNeedsOcr(1)]),
    "failed": lambda stores, lease: stores.pages.fail_page(lease, failed_page(1), retry_in=None),
    "to be tried again": lambda stores, lease: stores.pages.fail_page(lease, failed_page(1), retry_in=MINUTE),
    "begun": lambda stores, lease: stores.overdue.note_begun(lease),
}


@pytest.mark.parametrize("served", SERVED.values(), ids=SERVED)
@pytest.mark.parametrize("before", [timedelta(0), TIMEOUT - timedelta(seconds=1)])
async def test_a_task_whose_page_was_settled_or_is_worked_on_does_not_expire(
    stores: Stores, served: Serve, before: timedelta
) -> None:
    await stores.add_running("a")
    stores.clock.turn(before)
    await served(stores, await stores.claim("a", limit=1))
    stores.clock.turn(2 * TIMEOUT)
    assert await _list_expired(stores) == []


@pytest.mark.parametrize("served", [name for name in SERVED if name != "begun"])
@pytest.mark.parametrize("how", ["gave back", "no lane"])
async def test_a_task_that_was_served_has_the_whole_time_again_once_it_is_refused(
    stores: Stores, served: str, how: str
) -> None:
    await stores.add_running("a")
    await SERVED[served](stores, await stores.claim("a", limit=1))
    stores.clock.turn(2 * TIMEOUT)
    if how == "gave back":
        await _claim_and_give_back(stores, "a")
    else:
        await stores.overdue.note_refused(["a", "unknown"])
    stores.clock.turn(TIMEOUT - timedelta(seconds=1))
    await stores.overdue.note_refused(["a"])
    assert await _list_expired(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    assert await _list_expired(stores) == ["a"]


async def test_pages_that_were_begun_and_given_back_protect_their_task_no_more(stores: Stores) -> None:
    await stores.add_running("a")
    for _ in range(3):
        lease = await stores.claim("a")
        assert lease.is_unserved
        await stores.overdue.note_begun(lease)
        stores.clock.turn(TIMEOUT)
        assert await _list_expired(stores) == []
        await stores.pages.give_back(lease, lease.pages, refused=True)
    assert await _list_expired(stores) == ["a"]


async def test_giving_back_at_a_stop_is_no_refusal(stores: Stores) -> None:
    await stores.add_running("a")
    await stores.pages.commit_pages(await stores.claim("a", limit=1), [read_page(1)])
    await _claim_and_give_back(stores, "a", refused=False)
    stores.clock.turn(2 * TIMEOUT)
    assert await _list_expired(stores) == []


async def test_a_lease_that_lost_its_pages_begins_nothing(stores: Stores) -> None:
    await stores.add_running("a")
    lease = await stores.claim("a")
    stores.clock.turn(LEASE)
    await stores.pages.rescue()
    with pytest.raises(StaleLease):
        await stores.overdue.note_begun(lease)


async def test_a_task_that_is_tried_again_has_the_whole_time_again(stores: Stores) -> None:
    await stores.add_running("a")
    stores.clock.turn(TIMEOUT)
    assert await _list_expired(stores) == ["a"]
    await stores.queue.add_task(await stores.tasks.get("a"))
    await stores.queue.get_next_task(CPU)
    assert await _list_expired(stores) == []
    stores.clock.turn(TIMEOUT)
    assert await _list_expired(stores) == ["a"]


async def test_a_deadline_ends_the_work_and_keeps_what_was_read(stores: Stores) -> None:
    options = TaskOptions(deadline_seconds=60)
    await stores.queue.submit(new_task("a", options=options))
    await stores.queue.get_next_task(CPU)
    lease = await stores.claim("a", limit=2)
    await stores.pages.commit_pages(lease, [read_page(1, b"one")])
    stores.clock.turn(timedelta(seconds=59))
    assert await _list_expired(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    assert await _list_expired(stores, None) == ["a"]

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
    assert await _list_expired(stores) == ["a"]
    task = await stores.queue.add_task(await stores.tasks.get("a"))
    assert task.deadline_at == stores.clock.now() + MINUTE
    assert await _list_expired(stores) == []


@pytest.mark.parametrize("status", [TaskStatus.CANCELLING, TaskStatus.SUCCEEDED])
async def test_what_is_over_or_ending_does_not_expire(stores: Stores, status: TaskStatus) -> None:
    await stores.queue.submit(new_task("a", options=TaskOptions(deadline_seconds=1)))
    await stores.queue.get_next_task(CPU)
    await stores.tasks.transition("a", status)
    stores.clock.turn(2 * TIMEOUT)
    assert await _list_expired(stores) == []
