"""The database by itself, for commands about keys: no engine, no worker, no server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pagemill import configs
from pagemill.domain.clocks import SteadyClock, SystemClock
from pagemill.settings import Settings
from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.parts import StoreParts


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[StoreParts]:
    """The store of these settings, upgraded to this version's schema; makes an SQLite file that is not there.

    Raises:
        InvalidSettings: The URL cannot be used, or another version made the database.
        DatabaseUnavailable: The database cannot be opened.
    """
    url = settings.resolved_database_url
    await asyncio.to_thread(migrate.upgrade, url)
    database = Database(url, pool_size=1)
    await database.start()
    try:
        yield StoreParts(database, SteadyClock(SystemClock()), queue=configs.queue_config(settings))
    finally:
        await database.stop()
