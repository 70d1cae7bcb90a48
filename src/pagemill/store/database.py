"""The connections to the database.

SQLite      one connection that writes, in turn ── a few that read, each a snapshot of its own (WAL)
PostgreSQL  one pool for both
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.store.dialects import (
    async_url,
    check_sqlite_version,
    is_sqlite,
    make_parent_folder,
    parse_url,
    prepare_sqlite,
)

READERS = 4
"""Connections that read SQLite side by side."""
CONNECT_SECONDS = 5
"""Longest wait for PostgreSQL to take a connection."""
FREE_CONNECTION_SECONDS = 10
"""Longest wait for one of our connections to PostgreSQL to become free."""


class Database:
    """Transactions on one database; used in the server process, on one event loop.

    Args:
        url: `sqlite:///path/to/file.db` or `postgresql://user@host/name`, migrated to the newest revision.
        pool_size: Most connections to PostgreSQL.

    Raises:
        InvalidSettings: The URL cannot be used.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self._url = parse_url(url)
        self._pool_size = pool_size
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None

    async def start(self) -> None:
        """Open the database. Connections are made when they are first needed."""
        if not is_sqlite(self._url):
            self._writer = self._reader = create_async_engine(
                async_url(self._url),
                pool_size=self._pool_size,
                max_overflow=0,
                pool_timeout=FREE_CONNECTION_SECONDS,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_SECONDS},
            )
            return
        check_sqlite_version()
        make_parent_folder(self._url)
        self._writer = self._sqlite_engine(1, writes=True)
        self._reader = self._sqlite_engine(READERS, writes=False)

    async def stop(self) -> None:
        """Close all connections; twice is no error."""
        engines = {engine for engine in (self._writer, self._reader) if engine is not None}
        self._writer = self._reader = None
        for engine in engines:
            await engine.dispose()

    async def give_back_memory(self) -> None:
        """Have every connection let go of what it keeps for speed; it is read again when it is next needed."""
        if not is_sqlite(self._url):
            return
        for _ in range(READERS):  # the pool hands out the one that has been idle longest
            async with self.read() as connection:
                await connection.exec_driver_sql("PRAGMA shrink_memory")
        async with self.write() as connection:
            await connection.exec_driver_sql("PRAGMA shrink_memory")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; on SQLite it sees one moment throughout.

        Raises:
            DatabaseUnavailable: The database cannot be used now.
        """
        with _unavailability():
            async with _started(self._reader).begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, or rolled back where an error leaves it.

        Raises:
            DatabaseUnavailable: The database cannot be used now. Where it went away during the commit, nobody knows
                whether that was done; leases, tokens and the state machine keep a second try from doing it twice.
        """
        with _unavailability():
            async with _started(self._writer).begin() as connection:
                yield connection

    def _sqlite_engine(self, connections: int, *, writes: bool) -> AsyncEngine:
        engine = create_async_engine(async_url(self._url), pool_size=connections, max_overflow=0, pool_timeout=60)
        prepare_sqlite(engine.sync_engine, writes=writes)
        return engine


@contextmanager
def _unavailability() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, NoFreeConnection) as error:
        message = "The database cannot be used now; try again in a moment. The service's log tells more."
        raise DatabaseUnavailable(message, retry_after_s=CONNECT_SECONDS) from error


def _started(engine: AsyncEngine | None) -> AsyncEngine:
    if engine is None:
        raise RuntimeError("The database is not started; await its start() first.")
    return engine
