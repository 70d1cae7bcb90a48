"""Brings a database to the schema of this version, and back. Runs before the server starts, or from the CLI.

The whole of a migration is one transaction, begun before the present revision is looked up: on SQLite it holds the
write lock, on PostgreSQL an advisory lock. So two processes that migrate at the same time do it one after the other,
the second finds nothing left to do, and a migration that fails leaves the database as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from pagemill.domain.errors import InvalidRequest
from pagemill.store.constraints import constraint_differences
from pagemill.store.dialects import (
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

OLDER_SCHEMA = "0001"
"""The revision before resource tracking: without the five columns, `task_metrics` and `task_events`."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to a revision; makes an SQLite file that is not there.

    Raises:
        InvalidRequest: There is no such revision.
        InvalidSettings: The URL cannot be used.
    """
    with _migrating(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database down to a revision (`"base"`: empty). What only newer revisions hold is lost.

    Raises:
        InvalidRequest: There is no such revision.
        InvalidSettings: The URL cannot be used.
    """
    with _migrating(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision the database is at; None where it was never migrated."""
    with _migrating(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(url: str) -> list[str]:
    """Differences between the database and what this version expects, one sentence each; empty where there are none."""
    with _migrating(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        schema = [f"The schema differs: {difference!r}" for difference in compare_metadata(context, metadata)]
        return schema or constraint_differences(connection)


@contextmanager
def _migrating(url: str) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            serialise(connection, Lock.MIGRATION)
            yield connection
    except CommandError as error:
        raise InvalidRequest(f"The database stays as it is: {error}.") from error
    finally:
        engine.dispose()


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
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
