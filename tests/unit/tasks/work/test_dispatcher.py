"""What the loop lets in and starts, and how it stops."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task
from tests.fixtures.tasks_room import LIMIT_S, OWNER, Room, Working, eventually

from pagemill.domain.memory import CPU, MemoryLevel
from pagemill.domain.ports import Clock, OnPage
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, TaskStatus
from pagemill.domain.work.backlog import PageKind
from pagemill.domain.work.outcomes import ChunkOutcome
from pagemill.domain.work.recognition import ChunkParams, Stage
from pagemill.store.database import Database
from pagemill.store.page_queue import SqlPageQueue
from pagemill.tasks.decisions.plan import READER_LANE
from pagemill.tasks.work.chunks import ChunkConfig
from pagemill.testing.pool import read_every_page


class CountingPages(SqlPageQueue):
    """Knows how often pages were claimed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.claims = 0

    async def claim_pages(
        self,
        task_id: str,
        kind: PageKind,
        *,
        limit: int,
        owner: str,
        lease_for: timedelta,
    ) -> PageLease | None:
        self.claims += 1
        return await super().claim_pages(task_id, kind, limit=limit, owner=owner, lease_for=lease_for)


async def finish_tasks(room: Room, *task_ids: str) -> list[TaskStatus]:
    async with asyncio.timeout(LIMIT_S):
        return [(await room.watch.until_final(task_id)).status for task_id in task_ids]


async def test_tasks_are_let_in_worked_and_cleaned_up(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    for name in ("b", "a"):
        await stores.add_queued(name, pages=9)
    await room.dispatcher.start()
    assert await finish_tasks(room, "a", "b") == [TaskStatus.SUCCEEDED] * 2
    await room.wait_until_clean()
    await room.dispatcher.stop()
    await room.follower.stop()
    assert (await room.kinds("b")).count(TaskEvent.RESOURCE_ACQUIRED) == 3


async def test_only_so_many_tasks_run(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path, script=Working(), max_running=2)
    for name in ("c", "b", "a"):
        await stores.add_queued(name)
        stores.clock.turn(timedelta(seconds=1))
    await room.dispatcher.run_once()
    await room.dispatcher.run_once()
    statuses = [(await stores.tasks.get(name)).status for name in ("c", "b", "a")]
    assert statuses == [TaskStatus.RUNNING, TaskStatus.RUNNING, TaskStatus.QUEUED]
    await room.dispatcher.stop()
    await room.follower.stop()


async def test_a_chunk_that_settled_nothing_is_not_tried_again_at_once(stores: Stores, tmp_path: Path) -> None:
    pages = CountingPages(stores.database, stores.clock)
    room = Room(stores, tmp_path, config=ChunkConfig(owner=OWNER, acquire_wait=timedelta(0)), pages=pages)
    await room.fake_pool.acquire(device=CPU, engine="rapidocr")
    await stores.add_queued("a")
    await room.dispatcher.start()

    async def was_tried() -> bool:
        assert pages.claims <= 1, "it was tried again at once"
        return pages.claims == 1 and not room.dispatcher.holds("a")

    await eventually(was_tried)
    for _ in range(5):
        await stores.pages.backlog()
        assert await was_tried()
    await room.dispatcher.stop()
    await room.follower.stop()


@pytest.mark.parametrize(("level", "starts"), [(MemoryLevel.SOFT, True), (MemoryLevel.HARD, False)])
async def test_nothing_is_started_where_memory_is_short(
    stores: Stores, tmp_path: Path, *, level: MemoryLevel, starts: bool
) -> None:
    room = Room(stores, tmp_path, script=Working())
    room.memory.levels[CPU] = level
    await stores.add_running("a")
    await room.dispatcher.run_once()
    assert room.dispatcher.holds("a") is starts
    await room.dispatcher.stop()


async def test_the_next_chunk_is_claimed_while_the_last_page_of_the_one_before_is_worked(
    stores: Stores, tmp_path: Path
) -> None:
    working = Working(1, 2)

    async def script(task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        return await (working if task_id == "a" else read_every_page)(task_id, params, on_page)

    room = Room(stores, tmp_path, script=script)
    await stores.add_running("a", pages=3)
    await stores.add_running("b", pages=9)
    await room.dispatcher.start()
    await working.reached.wait()

    async def is_claimed() -> bool:
        return (await room.states("b")).count(PageState.LEASED) > 0

    await eventually(is_claimed)
    assert room.fake_pool.held == 1
    assert room.handlers.services_of("b") == ()
    working.go_on.set()
    assert await finish_tasks(room, "a", "b") == [TaskStatus.SUCCEEDED] * 2
    await room.dispatcher.stop()
    await room.follower.stop()


async def test_nothing_is_claimed_before_the_last_page(stores: Stores, tmp_path: Path) -> None:
    working = Working(1)
    pages = CountingPages(stores.database, stores.clock)
    room = Room(stores, tmp_path, script=working, pages=pages)
    await stores.add_running("a", pages=9)
    await room.dispatcher.start()
    await working.reached.wait()
    for _ in range(5):
        room.dispatcher.wake()
        await stores.pages.backlog()
    assert pages.claims == 1
    await room.dispatcher.stop()


async def test_text_layers_are_taken_however_short_memory_is(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path, script=Working(), capacity={READER_LANE: 1, CPU: 1})
    room.memory.levels[CPU] = MemoryLevel.EMERGENCY
    await stores.add_running("a", stage=Stage.TEXT)
    await room.dispatcher.run_once()
    assert room.dispatcher.holds("a")
    await room.dispatcher.stop()


async def test_stopping_gives_pages_back_and_costs_no_attempt(stores: Stores, tmp_path: Path) -> None:
    working = Working(1)
    room = Room(stores, tmp_path, script=working)
    await stores.add_queued("a")
    await room.dispatcher.start()
    await working.reached.wait()
    await room.dispatcher.stop()
    await room.dispatcher.stop()
    await room.follower.stop()
    pages = await stores.tasks.pages("a")
    assert [page.state for page in pages] == [PageState.DONE, PageState.QUEUED, PageState.QUEUED]
    assert {page.attempts + page.crashes for page in pages} == {0}
    assert (await stores.tasks.get("a")).status is TaskStatus.RUNNING
    await room.dispatcher.run_once()
    assert not room.dispatcher.holds("a")


async def test_a_cancelled_task_is_let_go_of_and_cleaned_up_and_no_other(stores: Stores, tmp_path: Path) -> None:
    working = Working()
    room = Room(stores, tmp_path, script=working, capacity={CPU: 2, READER_LANE: 1})
    await stores.add_running("a")
    await room.dispatcher.run_once()
    await stores.add_queued("b")
    await working.reached.wait()
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await room.dispatcher.cancel("a")
    assert not room.dispatcher.holds("a")
    await stores.pages.finish_completed("a")
    room.watch.notify("a")
    await room.wait_until_clean()
    task = await stores.tasks.get("a")
    assert (task.status, task.resource_cleanup_completed) == (TaskStatus.CANCELLED, True)
    working.go_on.set()
    await room.dispatcher.run_once()
    assert await finish_tasks(room, "b") == [TaskStatus.SUCCEEDED]
    await room.dispatcher.stop()
    await room.follower.stop()


async def test_a_task_for_a_device_that_is_not_there_waits(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.queue.add_task(await stores.tasks.create(new_task("a")))
    room.memory.limits.clear()
    await room.dispatcher.run_once()
    assert (await stores.tasks.get("a")).status is TaskStatus.QUEUED


@pytest.mark.parametrize(
    ("spare", "callers", "in_line"),
    [((CPU,), "xyz", 2), ((CPU,), "xxx", 1), ((), "xyz", 1)],
    ids=["of three callers two", "of one caller one", "without a spare place one"],
)
async def test_a_caller_with_nothing_in_progress_goes_in_line_for_the_spare_place(
    spare: tuple[str, ...], callers: str, in_line: int, stores: Stores, tmp_path: Path
) -> None:
    room = Room(stores, tmp_path, script=Working(), spare=spare)
    for name, caller in zip("abc", callers, strict=True):
        await stores.add_queued(name, caller=caller)
    for _ in range(3):
        await room.dispatcher.run_once()
    assert len(room.dispatcher.works()) == in_line
    await room.dispatcher.stop()
    await room.follower.stop()
