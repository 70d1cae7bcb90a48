"""Finds what nobody looks after any more: expired leases, ended tasks not marked so, tasks not cleaned up."""

import logging
from datetime import timedelta

from pagemill.domain.errors import QueueFull
from pagemill.domain.ports import PageQueue, TaskQueue, TaskStore
from pagemill.domain.tasks import TaskStatus
from pagemill.tasks.cleanup import TaskCleaner
from pagemill.tasks.dispatcher import Dispatcher
from pagemill.tasks.duty import Duty

logger = logging.getLogger(__name__)


class Rescuer:
    """A maintenance duty. Runs in the server process, and does no harm beside others of its kind."""

    def __init__(
        self,
        *,
        queue: TaskQueue,
        store: TaskStore,
        pages: PageQueue,
        cleaner: TaskCleaner,
        dispatcher: Dispatcher,
        interval: timedelta = timedelta(seconds=5),
    ) -> None:
        self._queue = queue
        self._store = store
        self._pages = pages
        self._cleaner = cleaner
        self._dispatcher = dispatcher
        self._duty = Duty("rescuer", self.run_once, interval=interval)

    async def start(self, *, dead_owner: str | None = None) -> None:
        """Take up what a server that is no more left behind, then look regularly.

        Args:
            dead_owner: A server known to be dead; its leases are taken back without waiting for their end.
        """
        rescued = await self._pages.rescue(owner=dead_owner)
        if rescued:
            logger.info("%s pages that were in work when the server last stopped are queued again", rescued)
        await self._queue_the_unqueued()
        self._duty.start()

    async def run_once(self) -> None:
        """Rescue pages, end tasks, clean up after them."""
        if await self._pages.rescue():
            self._dispatcher.wake()
        await self._pages.finish_completed()
        await self._cleaner.sweep()

    async def stop(self) -> None:
        """Look no more; twice is no error."""
        await self._duty.stop()

    async def _queue_the_unqueued(self) -> None:
        """A server may die between storing a task and queueing it; its sender was not answered, but has it in hand."""
        for task in await self._store.list_tasks(status=TaskStatus.CREATED, limit=1000):
            if task.options.start:
                try:
                    await self._queue.add_task(task, task.priority)
                except QueueFull:
                    logger.warning(
                        "Task %s was stored but not queued, and the queue is full; start it by hand", task.task_id
                    )
