"""API keys, in SQL. A row holds a hash, from which the key cannot be computed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, insert, inspect, select, update

from pagemill.domain.callers import ApiKey
from pagemill.domain.errors import Conflict, NotFound
from pagemill.domain.ports import Clock
from pagemill.store import migrate
from pagemill.store.database import Database, reading, writing_durably
from pagemill.store.records import Values
from pagemill.store.tables import api_keys


class SqlApiKeys:
    """`ApiKeys` on SQLite and PostgreSQL. Runs in the server process and in the command line."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing_durably
    def add(self, connection: Connection, key: ApiKey) -> None:
        """See `ApiKeys.add`."""
        connection.execute(insert(api_keys), _row(key))

    @reading
    def find(self, connection: Connection, key_id: str) -> ApiKey | None:
        """See `ApiKeys.find`."""
        row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).mappings().one_or_none()
        return None if row is None else _key(row)

    @reading
    def list_keys(self, connection: Connection) -> Sequence[ApiKey]:
        """See `ApiKeys.list_keys`."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        return [_key(row) for row in connection.execute(query).mappings()]

    @writing_durably
    def revoke(self, connection: Connection, key_id: str) -> ApiKey:
        """See `ApiKeys.revoke`."""
        key = _lock_key(connection, key_id)
        if key.revoked_at is not None:
            return key
        return _change_key(connection, key_id, revoked_at=self._clock.now())

    @writing_durably
    def replace(self, connection: Connection, key_id: str, new: ApiKey, *, old_until: datetime | None) -> ApiKey:
        """See `ApiKeys.replace`."""
        key, now = _lock_key(connection, key_id), self._clock.now()
        if not key.is_active(now):
            raise Conflict(f"The key {key_id} is {key.state(now)}. Make a new one with `pagemill keys create`.")
        connection.execute(insert(api_keys), _row(new))
        if old_until is None:
            return _change_key(connection, key_id, revoked_at=now)
        return _change_key(connection, key_id, expires_at=min(old_until, key.expires_at or old_until))

    @reading
    def has_any(self, connection: Connection) -> bool:
        """See `ApiKeys.has_any`."""
        return connection.execute(select(api_keys.c.key_id).limit(1)).first() is not None


def has_active_key(url: str, now: datetime) -> bool:
    """Whether the database has a key that works. Makes no file and writes nothing; an older database has none.

    Raises:
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    with migrate.looking(url) as connection:
        if connection is None or not inspect(connection).has_table(api_keys.name):
            return False
        return any(_key(row).is_active(now) for row in connection.execute(select(api_keys)).mappings())


def _lock_key(connection: Connection, key_id: str) -> ApiKey:
    query = select(api_keys).where(api_keys.c.key_id == key_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no key {key_id}. `pagemill keys list` shows all keys.")
    return _key(row)


def _change_key(connection: Connection, key_id: str, **values: datetime) -> ApiKey:
    changed = update(api_keys).where(api_keys.c.key_id == key_id).values(**values).returning(api_keys)
    return _key(connection.execute(changed).mappings().one())


def _row(key: ApiKey) -> Values:
    return {column.name: getattr(key, column.name) for column in api_keys.columns}


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**row)
