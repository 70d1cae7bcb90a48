"""A fault at every single write to the database: the task ends right all the same, and nothing is done twice.

One document is taken through the tasks room again and again; in run n the n-th write fails, in each of three ways.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import RunningClock, Stores, new_task
from tests.fixtures.tasks_room import OWNER, Room, eventually

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, Task, TaskStatus
from pagemill.store.database import Database
from pagemill.tasks.duties.rescuer import Rescuer, RescuerConfig
from pagemill.tasks.work.chunks import ChunkConfig

T = TypeVar("T")
PAGES = 3
SOON = timedelta(milliseconds=10)
"""Between two looks of every duty, and the life of a lease: so that a run takes no longer than it must."""
LEASE = timedelta(milliseconds=300)


class Fault(StrEnum):
    """Where a write transaction fails."""

    STATEMENT = "before its first statement"
    BEFORE_COMMIT = "before it is committed"
    AFTER_COMMIT = "after it was committed, unknown to its writer"


class FaultyDatabase(Database):
    """A database whose n-th write transaction fails."""

    def __init__(self, url: str, *, fails_at: int, fault: Fault) -> None:
        super().__init__(url)
        self.writes = 0
        self._fails_at = fails_at
        self._fault = fault

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        self.writes += 1
        fails = self.writes == self._fails_at
        if fails and self._fault is Fault.STATEMENT:
            raise DatabaseUnavailable("A fault of the test.")

        def faulty(connection: Connection) -> T:
            result = work(connection)
            if fails and self._fault is Fault.BEFORE_COMMIT:
                raise OperationalError("COMMIT", {}, OSError("A fault of the test."))
            return result

        result = await super().write(faulty, durable=durable)
        if fails and self._fault is Fault.AFTER_COMMIT:
            raise DatabaseUnavailable("A fault of the test.")
        return result


async def _submit_again(stores: Stores) -> None:
    """As a client does it who sends again what was not taken; a task may be there although it was told otherwise."""
    for name in ("a", "b"):
        try:
            await stores.queue.submit(new_task(name, pages=PAGES))
        except DatabaseUnavailable:
            continue
        return


async def _run(database: FaultyDatabase, work_dir: Path) -> list[Task]:
    """Take a document from its submission to its cleanup; the tasks that came of it."""
    stores = Stores(database, RunningClock())
    room = Room(
        stores, work_dir, config=ChunkConfig(owner=OWNER, lease_for=LEASE, write_again_after=SOON), interval=SOON
    )
    rescuer = Rescuer(
        RescuerConfig(grace=timedelta(0), interval=SOON),
        pages=stores.pages,
        cleaner=room.cleaner,
        dispatcher=room.dispatcher,
    )
    async with AsyncExitStack() as stack:
        await database.start()
        stack.push_async_callback(database.stop)
        await _submit_again(stores)
        stack.push_async_callback(room.follower.stop)
        await rescuer.start()
        stack.push_async_callback(rescuer.stop)
        await room.dispatcher.start()
        stack.push_async_callback(room.dispatcher.stop)

        async def all_cleaned() -> bool:
            found = await stores.tasks.list_tasks()
            return bool(found) and all(task.resource_cleanup_completed for task in found)

        await eventually(all_cleaned)
        found = await stores.tasks.list_tasks()
        for task in found:
            await _check(stores, task)
        return list(found)


async def _check(stores: Stores, task: Task) -> None:
    assert (task.status, task.pages_done, task.pages_failed) == (TaskStatus.SUCCEEDED, PAGES, 0)
    pages = await stores.tasks.pages(task.task_id)
    assert [(page.state, page.attempts, page.crashes) for page in pages] == [(PageState.DONE, 0, 0)] * PAGES
    assert len([result async for result in stores.tasks.results(task.task_id)]) == PAGES
    events = await stores.events.read(task.task_id)
    happened = Counter(each.event_type for each in events)
    once = (TaskEvent.CREATED, TaskEvent.QUEUED, TaskEvent.STARTED, TaskEvent.SUCCEEDED)
    assert [happened[kind] for kind in once] == [1] * len(once)
    done = Counter(each.details["page"] for each in events if each.event_type is TaskEvent.PAGE_DONE)
    assert done == dict.fromkeys(range(1, PAGES + 1), 1)


@pytest.mark.parametrize("fault", Fault)
async def test_whichever_write_fails_the_document_is_read_once(
    clean_database: CleanDatabase, backend: str, tmp_path: Path, fault: Fault
) -> None:
    writes = failing = 1
    while failing <= writes:
        database = FaultyDatabase(clean_database(backend), fails_at=failing, fault=fault)
        found = await _run(database, tmp_path)
        assert len(found) <= 1 + (failing == 1 and fault is Fault.AFTER_COMMIT)
        writes, failing = min(database.writes, 40), failing + 1
    assert failing > 10
