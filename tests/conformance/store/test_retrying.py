"""A task is `retrying` while all that is left of it waits for its next try."""

from datetime import timedelta

import pytest
from tests.fixtures.stores import LEASE, Stores, failed_page, kind_of, new_task, read_page

from pagemill.domain.errors import StaleLease
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus

WAIT = timedelta(seconds=8)


async def _statuses(stores: Stores) -> list[TaskEvent]:
    shown = (TaskEvent.STARTED, TaskEvent.RETRYING, TaskEvent.SUCCEEDED)
    return [event.event_type for event in await stores.events.read("a") if event.event_type in shown]


async def test_it_retries_while_every_open_page_waits_and_runs_again_once_one_is_leased(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    first = await stores.claim("a", limit=1)
    second = await stores.claim("a", limit=1)
    await stores.pages.fail_page(first, failed_page(1), retry_in=WAIT)
    assert list(await stores.pages.finish_completed("a")) == []
    assert (await stores.tasks.get("a")).status is TaskStatus.RUNNING

    await stores.pages.commit_pages(second, [read_page(2)])
    assert list(await stores.pages.finish_completed("a")) == []
    assert (await stores.tasks.get("a")).status is TaskStatus.RETRYING
    assert await stores.pages.claim_pages("a", kind_of(), limit=1, owner="x", lease_for=LEASE) is None

    stores.clock.turn(WAIT)
    assert [backlog.waiting for backlog in await stores.pages.backlog()] == [{kind_of(): 1}]
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(1)])
    assert [task.status for task in await stores.pages.finish_completed()] == [TaskStatus.SUCCEEDED]
    assert await _statuses(stores) == [
        TaskEvent.STARTED,
        TaskEvent.RETRYING,
        TaskEvent.STARTED,
        TaskEvent.SUCCEEDED,
    ]


async def test_a_retrying_task_is_cancelled_at_once(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    await stores.pages.fail_page(await stores.claim("a"), failed_page(1), retry_in=WAIT)
    await stores.pages.finish_completed()
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    assert [task.status for task in await stores.pages.finish_completed("a")] == [TaskStatus.CANCELLED]


async def test_renewing_tells_another_server_that_the_task_is_being_cancelled(stores: Stores) -> None:
    await stores.add_running("a")
    lease = await stores.claim("a", limit=2)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    with pytest.raises(StaleLease):
        await stores.pages.renew(lease, LEASE)
    await stores.pages.commit_pages(lease, [read_page(1)])
    await stores.pages.give_back(lease, [2])
    assert [task.status for task in await stores.pages.finish_completed("a")] == [TaskStatus.CANCELLED]


async def test_leases_and_retries_set_by_a_clock_that_ran_ahead_are_over(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    await stores.pages.fail_page(await stores.claim("a", limit=1), failed_page(1), retry_in=WAIT)
    await stores.claim("a", limit=1)
    stores.clock.turn(-timedelta(hours=5))
    assert await stores.pages.rescue() == 1
    assert (await stores.claim("a")).pages == (1, 2)


async def test_submitting_stores_and_queues_or_does_neither(stores: Stores) -> None:
    task = await stores.queue.submit(new_task("a"))
    assert task.status is TaskStatus.QUEUED
    assert [event.event_type for event in await stores.events.read("a")] == [TaskEvent.CREATED, TaskEvent.QUEUED]
