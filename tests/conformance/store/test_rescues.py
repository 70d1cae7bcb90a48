"""A page that its server never survives is given up; the others of its chunk, and pages that were unlucky, are not."""

from collections.abc import Awaitable, Callable

import pytest
from tests.fixtures.stores import LEASE, Stores, failed_page, read_page

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, TaskStatus
from pagemill.domain.work.outcomes import PageNeedsOcr
from pagemill.domain.work.recognition import Stage
from pagemill.store.rescuing import MOST_RESCUES

DONE, QUEUED, FAILED, CANCELLED = PageState.DONE, PageState.QUEUED, PageState.FAILED, PageState.CANCELLED
Lose = Callable[[Stores], Awaitable[int]]


async def _expire(stores: Stores) -> int:
    stores.clock.turn(LEASE)
    return await stores.pages.rescue()


LOSSES: dict[str, Lose] = {
    "its server is dead": lambda stores: stores.pages.rescue(owner="server"),
    "its lease ended": _expire,
}


async def _states(stores: Stores) -> list[PageState]:
    return [page.state for page in await stores.tasks.pages("a")]


async def _lose(stores: Stores, lose: Lose, *, times: int, stage: Stage = Stage.OCR) -> None:
    for _ in range(times):
        await stores.claim(stage=stage)
        await lose(stores)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
async def test_it_fails_in_the_end_and_the_others_of_its_chunk_are_read(
    lose: Lose, stage: Stage, stores: Stores
) -> None:
    await stores.add_running("a", stage=stage)
    await _lose(stores, lose, times=MOST_RESCUES - 1, stage=stage)
    assert await _states(stores) == [QUEUED, QUEUED, QUEUED]
    await stores.claim(stage=stage)
    assert await lose(stores) == 2
    pages = await stores.tasks.pages("a")
    assert [page.state for page in pages] == [FAILED, QUEUED, QUEUED]
    assert pages[0].failure_reason is TaskFailureReason.WORKER_CRASHED
    assert [(page.attempts, page.crashes) for page in pages] == [(0, 0)] * 3
    (event,) = await stores.events.read("a", kinds=[TaskEvent.PAGE_FAILED])
    assert event.details["page"] == 1
    await stores.pages.commit_pages(await stores.claim(stage=stage), [read_page(2), read_page(3)])
    (task,) = await stores.pages.finish_completed()
    assert (task.status, task.pages_failed) == (TaskStatus.PARTIALLY_SUCCEEDED, 1)


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
async def test_a_retry_begins_anew(lose: Lose, stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    await _lose(stores, lose, times=MOST_RESCUES)
    (task,) = await stores.pages.finish_completed()
    assert task.status is TaskStatus.FAILED
    await stores.queue.add_task(task)
    assert await stores.queue.get_next_task(CPU)
    await _lose(stores, lose, times=MOST_RESCUES - 1)
    assert await _states(stores) == [QUEUED]
    await _lose(stores, lose, times=1)
    assert await _states(stores) == [FAILED]


Settle = Callable[[Stores, PageLease], Awaitable[None]]
SETTLED: dict[str, tuple[Stage, Settle]] = {
    "failed, to be tried again": (
        Stage.OCR,
        lambda stores, lease: stores.pages.fail_page(lease, failed_page(1), retry_in=LEASE - LEASE),
    ),
    "an earlier page was read": (Stage.OCR, lambda stores, lease: stores.pages.commit_pages(lease, [read_page(1)])),
    "an earlier page has no text": (
        Stage.TEXT,
        lambda stores, lease: stores.pages.commit_pages(lease, [PageNeedsOcr(1)]),
    ),
}


@pytest.mark.parametrize("settled", SETTLED)
async def test_only_pages_that_were_at_work_count_and_only_in_a_row(settled: str, stores: Stores) -> None:
    stage, settle = SETTLED[settled]
    lose = LOSSES["its server is dead"]
    await stores.add_running("a", stage=stage)
    await _lose(stores, lose, times=MOST_RESCUES - 1, stage=stage)
    await settle(stores, await stores.claim(stage=stage))
    await lose(stores)
    await _lose(stores, lose, times=MOST_RESCUES - 2, stage=stage)
    assert FAILED not in await _states(stores)


async def test_in_a_task_that_is_being_cancelled_it_is_cancelled(stores: Stores) -> None:
    lose = LOSSES["its server is dead"]
    await stores.add_running("a", pages=1)
    await _lose(stores, lose, times=MOST_RESCUES - 1)
    await stores.claim()
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await lose(stores)
    assert await _states(stores) == [CANCELLED]
