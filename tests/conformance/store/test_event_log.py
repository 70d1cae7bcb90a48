"""`EventLog`: everything that happens is read once, in order, by who resumes from the last sequence it saw."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, failed_page, new_task, read_page

from pagemill.domain.errors import NotFound
from pagemill.domain.task.events import Details, EventRecord, TaskEvent
from pagemill.domain.task.task import TaskStatus


async def test_entries_are_read_as_they_were_written(stores: Stores) -> None:
    await stores.tasks.create(new_task("a", pages=2))
    details: Details = {"text": "ä", "count": 3, "share": 0.5, "yes": True, "none": None}
    await stores.events.append("a", TaskEvent.MEMORY_WARNING, details)
    created, warning = await stores.events.read("a")
    assert (created.event_type, created.details) == (TaskEvent.CREATED, {"pages": 2})
    assert (warning.event_type, warning.details) == (TaskEvent.MEMORY_WARNING, details)
    assert (warning.task_id, warning.timestamp) == ("a", stores.clock.now())


async def test_reading_goes_on_after_the_last_sequence(stores: Stores) -> None:
    for name in ("a", "b"):
        await stores.tasks.create(new_task(name))
    for number in range(5):
        await stores.events.append("a", TaskEvent.PROGRESS, {"number": number})
        await stores.events.append("b", TaskEvent.PROGRESS)
    seen: list[EventRecord] = []
    after = 0
    while entries := await stores.events.read("a", after=after, limit=2):
        seen += entries
        after = entries[-1].sequence
    assert [entry.details.get("number") for entry in seen] == [None, 0, 1, 2, 3, 4]
    assert {entry.task_id for entry in seen} == {"a"}


async def test_entries_of_a_task_that_is_not_there_are_refused(stores: Stores) -> None:
    with pytest.raises(NotFound):
        await stores.events.append("a", TaskEvent.PROGRESS)
    assert await stores.events.read("a") == []


async def test_writers_at_once_lose_nothing_for_a_reader_that_follows(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    followed: list[int] = []

    async def follow() -> None:
        while len(followed) < 31:
            entries = await stores.events.read("a", after=followed[-1] if followed else 0)
            followed.extend(entry.sequence for entry in entries)

    async def write() -> None:
        for _ in range(10):
            await stores.events.append("a", TaskEvent.PROGRESS)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for _ in range(3):
            group.create_task(write())
    assert followed == [entry.sequence for entry in await stores.events.read("a")]


async def test_a_task_s_life_is_told_by_its_events(stores: Stores) -> None:
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [replace(read_page(1), confidence=0.9)])
    await stores.pages.fail_page(lease, failed_page(2), retry_in=timedelta())
    await stores.pages.fail_page(await stores.claim("a"), failed_page(2), retry_in=None)
    (ended,) = await stores.pages.finish_completed()
    await stores.queue.add_task(ended, 2)
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    log = await stores.events.read("a")
    assert [entry.event_type for entry in log] == [
        TaskEvent.CREATED,
        TaskEvent.QUEUED,
        TaskEvent.STARTED,
        TaskEvent.PAGE_DONE,
        TaskEvent.PAGE_RETRIED,
        TaskEvent.PAGE_FAILED,
        TaskEvent.PARTIALLY_SUCCEEDED,
        TaskEvent.QUEUED,
        TaskEvent.CANCELLED,
    ]
    assert log[2].details == {"device": "cpu"}
    assert log[3].details == {"page": 1, "seconds": 1.5, "confidence": 0.9}
    assert log[5].details == {"page": 2, "reason": "engine_error", "message": "It went wrong."}
    assert log[7].details == {"priority": 2}


async def test_only_the_kinds_asked_for_are_read(stores: Stores) -> None:
    await stores.add_running(pages=1)
    kinds = (TaskEvent.STARTED, TaskEvent.CREATED)
    found = await stores.events.read("a", kinds=kinds)
    assert [event.event_type for event in found] == [TaskEvent.CREATED, TaskEvent.STARTED]
    assert await stores.events.read("a", after=found[-1].sequence, kinds=kinds) == []
