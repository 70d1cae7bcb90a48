"""What is told as it happens, on both databases."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pytest
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.errors import NotFound
from pagemill.domain.task.events import EventRecord, TaskEvent
from pagemill.domain.task.task import TaskStatus
from pagemill.domain.work.outcomes import PageRead
from pagemill.store.notices import SqlTaskNotices
from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.progress.task_watch import TaskWatch

PATIENCE_S = 20


@dataclass
class Feeding:
    stores: Stores
    watch: TaskWatch
    feed: EventFeed


@pytest.fixture
def feeding(stores: Stores) -> Feeding:
    watch = TaskWatch(stores.tasks)
    notices = SqlTaskNotices(stores.database)
    feed = EventFeed(store=stores.tasks, events=stores.events, notices=notices, watch=watch, clock=stores.clock)
    return Feeding(stores, watch, feed)


async def kinds_until(events: AsyncGenerator[Sequence[EventRecord], None], until: TaskEvent) -> list[TaskEvent]:
    """Kinds of events up to the first of that kind."""
    seen: list[TaskEvent] = []
    async with asyncio.timeout(PATIENCE_S):
        while until not in seen:
            seen += [event.event_type for event in await anext(events)]
    return seen


async def read_pages(stores: Stores, *numbers: int) -> None:
    lease = await stores.claim(limit=len(numbers))
    for number in numbers:
        await stores.pages.commit_pages(lease, [PageRead(number, b"{}", seconds=1.0, peak_bytes=1)])


async def test_a_task_is_followed_to_its_end(feeding: Feeding) -> None:
    stores, watch = feeding.stores, feeding.watch
    await stores.add_running(pages=1)
    async with aclosing(feeding.feed.follow("a")) as events:
        assert await kinds_until(events, TaskEvent.STARTED) == [TaskEvent.CREATED, TaskEvent.QUEUED, TaskEvent.STARTED]
        await read_pages(stores, 1)
        watch.notify("a")
        assert await kinds_until(events, TaskEvent.PAGE_DONE) == [TaskEvent.PAGE_DONE]
        await stores.pages.finish_completed()
        watch.notify("a")
        assert await kinds_until(events, TaskEvent.SUCCEEDED) == [TaskEvent.SUCCEEDED]
        await stores.events.append("a", TaskEvent.CLEANUP_COMPLETED)
        await stores.tasks.track("a", cleanup_completed=True)
        watch.notify("a")
        assert await kinds_until(events, TaskEvent.CLEANUP_COMPLETED) == [TaskEvent.CLEANUP_COMPLETED]
        assert [batch async for batch in events] == []


async def test_a_reader_that_was_away_misses_nothing(feeding: Feeding) -> None:
    await feeding.stores.add_running(pages=2)
    before = await feeding.stores.events.read("a")
    await read_pages(feeding.stores, 1, 2)
    async with aclosing(feeding.feed.follow("a", after=before[-1].sequence)) as events:
        assert [event.event_type for event in await anext(events)] == [TaskEvent.PAGE_DONE] * 2


async def test_readers_are_let_go_when_the_service_stops(feeding: Feeding) -> None:
    await feeding.stores.add_running()
    async with aclosing(feeding.feed.follow("a")) as events, aclosing(feeding.feed.notices()) as notices:
        await kinds_until(events, TaskEvent.STARTED)
        assert await anext(notices) == []
        feeding.watch.close()
        async with asyncio.timeout(PATIENCE_S):
            assert [batch for batch in [batch async for batch in events] if batch] == []
            assert [batch async for batch in notices] == []


async def test_nobody_follows_what_is_not_there(feeding: Feeding) -> None:
    with pytest.raises(NotFound):
        await anext(feeding.feed.follow("none"))


async def test_notices_name_each_changed_task_once_and_how_far_it_is(feeding: Feeding) -> None:
    stores = feeding.stores
    await stores.add_running("a", pages=2)
    await stores.tasks.create(new_task("b", pages=3))
    async with aclosing(feeding.feed.notices(after=0)) as notices:
        found = await anext(notices)
        assert [(notice.task_id, notice.status) for notice in found] == [
            ("a", TaskStatus.RUNNING),
            ("b", TaskStatus.CREATED),
        ]
        await read_pages(stores, 1)
        feeding.watch.notify("a")
        async with asyncio.timeout(PATIENCE_S):
            (notice,) = await anext(notices)
        assert (notice.task_id, notice.pages_done, notice.pages_total) == ("a", 1, 2)


async def test_notices_begin_with_what_happens_from_now_on(feeding: Feeding) -> None:
    await feeding.stores.add_running("a")
    async with aclosing(feeding.feed.notices()) as notices:
        assert await anext(notices) == []
