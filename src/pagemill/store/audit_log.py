"""Uses of admin rights, in SQL.

A view that refreshes asks the same thing again and again, so equal uses within a minute are one row that counts them.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pagemill.domain.callers import AdminUse, AuditEntry
from pagemill.domain.ports import Clock
from pagemill.store.database import Database, reading, writing, writing_durably
from pagemill.store.tables import audit_log

_SAME = ("minute", "name", "key_id", "action", "target", "owner")


class SqlAuditLog:
    """`AuditLog` on SQLite and PostgreSQL. Runs in the server process and in the command line."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing_durably
    def record(self, connection: Connection, use: AdminUse) -> None:
        """See `AuditLog.record`."""
        now = self._clock.now()
        what = {name: getattr(use, name) for name in _SAME[1:]}
        row = {"minute": now.replace(second=0, microsecond=0), **what, "first_at": now, "last_at": now, "times": 1}
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        again = {"times": audit_log.c.times + 1, "last_at": now}
        connection.execute(insert(audit_log).values(row).on_conflict_do_update(index_elements=_SAME, set_=again))

    @reading
    def read(self, connection: Connection, *, before: int | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """See `AuditLog.read`."""
        query = select(audit_log).order_by(audit_log.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_log.c.sequence < before)
        return [_entry(row) for row in connection.execute(query).mappings()]

    @writing
    def prune(self, connection: Connection, kept_for: timedelta, *, limit: int = 1000) -> int:
        """See `AuditLog.prune`."""
        before = self._clock.now() - kept_for
        oldest = select(audit_log.c.sequence).order_by(audit_log.c.sequence).limit(limit)
        statement = delete(audit_log).where(
            audit_log.c.sequence.in_(oldest.scalar_subquery()), audit_log.c.last_at < before
        )
        return connection.execute(statement).rowcount


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        sequence=row["sequence"],
        use=AdminUse(**{name: row[name] for name in _SAME[1:]}),
        first_at=row["first_at"],
        last_at=row["last_at"],
        times=row["times"],
    )
