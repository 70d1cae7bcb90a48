"""The store of these tests is an SQLite file; that PostgreSQL does the same is shown elsewhere."""

from collections.abc import AsyncIterator

import pytest
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import Stores, TurnedClock, start_database


@pytest.fixture
async def stores(clean_database: CleanDatabase) -> AsyncIterator[Stores]:
    async with start_database(clean_database("sqlite")) as database:
        yield Stores(database, TurnedClock())
