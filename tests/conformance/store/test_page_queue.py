"""`PageQueue`: a page is in one pair of hands at a time, is done once, and is never lost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.fixtures.stores import LEASE, MINUTE, Stores, failed_page, kind_of, new_task, read_page, start_database

from pagemill.domain.errors import StaleLease, TaskFailureReason
from pagemill.domain.memory import CPU, MIB
from pagemill.domain.page.page import PageWarning, WarningKind
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, Task, TaskOptions, TaskStatus
from pagemill.domain.work.outcomes import PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.store.database import Database
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.tables import tasks

NOW = timedelta()
WARNINGS = (
    PageWarning(kind=WarningKind.UNREAD_INK, message="Unread: «é».", box=(1.5, 2, 3, 4)),
    PageWarning(kind=WarningKind.STRUCTURE, message="No tables."),
)


async def _states(stores: Stores, name: str = "a") -> list[str]:
    return [page.state.value for page in await stores.tasks.pages(name)]


async def _claim(stores: Stores, name: str = "a", *, stage: Stage = Stage.OCR) -> PageLease | None:
    return await stores.pages.claim_pages(name, kind_of(stage), limit=10, owner="server", lease_for=LEASE)


# --- claiming --------------------------------------------------------------------------------------------------------


async def test_a_claim_takes_the_lowest_pages_and_says_all_a_worker_needs(stores: Stores) -> None:
    task = await stores.add_running("a", pages=5)
    lease = await stores.claim("a", limit=3)
    assert (lease.task_id, lease.stage, lease.pages) == ("a", Stage.OCR, (1, 2, 3))
    assert (lease.attempts, lease.crashes) == ((0, 0, 0), (0, 0, 0))
    assert (lease.document, lease.options) == (task.document, task.options.recognition)
    assert lease.until == stores.clock.now() + LEASE
    assert await _states(stores) == ["leased", "leased", "leased", "queued", "queued"]
    assert (await stores.claim("a")).pages == (4, 5)
    assert await _claim(stores) is None


async def test_tokens_rise_with_every_lease(stores: Stores) -> None:
    await stores.add_running("a", pages=3)
    tokens = []
    for _ in range(3):
        lease = await stores.claim("a", limit=2)
        tokens.append(lease.token)
        await stores.pages.give_back(lease, lease.pages)
    assert tokens == sorted(set(tokens))


async def test_nothing_is_claimed_of_a_task_that_does_not_run(stores: Stores) -> None:
    assert await _claim(stores, "nobody") is None
    await stores.tasks.create(new_task("a"))
    for status in (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.CANCELLING):
        await stores.tasks.transition("a", status)
        if status is not TaskStatus.RUNNING:
            assert await _claim(stores) is None


async def test_stages_are_claimed_apart(stores: Stores) -> None:
    await stores.add_running("a", pages=3, stage=Stage.TEXT)
    assert await _claim(stores, stage=Stage.OCR) is None
    lease = await stores.claim("a", stage=Stage.TEXT)
    for number in (1, 3):
        await stores.pages.commit_pages(lease, [PageNeedsOcr(number)])
    assert (await stores.claim("a", stage=Stage.OCR)).pages == (1, 3)
    assert (await stores.tasks.get("a")).pages_done == 0


async def test_a_page_that_killed_a_worker_is_leased_alone(stores: Stores) -> None:
    await stores.add_running("a", pages=4)
    lease = await stores.claim("a")
    await stores.pages.fail_page(lease, failed_page(2), retry_in=NOW, crashed=True)
    await stores.pages.give_back(lease, (1, 3, 4))
    leases = [await stores.claim("a") for _ in range(3)]
    assert [lease.pages for lease in leases] == [(1,), (2,), (3, 4)]
    assert [lease.crashes for lease in leases] == [(0,), (1,), (0, 0)]


async def test_a_page_waits_for_its_next_try(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    await stores.pages.fail_page(await stores.claim("a", limit=1), failed_page(1), retry_in=MINUTE)
    assert (await stores.claim("a")).pages == (2,)
    stores.clock.turn(MINUTE - timedelta(microseconds=1))
    assert await _claim(stores) is None
    stores.clock.turn(timedelta(microseconds=1))
    lease = await stores.claim("a")
    assert (lease.pages, lease.attempts) == ((1,), (1,))


async def test_four_claimers_never_get_the_same_page(stores: Stores, database_url: str) -> None:
    await stores.add_running("a", pages=40)

    async def claim_all(database: Database) -> list[int]:
        queue = SqlPageQueue(database, stores.clock)
        claimed: list[int] = []
        while (lease := await queue.claim_pages("a", kind_of(), limit=3, owner="x", lease_for=LEASE)) is not None:
            claimed += lease.pages
            await queue.commit_pages(lease, [read_page(lease.pages[0])])
        return claimed

    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(start_database(database_url)) for _ in range(4)]
        claimed = await asyncio.gather(*map(claim_all, servers))
    assert sorted(page for pages in claimed for page in pages) == list(range(1, 41))


# --- backlog ---------------------------------------------------------------------------------------------------------


async def test_the_backlog_counts_what_can_be_worked_on(stores: Stores) -> None:
    await stores.add_queued("waits")
    await stores.tasks.transition("waits", TaskStatus.CANCELLED)
    await stores.add_running("a", pages=6, stage=Stage.TEXT)
    lease = await stores.claim("a", stage=Stage.TEXT, limit=4)
    await stores.pages.commit_pages(lease, [PageNeedsOcr(1)])
    await stores.pages.commit_pages(lease, [read_page(2)])
    await stores.pages.fail_page(lease, failed_page(3), retry_in=MINUTE)
    (backlog,) = await stores.pages.backlog()
    assert (backlog.task_id, backlog.priority) == ("a", 0)
    assert (backlog.waiting, backlog.leased) == ({kind_of(Stage.TEXT): 2, kind_of(Stage.OCR): 1}, 1)
    stores.clock.turn(MINUTE)
    assert (await stores.pages.backlog())[0].waiting == {kind_of(Stage.TEXT): 3, kind_of(Stage.OCR): 1}


@pytest.mark.parametrize("structure", [True, False])
async def test_the_backlog_says_where_structure_is_wanted(stores: Stores, *, structure: bool) -> None:
    options = TaskOptions(recognition=RecognitionOptions(structure=structure))
    await stores.queue.add_task(await stores.tasks.create(new_task("a", options=options)))
    await stores.queue.get_next_task(CPU)
    assert [backlog.structure for backlog in await stores.pages.backlog()] == [structure]


async def test_the_backlog_of_a_task_from_before_there_was_structure_wants_none(stores: Stores) -> None:
    await stores.add_running("a")
    before = TaskOptions().model_dump(mode="json", exclude={"recognition": {"structure"}})
    await stores.database.write(lambda connection: connection.execute(update(tasks).values(options=before)))
    assert [backlog.structure for backlog in await stores.pages.backlog()] == [False]


async def test_the_backlog_is_in_the_order_of_admission(stores: Stores) -> None:
    for name in ("c", "a", "b"):
        await stores.add_running(name, pages=1)
    backlogs = await stores.pages.backlog()
    assert [backlog.task_id for backlog in backlogs] == ["c", "a", "b"]
    assert [backlog.sequence for backlog in backlogs] == sorted({backlog.sequence for backlog in backlogs})
    assert [backlog.task_id for backlog in await stores.pages.backlog(limit=2)] == ["c", "a"]


async def test_a_task_whose_pages_are_all_in_hand_stays_in_the_backlog_until_they_are_done(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    lease = await stores.claim("a")
    assert [(backlog.waiting, backlog.leased) for backlog in await stores.pages.backlog()] == [({}, 1)]
    await stores.pages.commit_pages(lease, [read_page(1)])
    assert await stores.pages.backlog() == []


# --- committing ------------------------------------------------------------------------------------------------------


async def test_a_commit_stores_the_page_and_what_it_cost(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(
        lease,
        [replace(read_page(1, b'{"x": 1}', peak_bytes=700 * MIB + 1), confidence=0.75, warnings=WARNINGS)],
    )
    page = (await stores.tasks.pages("a"))[0]
    assert (page.state, page.seconds, page.confidence) == (PageState.DONE, 1.5, 0.75)
    assert page.warnings == WARNINGS
    assert page.finished_at == stores.clock.now()
    assert [result async for result in stores.tasks.results("a")] == [b'{"x": 1}']
    task = await stores.tasks.get("a")
    assert (task.pages_done, task.actual_memory_mb) == (1, 701)
    await stores.pages.commit_pages(lease, [read_page(2, peak_bytes=600 * MIB)])
    task = await stores.tasks.get("a")
    assert (task.pages_done, task.actual_memory_mb) == (2, 701)


async def test_pages_are_committed_together(stores: Stores) -> None:
    await stores.add_running("a", pages=4, stage=Stage.TEXT)
    lease = await stores.claim("a", stage=Stage.TEXT)
    read = [read_page(number, b"%d" % number, peak_bytes=number * MIB) for number in (3, 1)]
    await stores.pages.commit_pages(lease, [read[0], PageNeedsOcr(2), read[1]])
    pages = await stores.tasks.pages("a")
    assert [page.state for page in pages] == [PageState.DONE, PageState.QUEUED, PageState.DONE, PageState.LEASED]
    assert [result async for result in stores.tasks.results("a")] == [b"1", b"3"]
    task = await stores.tasks.get("a")
    assert (task.pages_done, task.actual_memory_mb) == (2, 3)
    done = await stores.events.read("a", kinds=[TaskEvent.PAGE_DONE])
    assert [event.details["page"] for event in done] == [3, 1]


@pytest.mark.parametrize("late", [read_page(1), PageNeedsOcr(1)])
async def test_of_pages_committed_together_none_is_where_one_is_stale(
    stores: Stores, late: PageRead | PageNeedsOcr
) -> None:
    await stores.add_running("a", pages=3, stage=Stage.TEXT)
    lease = await stores.claim("a", stage=Stage.TEXT)
    await stores.pages.commit_pages(lease, [read_page(1)])
    before = (await stores.tasks.get("a"), await stores.tasks.pages("a"), await stores.events.read("a"))
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(3), late, read_page(2)])
    assert before == (await stores.tasks.get("a"), await stores.tasks.pages("a"), await stores.events.read("a"))


async def test_a_page_is_committed_once(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(1, b"first")])
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(1, b"second")])
    assert [result async for result in stores.tasks.results("a")] == [b"first"]
    assert (await stores.tasks.get("a")).pages_done == 1


@pytest.mark.parametrize("deed", ["read", "needs ocr", "fail", "retry", "give back", "renew"])
async def test_a_stale_lease_changes_nothing(stores: Stores, deed: str) -> None:
    await stores.add_running("a", pages=1)
    stale = await stores.claim("a")
    stores.clock.turn(LEASE)
    assert await stores.pages.rescue() == 1
    fresh = await stores.claim("a")
    before = (await stores.tasks.get("a"), await stores.tasks.pages("a"), await stores.events.read("a"))
    pages = stores.pages
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: pages.commit_pages(stale, [read_page(1, peak_bytes=MIB)]),
        "needs ocr": lambda: pages.commit_pages(stale, [PageNeedsOcr(1)]),
        "fail": lambda: pages.fail_page(stale, failed_page(1), retry_in=None),
        "retry": lambda: pages.fail_page(stale, failed_page(1), retry_in=NOW),
        "give back": lambda: pages.give_back(stale, [1]),
        "renew": lambda: pages.renew(stale, LEASE),
    }
    with pytest.raises(StaleLease):
        await deeds[deed]()
    assert before == (await stores.tasks.get("a"), await stores.tasks.pages("a"), await stores.events.read("a"))
    await pages.commit_pages(fresh, [read_page(1)])


async def test_a_lease_of_an_ended_or_deleted_task_is_stale(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.tasks.transition("a", TaskStatus.FAILED)
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(1)])
    with pytest.raises(StaleLease):
        await stores.pages.renew(lease, LEASE)
    await stores.tasks.delete("a")
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(1)])
    with pytest.raises(StaleLease):
        await stores.pages.give_back(lease, [1])


# --- failing and giving back -----------------------------------------------------------------------------------------


async def test_attempts_and_crashes_are_counted_apart(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    for crashed in (False, True, True):
        await stores.pages.fail_page(await stores.claim("a"), failed_page(1), retry_in=NOW, crashed=crashed)
    (page,) = await stores.tasks.pages("a")
    assert (page.state, page.attempts, page.crashes) == (PageState.QUEUED, 1, 2)
    assert (page.failure_reason, page.failure_message) == (TaskFailureReason.ENGINE_ERROR, "It went wrong.")
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(1)])
    (page,) = await stores.tasks.pages("a")
    assert (page.state, page.failure_reason, page.failure_message) == (PageState.DONE, None, None)


async def test_a_failure_raises_the_peak_of_the_task(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    failure = replace(failed_page(1, TaskFailureReason.OUT_OF_MEMORY), peak_bytes=900 * MIB)
    await stores.pages.fail_page(await stores.claim("a"), failure, retry_in=None)
    task = await stores.tasks.get("a")
    assert (task.actual_memory_mb, task.pages_failed) == (900, 1)


async def test_giving_back_costs_nothing_and_is_whole_or_not_at_all(stores: Stores) -> None:
    await stores.add_running("a", pages=3)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(1)])
    with pytest.raises(StaleLease):
        await stores.pages.give_back(lease, (1, 2))
    assert await _states(stores) == ["done", "leased", "leased"]
    await stores.pages.give_back(lease, (2, 3))
    assert await _states(stores) == ["done", "queued", "queued"]
    assert (await stores.claim("a")).attempts == (0, 0)


# --- renewing and rescuing -------------------------------------------------------------------------------------------


async def test_a_renewed_lease_outlives_its_first_end(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(1)])
    stores.clock.turn(LEASE - timedelta(seconds=1))
    renewed = await stores.pages.renew(lease, LEASE)
    assert renewed == replace(lease, until=stores.clock.now() + LEASE)
    stores.clock.turn(LEASE - timedelta(seconds=1))
    assert await stores.pages.rescue() == 0
    stores.clock.turn(timedelta(seconds=1))
    assert await stores.pages.rescue() == 1


async def test_renewing_when_every_page_is_settled_is_no_error(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(1)])
    await stores.pages.fail_page(lease, failed_page(2), retry_in=None)
    await stores.pages.renew(lease, LEASE)


async def test_the_pages_of_a_dead_server_are_rescued_at_once(stores: Stores) -> None:
    await stores.add_running("a", pages=4)
    dead = await stores.claim("a", limit=2, owner="dead")
    alive = await stores.claim("a", limit=1, owner="alive")
    assert await stores.pages.rescue(owner="dead") == 2
    assert await _states(stores) == ["queued", "queued", "leased", "queued"]
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(dead, [read_page(1)])
    await stores.pages.commit_pages(alive, [read_page(3)])
    assert (await stores.claim("a")).attempts == (0, 0, 0)


# --- finishing -------------------------------------------------------------------------------------------------------


async def _finish(stores: Stores, *, done: int, failed: int) -> Task:
    await stores.add_running("a", pages=done + failed)
    lease = await stores.claim("a", limit=100)
    for number in lease.pages[:done]:
        await stores.pages.commit_pages(lease, [read_page(number)])
    for number in lease.pages[done:]:
        reason = TaskFailureReason.TIMEOUT if number == lease.pages[-1] else TaskFailureReason.OUT_OF_MEMORY
        await stores.pages.fail_page(lease, failed_page(number, reason), retry_in=None)
    (task,) = await stores.pages.finish_completed()
    assert task == await stores.tasks.get("a")
    assert await stores.pages.finish_completed() == []
    return task


async def test_a_task_with_every_page_done_succeeded(stores: Stores) -> None:
    task = await _finish(stores, done=2, failed=0)
    assert (task.status, task.failure_reason, task.finished_at) == (TaskStatus.SUCCEEDED, None, stores.clock.now())


async def test_a_task_with_some_pages_done_partially_succeeded(stores: Stores) -> None:
    task = await _finish(stores, done=1, failed=2)
    assert (task.status, task.failure_reason) == (TaskStatus.PARTIALLY_SUCCEEDED, None)
    assert task.failure_message == "2 of 3 pages could not be read."


async def test_a_task_with_no_page_done_failed_for_the_commonest_reason(stores: Stores) -> None:
    task = await _finish(stores, done=0, failed=3)
    assert (task.status, task.failure_reason) == (TaskStatus.FAILED, TaskFailureReason.OUT_OF_MEMORY)


async def test_only_the_named_task_is_finished_and_only_if_nothing_is_left(stores: Stores) -> None:
    for name in ("a", "b"):
        await stores.add_running(name, pages=1)
        await stores.pages.commit_pages(await stores.claim(name), [read_page(1)])
    await stores.add_running("c", pages=1)
    assert await stores.pages.finish_completed("c") == []
    assert [task.task_id for task in await stores.pages.finish_completed("b")] == ["b"]
    assert [task.task_id for task in await stores.pages.finish_completed()] == ["a"]


@pytest.mark.parametrize("ending", ["commit", "fail", "give back", "needs ocr", "rescue"])
async def test_a_cancelling_task_ends_once_no_page_is_in_hand(stores: Stores, ending: str) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a", limit=1)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    assert await stores.pages.finish_completed() == []
    match ending:
        case "commit":
            await stores.pages.commit_pages(lease, [read_page(1)])
        case "fail":
            await stores.pages.fail_page(lease, failed_page(1), retry_in=NOW)
        case "give back":
            await stores.pages.give_back(lease, [1])
        case "needs ocr":
            await stores.pages.commit_pages(lease, [PageNeedsOcr(1)])
        case "rescue":
            await stores.pages.rescue(owner="server")
    (task,) = await stores.pages.finish_completed()
    assert task.status is TaskStatus.CANCELLED
    assert await _states(stores) == ["done" if ending == "commit" else "cancelled", "cancelled"]


async def test_pages_in_hand_when_a_task_is_requeued_may_still_be_committed(stores: Stores) -> None:
    task = await stores.add_running("a", pages=2)
    lease = await stores.claim("a", limit=1)
    await stores.queue.requeue_task(task)
    await stores.pages.commit_pages(lease, [read_page(1)])
    assert await _states(stores) == ["done", "queued"]
