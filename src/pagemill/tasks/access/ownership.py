"""Finds the owners of tasks and batches."""

from collections.abc import Awaitable, Callable

from pagemill.domain.ports import DocumentBatches, TaskStore

MOST_REMEMBERED = 10_000


class Ownership:
    """Finds the caller who owns a task or a batch, and remembers it, because owners never change.

    Runs in the server process.
    """

    def __init__(self, tasks: TaskStore, batches: DocumentBatches) -> None:
        self._tasks = tasks
        self._batches = batches
        self._owners: dict[str, str] = {}

    async def of_task(self, task_id: str) -> str:
        """The owner of a task. Raises NotFound."""

        async def look() -> str:
            return (await self._tasks.get(task_id)).caller

        return await self._remember(f"task {task_id}", look)

    async def of_batch(self, batch_id: str) -> str:
        """The owner of a batch. Raises NotFound."""

        async def look() -> str:
            return (await self._batches.get(batch_id)).caller

        return await self._remember(f"batch {batch_id}", look)

    async def _remember(self, name: str, look: Callable[[], Awaitable[str]]) -> str:
        owner = self._owners.get(name)
        if owner is None:
            owner = await look()
            if len(self._owners) >= MOST_REMEMBERED:
                del self._owners[next(iter(self._owners))]
            self._owners[name] = owner
        return owner
