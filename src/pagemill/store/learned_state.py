"""Learned state by name, in SQL."""

from collections.abc import Mapping

from pydantic import JsonValue
from sqlalchemy import Connection, delete, insert, select

from pagemill.domain.ports import Clock
from pagemill.store.database import Database, reading, writing
from pagemill.store.dialects import Lock, serialise
from pagemill.store.tables import learned_state


class SqlLearnedState:
    """`LearnedState` on SQLite and PostgreSQL. Runs in the server process; of several servers the last to save wins."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def save(self, connection: Connection, name: str, value: Mapping[str, JsonValue]) -> None:
        """See `LearnedState.save`."""
        row = {"name": name, "value": dict(value), "updated_at": self._clock.now()}
        serialise(connection, Lock.LEARNED_STATE)
        connection.execute(delete(learned_state).where(learned_state.c.name == name))
        connection.execute(insert(learned_state), row)

    @reading
    def load(self, connection: Connection, name: str) -> Mapping[str, JsonValue] | None:
        """See `LearnedState.load`."""
        query = select(learned_state.c.value).where(learned_state.c.name == name)
        value: Mapping[str, JsonValue] | None = connection.execute(query).scalar_one_or_none()
        return value
