"""Warns running tasks, in their logs, that the memory of their device is running short."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from pagemill.domain.errors import NotFound
from pagemill.domain.memory import CPU, DeviceId, LevelChanged, OnLevel, in_mib
from pagemill.domain.ports import ServicePool
from pagemill.domain.reports.snapshot import PoolSnapshot
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.tasks.progress.event_handlers import TaskEventHandlers

logger = logging.getLogger(__name__)


class MemoryWarnings:
    """Writes the memory guard's level changes to the events of tasks. Runs in the server's event loop.

    Args:
        pool: The workers of each device.
        handlers: Write the events.
        listen: Registers a listener for level changes, like `MemoryGuard.listen`.
    """

    def __init__(self, *, pool: ServicePool, handlers: TaskEventHandlers, listen: Callable[[OnLevel], None]) -> None:
        self._pool = pool
        self._handlers = handlers
        self._listen = listen
        self._writing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """See `Runnable.start`. Starting twice is not an error."""
        self._listen(self.on_level)

    def on_level(self, change: LevelChanged) -> None:
        """Handle a level change: if the level rises, warn the tasks that work there."""
        if change.level > change.before:
            told = tasks_on(change.device, self._pool.snapshot(), self._handlers.holders())
            writing = asyncio.create_task(self._tell(told, change), name="memory warnings")
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def stop(self) -> None:
        """See `Runnable.stop`. It waits for pending writes."""
        await asyncio.gather(*self._writing)

    async def _tell(self, task_ids: frozenset[str], change: LevelChanged) -> None:
        details: Details = {
            "kind": "level",
            "device": change.device,
            "level": change.level.name.lower(),
            "used_mb": in_mib(change.reading.used_bytes),
            "limit_mb": in_mib(change.reading.limit_bytes),
        }
        for task_id in sorted(task_ids):
            try:
                await self._handlers.record(task_id, TaskEvent.MEMORY_WARNING, details)
            except NotFound:
                continue
            except Exception:
                logger.exception("The memory warning of task %s could not be written", task_id)


def tasks_on(device: DeviceId, pool: PoolSnapshot, holders: Mapping[str, str]) -> frozenset[str]:
    """Tasks whose workers hold memory of the device. All workers hold host memory."""
    at_work = (model_set for model_set in pool.model_sets if device in (CPU, model_set.key.device))
    services = (model_set.service_instance_id or "" for model_set in at_work)
    return frozenset(holders[service] for service in services if service in holders)
