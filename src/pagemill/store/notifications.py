"""Immediate notifications of what other servers do on the same PostgreSQL.

    other server ── event of a task ──▶ task_events ── trigger: NOTIFY pagemill, 'task_id event' ──▶ LISTEN ── on_event

Nothing depends on it: a regular poll finds everything too, and a lost connection may lose notices. It only shortens
waiting. On SQLite there is only one server, and so nothing to listen to.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import psycopg

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.work.nodes import Standing
from pagemill.store.dialects import is_sqlite, parse_url
from pagemill.store.presence import Connection, connect, take_lock

logger = logging.getLogger(__name__)

CHANNEL = "pagemill"
CONNECT_AGAIN_AFTER = timedelta(seconds=1)


class Notifications:
    """Listens to one database, on its own connection, from `start` to `stop`. Runs in the server process.

    Args:
        url: The database, as for `Database`.
        on_event: Called for every event of every task, from all servers.
        on_connected: Called whenever listening starts (again); earlier events may have been missed.
        owner: The name of this node in leases; None if it reads no pages, and so needs no lock.
        on_standing: Called with what the node's lock says of it, whenever that changes.
    """

    def __init__(
        self,
        url: str,
        *,
        on_event: Callable[[str, TaskEvent], None],
        on_connected: Callable[[], None],
        owner: str | None = None,
        on_standing: Callable[[Standing], None] = lambda _: None,
    ) -> None:
        self._url = parse_url(url)
        self._owner = owner
        self._on_standing = on_standing
        self._on_event = on_event
        self._on_connected = on_connected
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Runnable.start`. It connects in the background, and reconnects when the connection is lost."""
        if not is_sqlite(self._url):
            self._listening = asyncio.create_task(self._listen_always(), name="notifications")

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None

    async def _listen_always(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                logger.warning("Lost the notifications from other servers; connecting again: %s", error)
            await asyncio.sleep(CONNECT_AGAIN_AFTER.total_seconds())

    async def _listen(self) -> None:
        async with await connect(self._url) as connection, self._lock(connection):
            await connection.execute(f"LISTEN {CHANNEL}")
            self._on_connected()
            async for notice in connection.notifies():
                self._tell(notice.payload)

    @asynccontextmanager
    async def _lock(self, connection: Connection) -> AsyncIterator[None]:
        """Hold this node's lock; however the session ends, unless this server ends it, the lock is lost with it."""
        standing = None if self._owner is None else await take_lock(connection, self._owner)
        if standing is not None:
            self._on_standing(standing)
        try:
            yield
        except (psycopg.Error, OSError):
            if standing is Standing.HELD:
                self._on_standing(Standing.LOST)
            raise

    def _tell(self, payload: str) -> None:
        task_id, _, name = payload.rpartition(" ")
        with suppress(ValueError):  # a newer server may know more kinds of events
            self._on_event(task_id, TaskEvent(name))
