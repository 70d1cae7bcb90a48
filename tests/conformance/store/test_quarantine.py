from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.outcomes import PageFailed
from pagemill.domain.tasks import PageState, Rung

KILLER = PageFailed(1, TaskFailureReason.WORKER_CRASHED, "killed by SIGSEGV", retryable=True)
GREEDY = PageFailed(1, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True)
DAMAGED = PageFailed(1, TaskFailureReason.PAGE_UNREADABLE, "damaged", retryable=False)


async def _give_up_first_page(stores: Stores, task_id: str, failure: PageFailed, *, crashed: bool) -> None:
    await stores.running(task_id, pages=2)
    lease = await stores.claim(task_id, limit=1)
    await stores.pages.fail_page(lease, failure, retry_in=None, crashed=crashed)


async def _states_of_a_second_upload(stores: Stores) -> list[PageState]:
    await stores.running("second", pages=2)
    return [page.state for page in await stores.tasks.pages("second")]


@pytest.mark.parametrize(("failure", "crashed"), [(KILLER, True), (GREEDY, False)])
async def test_a_page_that_kills_or_fits_nowhere_is_not_tried_again_in_another_upload(
    stores: Stores, failure: PageFailed, crashed: bool
) -> None:
    await _give_up_first_page(stores, "first", failure, crashed=crashed)
    assert await _states_of_a_second_upload(stores) == [PageState.FAILED, PageState.QUEUED]
    (page, _) = await stores.tasks.pages("second")
    assert page.failure_reason == failure.reason
    assert (await stores.tasks.get("second")).pages_failed == 1


async def test_a_page_that_is_merely_damaged_is_tried_again(stores: Stores) -> None:
    await _give_up_first_page(stores, "first", DAMAGED, crashed=False)
    assert await _states_of_a_second_upload(stores) == [PageState.QUEUED, PageState.QUEUED]


async def test_the_quarantine_ends_after_a_day(stores: Stores) -> None:
    await _give_up_first_page(stores, "first", KILLER, crashed=True)
    stores.clock.turn(timedelta(hours=25))
    assert await _states_of_a_second_upload(stores) == [PageState.QUEUED, PageState.QUEUED]


async def test_a_page_on_the_ladder_is_leased_alone_and_counts_no_attempt(stores: Stores) -> None:
    await stores.running("first", pages=3)
    lease = await stores.claim("first", limit=1)
    await stores.pages.fail_page(lease, GREEDY, retry_in=timedelta(0), rung=Rung.SMALLER_BATCH)
    again = await stores.claim("first", limit=3)
    assert (again.pages, again.rungs, again.attempts) == ((1,), (Rung.SMALLER_BATCH,), (0,))
    assert (await stores.claim("first", limit=3)).pages == (2, 3)
