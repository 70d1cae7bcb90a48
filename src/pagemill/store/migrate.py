"""Brings a database to the schema of this version, and back. Runs before the server starts, or from the CLI.

A migration is one transaction, which starts before it reads the present revision. On SQLite it holds the write lock, on
PostgreSQL an advisory lock. So two processes migrate one after the other, the second finds nothing to do, and a failed
migration leaves the database unchanged.

A database with a revision that this version does not know is refused before anything is written to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pagemill.domain.errors import DatabaseUnavailable, InvalidRequest, InvalidSettings, PagemillError
from pagemill.store.constraints import constraint_differences
from pagemill.store.dialects import (
    BUSY_TIMEOUT_MS,
    Lock,
    check_sqlite_version,
    is_sqlite,
    make_parent_folder,
    parse_url,
    prepare_sqlite,
    serialise,
    sync_url,
)
from pagemill.store.tables import metadata

OLDER_SCHEMA = "0301"
"""The revision before resource tracking: without the five columns, `task_metrics` and `task_events`."""
_CONNECT_SECONDS = 5
"""Longest wait for a connection to PostgreSQL."""
_SCRIPTS = Path(__file__).with_name("migrations")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to a revision; makes a missing SQLite file.

    Raises:
        InvalidRequest: There is no such revision.
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    with _migrating(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Downgrade the database to a revision (`"base"`: empty). Data that only newer revisions have is lost.

    Raises:
        InvalidRequest: There is no such revision.
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    with _migrating(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision of the database; None if it was never migrated. Raises as `check`."""
    with _migrating(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(url: str) -> list[str]:
    """Differences between the database and the schema of this version, one sentence each; empty if there are none.

    Raises:
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    with _migrating(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        schema = [f"The schema differs: {difference!r}" for difference in compare_metadata(context, metadata)]
        return schema or constraint_differences(connection)


def why_unusable(url: str) -> str | None:
    """Why this version cannot use the database, and what to do; None if it can. Makes no file and writes nothing."""
    try:
        with looking(url):
            pass
    except PagemillError as error:
        return error.message
    return None


@contextmanager
def _migrating(url: str) -> Iterator[Connection]:
    with looking(url):
        pass
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            serialise(connection, Lock.MIGRATION)
            yield connection
    except CommandError as error:
        raise InvalidRequest(f"Nothing was changed in the database: {error}.") from error
    finally:
        engine.dispose()


@contextmanager
def looking(url: str) -> Iterator[Connection | None]:
    """Open a plain connection to read from a database of this version or an older one; None for a missing SQLite file.

    Raises:
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    parsed = parse_url(url)
    if is_sqlite(parsed) and not Path(str(parsed.database)).is_file():
        yield None
        return
    patience = {"timeout": BUSY_TIMEOUT_MS / 1000} if is_sqlite(parsed) else {"connect_timeout": _CONNECT_SECONDS}
    engine = create_engine(sync_url(parsed), poolclass=NullPool, connect_args=patience)
    try:
        with engine.connect() as connection:
            _check_revision(connection)
            yield connection
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise DatabaseUnavailable(f"The database cannot be opened ({reason}). Check `database_url`.") from error
    finally:
        engine.dispose()


def _check_revision(connection: Connection) -> None:
    """Refuse a database with an unknown revision. Raises InvalidSettings."""
    found = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    if unknown := sorted({*found} - known):
        raise InvalidSettings(_refusal(unknown[0], is_newer=unknown[0] > min(known)))


def _refusal(revision: str, *, is_newer: bool) -> str:
    if is_newer:
        return (
            f"A newer version of Pagemill made this database (revision {revision}). Nothing was changed. Use that "
            "version, or downgrade the database with it first (`pagemill db downgrade`)."
        )
    return (
        f"An unreleased version of Pagemill made this database (revision {revision}). Nothing was changed. This "
        "version cannot upgrade it: start with an empty `data_dir`, and on PostgreSQL with an empty "
        "database. If you need its results, export them first with the version that made them."
    )


def _engine(url: str) -> Engine:
    parsed = parse_url(url)
    make_parent_folder(parsed)
    engine = create_engine(sync_url(parsed), poolclass=NullPool)
    if is_sqlite(parsed):
        check_sqlite_version()
        prepare_sqlite(engine, writes=True)
    return engine


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
