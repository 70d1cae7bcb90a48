"""What other servers do on the same PostgreSQL is told at once; a connection that is lost is made again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import Stores, TurnedClock, new_task, start_database

from pagemill.domain.task.events import TaskEvent
from pagemill.store.notifications import Notifications

LIMIT_S = 30
END_LISTENERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
)


@dataclass
class Listener:
    """What was heard."""

    heard: asyncio.Queue[tuple[str, TaskEvent]] = field(default_factory=asyncio.Queue)
    connected: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    def on_event(self, task_id: str, event: TaskEvent) -> None:
        self.heard.put_nowait((task_id, event))

    def on_connected(self) -> None:
        self.connected.put_nowait(None)


@pytest.fixture
async def stores(clean_database: CleanDatabase) -> AsyncIterator[tuple[Stores, Listener]]:
    url, listener = clean_database("postgresql"), Listener()
    notifications = Notifications(url, on_event=listener.on_event, on_connected=listener.on_connected)
    async with start_database(url) as database:
        await notifications.start()
        yield Stores(database, TurnedClock()), listener
        await notifications.stop()
        await notifications.stop()


async def test_every_event_of_every_task_is_told_in_order(stores: tuple[Stores, Listener]) -> None:
    other_server, listener = stores
    async with asyncio.timeout(LIMIT_S):
        await listener.connected.get()
        await other_server.queue.submit(new_task("a"))
        await other_server.tasks.create(new_task("b"))
        heard = [await listener.heard.get() for _ in range(3)]
    assert heard == [("a", TaskEvent.CREATED), ("a", TaskEvent.QUEUED), ("b", TaskEvent.CREATED)]


async def test_who_listens_again_is_told_that_something_may_have_been_missed(stores: tuple[Stores, Listener]) -> None:
    other_server, listener = stores
    async with asyncio.timeout(LIMIT_S):
        await listener.connected.get()
        ended = await other_server.database.write(lambda connection: connection.execute(END_LISTENERS).all())
        assert len(ended) == 1
        await listener.connected.get()
        await other_server.tasks.create(new_task("a"))
        assert await listener.heard.get() == ("a", TaskEvent.CREATED)


async def test_where_nobody_else_can_be_there_is_nothing_to_listen_to(clean_database: CleanDatabase) -> None:
    listener = Listener()
    before = asyncio.all_tasks()
    notifications = Notifications(
        clean_database("sqlite"), on_event=listener.on_event, on_connected=listener.on_connected
    )
    await notifications.start()
    assert asyncio.all_tasks() == before
    await notifications.stop()
