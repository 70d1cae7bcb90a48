"""Files of a task may vanish while someone asks for them: its cleanup and its deletion remove them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pagemill.domain.ports import TaskStore


@asynccontextmanager
async def unless_deleted(store: TaskStore, task_id: str) -> AsyncIterator[None]:
    """Turn a missing file into `NotFound` if the task was deleted meanwhile; else the error stays.

    Raises:
        NotFound: There is no such task any more.
    """
    try:
        yield
    except FileNotFoundError:
        await store.get(task_id)
        raise
