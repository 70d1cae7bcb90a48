"""Opens the database alone, for commands about keys: without engines, workers or a server."""

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
    """Open the store of these settings, and upgrade it to this version's schema; makes a missing SQLite file.

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
