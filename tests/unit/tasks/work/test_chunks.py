"""Whatever happens to a chunk, its pages are settled or given back, and its service is released."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, read_page
from tests.fixtures.tasks_room import LIMIT_S, OWNER, Room, Working, eventually, some_pages

from pagemill.domain.errors import DeviceUnavailable, NeverFits, PagemillError, TaskFailureReason, WorkerLost
from pagemill.domain.memory import CPU
from pagemill.domain.ports import Clock, OnPage
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, TaskStatus
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, WorkerLoss
from pagemill.domain.work.recognition import ChunkParams, Stage
from pagemill.engines.registry import engine_specs
from pagemill.store.database import Database
from pagemill.store.page_queue import SqlPageQueue
from pagemill.tasks.work.chunks import ChunkConfig
from pagemill.testing.pool import FakeServicePool

DONE, QUEUED, FAILED = PageState.DONE, PageState.QUEUED, PageState.FAILED


def make_refusing(error: PagemillError) -> FakeServicePool:
    """A pool whose every `acquire` raises."""

    def refuse() -> None:
        raise error

    return FakeServicePool(engine_specs(), {CPU: 1}, on_acquire=refuse)


class WatchedPages(SqlPageQueue):
    """Says when a lease was renewed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.renewed = asyncio.Event()

    async def renew(self, lease: PageLease, lease_for: timedelta) -> PageLease:
        renewed = await super().renew(lease, lease_for)
        self.renewed.set()
        return renewed


async def check_nothing_is_held(room: Room) -> None:
    assert room.fake_pool.held == 0
    assert room.handlers.services_of("a") == ()
    assert PageState.LEASED not in await room.states()
    kinds = await room.kinds()
    assert kinds.count(TaskEvent.RESOURCE_ACQUIRED) == kinds.count(TaskEvent.RESOURCE_RELEASED)


async def test_the_last_chunk_ends_its_task(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running(pages=3)
    assert await room.chunks.run(some_pages(2))
    assert await room.states() == [DONE, DONE, QUEUED]
    assert await room.chunks.run(some_pages(2))
    task = await stores.tasks.get("a")
    assert task.status is TaskStatus.SUCCEEDED
    assert task.service_instance_id is not None
    assert (await room.kinds()).count(TaskEvent.RESOURCE_ACQUIRED) == 2
    await check_nothing_is_held(room)


async def test_where_nothing_can_be_claimed_no_service_is_asked_for(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path, pool=make_refusing(NeverFits("Whoever asks is refused.")))
    await stores.add_queued()
    assert not await room.chunks.run(some_pages())
    assert await room.states() == [QUEUED] * 3


async def test_a_commit_under_a_stale_lease_ends_the_chunk(stores: Stores, tmp_path: Path) -> None:
    async def rob_lease(_task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        await on_page(read_page(1))
        assert await stores.pages.rescue(owner=OWNER) == 2
        await on_page(read_page(2))
        return ChunkOutcome(params.pages)

    room = Room(stores, tmp_path, script=rob_lease)
    await stores.add_running(pages=3)
    await room.chunks.run(some_pages())
    assert await room.states() == [DONE, QUEUED, QUEUED]
    await check_nothing_is_held(room)


async def test_a_lease_found_stale_at_its_renewal_ends_the_work_under_it(stores: Stores, tmp_path: Path) -> None:
    working = Working(1)
    config = ChunkConfig(owner=OWNER, lease_for=timedelta(milliseconds=30))
    room = Room(stores, tmp_path, script=working, config=config)
    await stores.add_running(pages=3)
    running = asyncio.create_task(room.chunks.run(some_pages()))
    await working.reached.wait()
    await stores.pages.rescue(owner=OWNER)
    async with asyncio.timeout(LIMIT_S):
        await running
    assert await room.states() == [DONE, QUEUED, QUEUED]
    await check_nothing_is_held(room)


async def test_a_lease_is_kept_while_its_pages_are_worked(stores: Stores, tmp_path: Path) -> None:
    working, pages = Working(), WatchedPages(stores.database, stores.clock)
    config = ChunkConfig(owner=OWNER, lease_for=timedelta(milliseconds=30))
    room = Room(stores, tmp_path, script=working, config=config, pages=pages)
    await stores.add_running(pages=2)
    running = asyncio.create_task(room.chunks.run(some_pages()))
    await working.reached.wait()
    for _ in range(3):
        stores.clock.turn(timedelta(milliseconds=20))
        pages.renewed.clear()
        async with asyncio.timeout(LIMIT_S):
            await pages.renewed.wait()
    assert await stores.pages.rescue() == 0
    working.go_on.set()
    assert await running
    assert await room.states() == [DONE, DONE]


async def test_text_layers_are_stored_while_their_chunk_goes_on(stores: Stores, tmp_path: Path) -> None:
    working = Working(1, 2)
    room = Room(stores, tmp_path, script=working)
    await stores.add_running(pages=3, stage=Stage.TEXT)
    running = asyncio.create_task(room.chunks.run(some_pages(stage=Stage.TEXT)))
    await working.reached.wait()

    async def two_are_done() -> bool:
        return await room.states() == [DONE, DONE, PageState.LEASED]

    await eventually(two_are_done)
    working.go_on.set()
    assert await running
    assert await room.states() == [DONE] * 3
    await check_nothing_is_held(room)


async def test_text_layers_that_are_not_stored_when_their_chunk_is_called_off_go_back(
    stores: Stores, tmp_path: Path
) -> None:
    working = Working(1, 2)
    config = ChunkConfig(owner=OWNER, text_pages_within=timedelta(hours=1))
    room = Room(stores, tmp_path, script=working, config=config)
    await stores.add_running(pages=3, stage=Stage.TEXT)
    running = asyncio.create_task(room.chunks.run(some_pages(stage=Stage.TEXT)))
    await working.reached.wait()
    running.cancel()
    await asyncio.wait([running])
    assert await room.states() == [QUEUED] * 3
    await check_nothing_is_held(room)


async def test_pages_wait_where_no_service_becomes_free(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path, config=ChunkConfig(owner=OWNER, acquire_wait=timedelta(0)))
    await room.fake_pool.acquire(device=CPU, engine="rapidocr")
    await stores.add_running(pages=3)
    assert not await room.chunks.run(some_pages())
    pages = await stores.tasks.pages("a")
    assert [(page.state, page.attempts, page.crashes) for page in pages] == [(QUEUED, 0, 0)] * 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NeverFits("It needs 9 GiB; the device has 2."), TaskFailureReason.MEMORY_LIMIT_EXCEEDED),
        (DeviceUnavailable("There is no cuda:3."), TaskFailureReason.DEVICE_UNAVAILABLE),
    ],
)
async def test_what_can_never_run_fails_and_says_why(
    stores: Stores, tmp_path: Path, *, error: PagemillError, reason: TaskFailureReason
) -> None:
    room = Room(stores, tmp_path, pool=make_refusing(error))
    await stores.add_running(pages=2)
    assert await room.chunks.run(some_pages())
    assert await room.states() == [FAILED, FAILED]
    task = await stores.tasks.get("a")
    assert (task.status, task.failure_reason, task.failure_message) == (TaskStatus.FAILED, reason, error.message)


async def test_a_model_set_that_cannot_be_loaded_is_tried_again_later(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path, pool=make_refusing(WorkerLost("It died while loading.")))
    await stores.add_running(pages=2)
    assert await room.chunks.run(some_pages())
    assert [(page.state, page.attempts) for page in await stores.tasks.pages("a")] == [(QUEUED, 1)] * 2
    assert not await room.chunks.run(some_pages()), "the pages wait for their time"


@pytest.mark.parametrize(("page", "crashes"), [(2, [0, 1, 0]), (None, [0, 0, 0])])
async def test_a_lost_worker_is_told_of_and_only_its_page_blamed(
    stores: Stores, tmp_path: Path, *, page: int | None, crashes: list[int]
) -> None:
    async def die_at_work(_task_id: str, _params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        await on_page(read_page(1))
        return ChunkOutcome((1,), WorkerLoss(LossCause.CRASH, "It died.", page=page))

    room = Room(stores, tmp_path, script=die_at_work)
    await stores.add_running(pages=3)
    assert await room.chunks.run(some_pages())
    pages = await stores.tasks.pages("a")
    assert [page.state for page in pages] == [DONE, QUEUED, QUEUED]
    assert [page.crashes for page in pages] == crashes
    assert (await room.kinds()).count(TaskEvent.WORKER_LOST) == 1
    await check_nothing_is_held(room)


async def test_a_page_that_fails_for_good_leaves_the_others_alone(stores: Stores, tmp_path: Path) -> None:
    async def fail_pages(_task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        await on_page(read_page(1))
        await on_page(PageFailed(2, TaskFailureReason.PAGE_UNREADABLE, "It is damaged.", retryable=False))
        return ChunkOutcome(params.pages)

    room = Room(stores, tmp_path, script=fail_pages)
    await stores.add_running(pages=2)
    await room.chunks.run(some_pages())
    task = await stores.tasks.get("a")
    assert (task.status, task.pages_done, task.pages_failed) == (TaskStatus.PARTIALLY_SUCCEEDED, 1, 1)


async def test_a_chunk_cancelled_while_it_waits_for_a_service_costs_nothing(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    held = await room.fake_pool.acquire(device=CPU, engine="rapidocr")
    await stores.add_running(pages=2)
    running = asyncio.create_task(room.chunks.run(some_pages()))

    async def is_claimed() -> bool:
        return PageState.LEASED in await room.states()

    await eventually(is_claimed)
    running.cancel()
    await asyncio.wait([running])
    assert [(page.state, page.attempts) for page in await stores.tasks.pages("a")] == [(QUEUED, 0)] * 2
    await room.fake_pool.release(held)
    await check_nothing_is_held(room)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377])
async def test_a_chunk_cancelled_at_any_moment_holds_nothing_and_loses_nothing(
    stores: Stores, tmp_path: Path, turns: int
) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running(pages=4)
    running = asyncio.create_task(room.chunks.run(some_pages()))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    await check_nothing_is_held(room)
    assert {page.attempts + page.crashes for page in await stores.tasks.pages("a")} == {0}
    await room.chunks.run(some_pages())
    assert (await room.kinds()).count(TaskEvent.PAGE_DONE) == 4
    assert (await stores.tasks.get("a")).status is TaskStatus.SUCCEEDED
