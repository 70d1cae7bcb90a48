"""The results of single pages, in SQL."""

from sqlalchemy import Connection, and_, select

from pagemill.store.database import Database, reading
from pagemill.store.payload import unpack
from pagemill.store.tables import page_results, tasks


class SqlPageResults:
    """`PageResults` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @reading
    def page_result(self, connection: Connection, task_id: str, number: int) -> bytes | None:
        """See `PageResults.page_result`."""
        same_options = and_(
            tasks.c.task_id == page_results.c.task_id, tasks.c.fingerprint == page_results.c.fingerprint
        )
        query = (
            select(page_results.c.codec, page_results.c.payload)
            .join(tasks, same_options)
            .where(page_results.c.task_id == task_id, page_results.c.page_number == number)
        )
        found = connection.execute(query).one_or_none()
        return unpack(found.codec, found.payload) if found else None
