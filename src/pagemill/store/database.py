"""The connections to the database, and the threads that use them.

    event loop ──a transaction, as a plain function──▶ thread ──statements──▶ connection
               ◀──what it returned, once committed───

SQLite      one connection writes, one transaction at a time ── a few read, each from its own snapshot (WAL)
PostgreSQL  one pool for both

A transaction waits only for the database. It crosses to its thread and back once, not once per statement, because that
crossing costs several times as much as a statement.

A power failure must not undo anything that Pagemill has confirmed: such transactions are on the disk before they return
(`writing_durably`). Work that can simply be repeated need not be (`writing`), which saves a sync on SQLite. A
durable commit also brings everything that was committed before it to the disk.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import InterfaceError, OperationalError

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.store.dialects import (
    DURABLE,
    check_sqlite_version,
    is_sqlite,
    make_parent_folder,
    parse_url,
    prepare_postgresql,
    prepare_sqlite,
    sync_url,
)

READERS = 4
"""Connections that read SQLite in parallel."""
CONNECT_SECONDS = 5
"""Longest wait for PostgreSQL to accept a connection."""
GIVE_UP_ON_SILENCE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""A connection fails 25 seconds after its PostgreSQL server has vanished, even in the middle of a statement."""
FREE_CONNECTION_SECONDS = 10
"""Longest wait for one of our connections to PostgreSQL to become free."""
SQLITE_TURN_SECONDS = 60
"""Longest wait for one of our connections to SQLite to become free."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Lane:
    """Some connections, and a thread for each; `durable` is the same, for transactions that must be on the disk."""

    engine: Engine
    threads: ThreadPoolExecutor
    patience_s: float

    @cached_property
    def durable(self) -> Engine:
        return self.engine.execution_options(**{DURABLE: True})


class Database:
    """Transactions on one database; used in the server process, on one event loop.

    Args:
        url: `sqlite:///path/to/file.db` or `postgresql://user@host/name`, migrated to the newest revision.
        pool_size: Maximum number of connections to PostgreSQL.

    Raises:
        InvalidSettings: The URL is not valid.
    """

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self._url = parse_url(url)
        self._pool_size = pool_size
        self._writer: _Lane | None = None
        self._reader: _Lane | None = None

    async def start(self) -> None:
        """See `Runnable.start`. It makes connections when they are first needed."""
        if not is_sqlite(self._url):
            engine = create_engine(
                sync_url(self._url),
                pool_size=self._pool_size,
                max_overflow=0,
                connect_args={"connect_timeout": CONNECT_SECONDS, **GIVE_UP_ON_SILENCE},
            )
            prepare_postgresql(engine)
            self._writer = self._reader = _Lane(engine, _threads(self._pool_size), FREE_CONNECTION_SECONDS)
            return
        check_sqlite_version()
        make_parent_folder(self._url)
        self._writer = self._sqlite_lane(1, writes=True)
        self._reader = self._sqlite_lane(READERS, writes=False)

    async def stop(self) -> None:
        """See `Runnable.stop`. It closes all connections after pending transactions."""
        lanes = [lane for lane in (self._writer, self._reader) if lane is not None]
        self._writer = self._reader = None
        for lane in lanes:
            await asyncio.to_thread(lane.threads.shutdown)
            await asyncio.to_thread(lane.engine.dispose)

    async def give_back_memory(self) -> None:
        """Make every connection free its caches; it fills them again when needed."""
        if not is_sqlite(self._url):
            return
        for _ in range(READERS):  # the pool hands out the one that has been idle longest
            await self.read(_shrink)
        await self.write(_shrink)

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run `work` in a read-only transaction; on SQLite it sees a single snapshot.

        Raises:
            DatabaseUnavailable: The database is unavailable.
        """
        return await _run(_require_started(self._reader), work)

    async def write(self, work: Callable[[Connection], _T], *, durable: bool = False) -> _T:
        """Run `work` in a transaction that commits at its end, or rolls back if it raises an error.

        A cancelled caller continues only after the transaction has ended, one way or the other.

        Args:
            work: The work.
            durable: Whether it must survive a power failure, with everything committed before it.

        Raises:
            DatabaseUnavailable: The database is unavailable. If it went away during the commit, the outcome is
                unknown; leases, tokens and the state machine make sure that a repetition does nothing twice.
        """
        return await _run(_require_started(self._writer), work, durable=durable)

    def _sqlite_lane(self, connections: int, *, writes: bool) -> _Lane:
        engine = create_engine(
            sync_url(self._url),
            pool_size=connections,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )
        prepare_sqlite(engine, writes=writes)
        return _Lane(engine, _threads(connections), SQLITE_TURN_SECONDS)


class Stored(Protocol):
    """A part with a database."""

    _database: Database


_S = TypeVar("_S", bound=Stored)


def reading(
    method: Callable[Concatenate[_S, Connection, _P], _T],
) -> Callable[Concatenate[_S, _P], Coroutine[object, None, _T]]:
    """Turn a plain method that takes a connection into an awaitable one that runs in a reading transaction."""

    @wraps(method)
    async def run_in_thread(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.read(lambda connection: method(self, connection, *args, **kwargs))

    return run_in_thread


def writing(
    method: Callable[Concatenate[_S, Connection, _P], _T],
) -> Callable[Concatenate[_S, _P], Coroutine[object, None, _T]]:
    """Turn a plain method that takes a connection into an awaitable one that runs in a writing transaction.

    A power failure may undo the latest transactions: use this for work that is then repeated.
    """

    @wraps(method)
    async def run_in_thread(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.write(lambda connection: method(self, connection, *args, **kwargs))

    return run_in_thread


def writing_durably(
    method: Callable[Concatenate[_S, Connection, _P], _T],
) -> Callable[Concatenate[_S, _P], Coroutine[object, None, _T]]:
    """Like `writing`, for changes that must survive a power failure once this returns.

    These are changes that Pagemill confirms to a caller or cannot undo: a sent message, a deleted file.
    """

    @wraps(method)
    async def run_in_thread(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.write(lambda connection: method(self, connection, *args, **kwargs), durable=True)

    return run_in_thread


def _threads(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, thread_name_prefix="database")


async def _run(lane: _Lane, work: Callable[[Connection], _T], *, durable: bool = False) -> _T:
    job = lane.threads.submit(_transaction, lane.durable if durable else lane.engine, work)
    ended = asyncio.wrap_future(job)
    try:
        done, _ = await asyncio.wait([ended], timeout=lane.patience_s)
        if not done and job.cancel():
            raise _unavailable()
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        if not job.cancel():
            await asyncio.wait([ended])
            ended.exception()  # retrieve it, or the event loop logs it as never retrieved
        raise


def _shrink(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA shrink_memory")


def _transaction(engine: Engine, work: Callable[[Connection], _T]) -> _T:
    with _unavailability(), engine.begin() as connection:
        return work(connection)


@contextmanager
def _unavailability() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _unavailable() from error


def _unavailable() -> DatabaseUnavailable:
    message = "The database is unavailable. Try again in a moment; the service's log has the details."
    return DatabaseUnavailable(message, retry_after_s=CONNECT_SECONDS)


def _require_started(lane: _Lane | None) -> _Lane:
    if lane is None:
        raise RuntimeError("The database is not started; await its start() first.")
    return lane
