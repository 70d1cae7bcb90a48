"""`OverdueTasks`: tasks in which nothing changes are found and ended, whatever status they have."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, failed_page, new_task, read_page

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, TaskStatus
from pagemill.domain.work.outcomes import PageNeedsOcr

SILENCE = timedelta(minutes=10)
WATCHED = [TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.CANCELLING]
NOT_WATCHED = [TaskStatus.CREATED, TaskStatus.SUCCEEDED, TaskStatus.CANCELLED]
WAY = [TaskStatus.CREATED, TaskStatus.QUEUED, TaskStatus.RUNNING]
Change = Callable[[Stores, PageLease], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "read": lambda stores, lease: stores.pages.commit_pages(lease, [read_page(1)]),
    "no text": lambda stores, lease: stores.pages.commit_pages(lease, [PageNeedsOcr(1)]),
    "failed": lambda stores, lease: stores.pages.fail_page(lease, failed_page(1), retry_in=None),
    "to be tried again": lambda stores, lease: stores.pages.fail_page(lease, failed_page(1), retry_in=SILENCE),
    "requeued": lambda stores, _: _requeue(stores),
}


async def _requeue(stores: Stores) -> None:
    await stores.queue.requeue_task(await stores.tasks.get("a"))


async def _list_unchanged(stores: Stores) -> list[str]:
    return list(await stores.overdue.find_unchanged(SILENCE))


async def _add(stores: Stores, status: TaskStatus) -> None:
    await stores.tasks.create(new_task("a"))
    way = WAY[1 : WAY.index(status) + 1] if status in WAY else [*WAY[1:], status]
    for step in way:
        await stores.tasks.transition("a", step)


@pytest.mark.parametrize("status", WATCHED)
async def test_a_task_in_which_nothing_changes_is_found_and_ended(stores: Stores, status: TaskStatus) -> None:
    await _add(stores, status)
    stores.clock.turn(SILENCE - timedelta(seconds=1))
    assert await _list_unchanged(stores) == []
    assert await stores.overdue.end_stalled("a", SILENCE) is None
    stores.clock.turn(timedelta(seconds=1))
    assert await _list_unchanged(stores) == ["a"]
    task = await stores.overdue.end_stalled("a", SILENCE)
    assert task == await stores.tasks.get("a")
    if status is TaskStatus.CANCELLING:
        assert task.status is TaskStatus.CANCELLED
    else:
        assert (task.status, task.failure_reason) == (TaskStatus.FAILED, TaskFailureReason.INTERNAL_ERROR)
        assert "600 s" in (task.failure_message or "")
    assert {page.state for page in await stores.tasks.pages("a")} == {PageState.CANCELLED}
    (event,) = await stores.events.read("a", kinds=[TaskEvent.STALLED])
    assert event.details == {"status": status.value, "silent_s": 600}
    assert await stores.overdue.end_stalled("a", SILENCE) is None


@pytest.mark.parametrize("status", NOT_WATCHED)
async def test_a_task_that_waits_for_its_caller_or_is_over_is_left_alone(stores: Stores, status: TaskStatus) -> None:
    await _add(stores, status)
    stores.clock.turn(2 * SILENCE)
    assert await _list_unchanged(stores) == []
    assert await stores.overdue.end_stalled("a", SILENCE) is None


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_every_change_counts(stores: Stores, change: Change) -> None:
    await stores.add_running("a")
    lease = await stores.claim("a", limit=1)
    stores.clock.turn(SILENCE)
    await change(stores, lease)
    assert await _list_unchanged(stores) == []
    stores.clock.turn(SILENCE)
    assert await _list_unchanged(stores) == ["a"]


async def test_claiming_renewing_and_giving_back_is_no_change(stores: Stores) -> None:
    await stores.add_running("a")
    for _ in range(3):
        stores.clock.turn(SILENCE / 3)
        lease = await stores.claim("a")
        await stores.overdue.note_begun(lease)
        await stores.pages.renew(lease, SILENCE)
        await stores.pages.give_back(lease, lease.pages, refused=True)
    assert await _list_unchanged(stores) == ["a"]
