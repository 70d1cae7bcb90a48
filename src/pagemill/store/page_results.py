"""The results of single pages, in SQL."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, and_, select

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
        found = connection.execute(_of_task(task_id).where(page_results.c.page_number == number)).one_or_none()
        return unpack(found.codec, found.payload) if found else None

    @reading
    def results_around(self, connection: Connection, task_id: str, number: int, *, span: int) -> Sequence[bytes]:
        """See `PageResults.results_around`."""
        at = page_results.c.page_number
        query = _of_task(task_id).limit(span)
        nearest = ((at < number, at.desc()), (at > number, at.asc()))
        found = [row for side, order in nearest for row in connection.execute(query.where(side).order_by(order))]
        return [unpack(row.codec, row.payload) for row in found]


def _of_task(task_id: str) -> Select[tuple[str, bytes]]:
    """The results of the task's finished pages."""
    same_options = and_(tasks.c.task_id == page_results.c.task_id, tasks.c.fingerprint == page_results.c.fingerprint)
    columns = select(page_results.c.codec, page_results.c.payload)
    return columns.join(tasks, same_options).where(page_results.c.task_id == task_id)
