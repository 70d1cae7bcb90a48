"""Advisory locks that show which nodes are alive: one for each node, held on its connection for notices.

    node A ── session: LISTEN, lock A ──▶ PostgreSQL ◀── waits for lock A ── node B
           ✕ killed: the session ends ──▶ lock A is free ──▶ B has it, and rescues the pages of A

The lock ends with the session: a few milliseconds after the process, and 25 seconds after the machine or its network. A
connection pooler may give the session to others, so behind one there are no locks, and only leases tell.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
from sqlalchemy.engine import URL

from pagemill.domain.work.nodes import Standing
from pagemill.store.dialects import is_sqlite, parse_url

KEEPALIVE = {"connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
"""A connection whose other end has vanished is noticed after 25 seconds."""
_SERVER_KEEPALIVE = """
SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
       set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '25000', false)
"""
"""The same for PostgreSQL, which otherwise keeps the session of a vanished machine for hours."""
_TRY, _WAIT = (
    f"SELECT {function}(hashtextextended('pagemill.node ' || %s, 0))"
    for function in ("pg_try_advisory_lock", "pg_advisory_lock")
)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


async def connect(url: URL) -> Connection:
    """A connection whose death both sides notice."""
    address = url.set(drivername="postgresql").update_query_dict(KEEPALIVE).render_as_string(hide_password=False)
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    try:
        await connection.execute(_SERVER_KEEPALIVE)
    except BaseException:
        await connection.close()
        raise
    return connection


async def take_lock(connection: Connection, owner: str) -> Standing:
    """Take the lock of a node for as long as the session lasts; wait until no other session has it."""
    if await _is_pooled(connection):
        return Standing.LEASES_ALONE
    await connection.execute(_WAIT, (owner,))
    return Standing.HELD


class SqlNodeLocks:
    """`NodeLocks` on PostgreSQL, each wait on a connection of its own. Runs in the server process."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)

    def watch(self, owner: str) -> AbstractAsyncContextManager[bool]:
        """See `NodeLocks.watch`."""
        return self._gain(owner)

    @asynccontextmanager
    async def _gain(self, owner: str) -> AsyncIterator[bool]:
        connection = await connect(self._url)
        try:
            if await _is_pooled(connection) or await _ask(connection, _TRY, owner):
                yield False
                return
            await connection.execute(_WAIT, (owner,))
            yield True
        finally:
            await connection.close()


def is_pooled(url: str) -> bool:
    """Whether a connection pooler stands between this machine and PostgreSQL; never for SQLite.

    Raises:
        psycopg.Error: PostgreSQL cannot be reached.
    """
    parsed = parse_url(url)
    return not is_sqlite(parsed) and asyncio.run(_find_pooler(parsed))


def why_leases_alone(url: str) -> str | None:
    """Why nodes know only by leases that one of them died, and what to do; None if they know by its lock."""
    try:
        pooled = is_pooled(url)
    except psycopg.Error:
        return None
    if not pooled:
        return None
    return (
        "A connection pooler stands between this machine and PostgreSQL, so a server that dies is found only when its "
        "leases end (tasks.lease_seconds), and notices of other servers may be late. Set database_url to the address "
        "of PostgreSQL itself."
    )


async def _find_pooler(url: URL) -> bool:
    async with await connect(url) as connection:
        return await _is_pooled(connection)


async def _is_pooled(connection: Connection) -> bool:
    """A pooler tells the client another process id than PostgreSQL does."""
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    return row is None or row[0] != connection.info.backend_pid


async def _ask(connection: Connection, statement: str, owner: str) -> bool:
    row = await (await connection.execute(statement, (owner,))).fetchone()
    return row is not None and row[0] is True
