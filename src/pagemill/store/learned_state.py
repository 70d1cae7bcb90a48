"""What was learned while running, by name, in SQL."""

from collections.abc import Mapping

from pydantic import JsonValue
from sqlalchemy import delete, insert, select

from pagemill.domain.ports import Clock
from pagemill.store.database import Database
from pagemill.store.dialects import Lock, serialise
from pagemill.store.tables import learned_state


class SqlLearnedState:
    """`LearnedState` on SQLite and PostgreSQL. Runs in the server process; of several servers the last to save wins."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save(self, name: str, value: Mapping[str, JsonValue]) -> None:
        """Keep it, in place of what was kept under that name."""
        row = {"name": name, "value": dict(value), "updated_at": self._clock.now()}
        async with self._database.write() as connection:
            await serialise(connection, Lock.LEARNED_STATE)
            await connection.execute(delete(learned_state).where(learned_state.c.name == name))
            await connection.execute(insert(learned_state), row)

    async def load(self, name: str) -> Mapping[str, JsonValue] | None:
        """What was kept last; None where nothing was."""
        query = select(learned_state.c.value).where(learned_state.c.name == name)
        async with self._database.read() as connection:
            value: Mapping[str, JsonValue] | None = (await connection.execute(query)).scalar_one_or_none()
            return value
