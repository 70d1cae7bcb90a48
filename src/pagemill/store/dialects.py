"""All differences between SQLite and PostgreSQL."""

import math
import sqlite3
import time
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from pagemill.domain.durable import make_folder
from pagemill.domain.errors import InvalidSettings

BUSY_TIMEOUT_MS = 30_000
"""How long SQLite waits for another writing process (a migration, a command of the CLI)."""


TRUSTED_SECONDS = 1.0
"""A connection to PostgreSQL that was used this recently is not checked again."""
DURABLE = "pagemill_durable"
"""Execution option of a transaction: whether it must be on the disk once it is committed."""
_USED_AT = "pagemill.used_at"
_SYNCHRONOUS = "pagemill.synchronous"
_COMMIT_DURABLY = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(hashtext(:name))")


class Backend(StrEnum):
    """The databases the store runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Lock(StrEnum):
    """Locks that serialise whole transactions; on PostgreSQL, the names of advisory locks."""

    MIGRATION = "pagemill.migration"
    QUEUE_SIZE = "pagemill.queue_size"
    LEARNED_STATE = "pagemill.learned_state"


def parse_url(url: str) -> URL:
    """Parse the setting `database_url`: `sqlite:///path/to/file.db` or `postgresql://user@host/name`.

    Raises:
        InvalidSettings: It names an unsupported database, or SQLite without a file.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend not in (Backend.SQLITE, Backend.POSTGRESQL):
        raise InvalidSettings(f"The database {backend!r} is not supported; use sqlite:///FILE or postgresql://…")
    if backend == Backend.SQLITE and parsed.database in (None, "", ":memory:"):
        raise InvalidSettings("SQLite needs a file, so that tasks survive a restart; write sqlite:///path/to/file.db")
    return parsed


def sync_url(url: URL) -> URL:
    """The same database through our drivers."""
    return url.set(drivername="sqlite+pysqlite" if is_sqlite(url) else "postgresql+psycopg")


def is_sqlite(url: URL) -> bool:
    """Whether the database is an SQLite file."""
    return url.get_backend_name() == Backend.SQLITE


def make_parent_folder(url: URL) -> None:
    """Make the folder of an SQLite file."""
    if is_sqlite(url) and url.database is not None:
        make_folder(Path(url.database).parent)


def prepare_sqlite(engine: Engine, *, writes: bool) -> None:
    """Make transactions real, and tune connections.

    Python's sqlite3 begins transactions late and only before some statements, so that a reader may see two states and
    two writers may deadlock; we turn that off and send BEGIN ourselves. Writers begin IMMEDIATE: they wait for their
    turn at the start, where waiting is harmless, and never fail with "database is locked" in the middle.

    WAL with `synchronous=NORMAL`: commits survive a crash of the process, because they are in the system's cache. A
    power failure may lose the last commits, but never the database's consistency. FULL would sync at each committed
    page, to save pages that can simply be read again. Transactions with the option `DURABLE` do sync: their commit
    syncs the whole log. SQLite allows this choice only between two transactions.
    """

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-2000",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if writes:
            _choose_synchronous(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _choose_synchronous(connection: Connection) -> None:
    chosen = "FULL" if connection.get_execution_options().get(DURABLE) else "NORMAL"
    if connection.info.get(_SYNCHRONOUS, "NORMAL") != chosen:
        connection.exec_driver_sql(f"PRAGMA synchronous={chosen}")
        connection.info[_SYNCHRONOUS] = chosen


def prepare_postgresql(engine: Engine) -> None:
    """Make commits durable, and check that connections are alive.

    If the server has `synchronous_commit = off`, connections set it to `on`, so that confirmed commits survive a power
    failure, as with every other value. An idle connection is checked before use; a recently used one is not.
    """

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_COMMIT_DURABLY)
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "checkin")
    def on_checkin(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get(_USED_AT, math.inf) < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool makes another


def serialise(connection: Connection, lock: Lock) -> None:
    """Let only one transaction with this lock run at a time, in all processes. SQLite has only one writer anyway."""
    if connection.dialect.name == Backend.POSTGRESQL:
        connection.execute(_ADVISORY_LOCK, {"name": lock.value})


def has_trigger(connection: Connection, name: str) -> bool:
    """Whether the database has a trigger of that name."""
    catalogue = {
        Backend.SQLITE: "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = :name",
        Backend.POSTGRESQL: "SELECT 1 FROM pg_trigger WHERE tgname = :name",
    }
    return connection.execute(text(catalogue[Backend(connection.dialect.name)]), {"name": name}).first() is not None


def check_sqlite_version() -> None:
    """Refuse an SQLite without RETURNING (before 3.35).

    Raises:
        InvalidSettings: It is too old.
    """
    if sqlite3.sqlite_version_info < (3, 35):
        raise InvalidSettings(
            f"This Python comes with SQLite {sqlite3.sqlite_version}, but 3.35 or newer is needed; use another Python."
        )
