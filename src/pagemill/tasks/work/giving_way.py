"""Makes room: a running task that gets no service or memory gives its place to waiting tasks."""

import logging

from pagemill.domain.errors import IllegalTransition, NotFound
from pagemill.domain.ports import TaskQueue, TaskStore
from pagemill.domain.task.task import PageState
from pagemill.tasks.progress.event_handlers import TaskEventHandlers

logger = logging.getLogger(__name__)


class GivingWay:
    """Puts refused tasks back into the queue. Runs in the server process.

    The unserved time of a task continues in the queue, so it also expires there.
    """

    def __init__(self, *, queue: TaskQueue, store: TaskStore, handlers: TaskEventHandlers) -> None:
        self._queue = queue
        self._store = store
        self._handlers = handlers

    async def give_way(self, task_id: str) -> bool:
        """Put the task back with lower priority, if others wait and no worker has a page of it.

        Returns:
            Whether it was put back.
        """
        if self._handlers.services_of(task_id) or not await self._queue.size():
            return False
        if await self._store.pages(task_id, state=PageState.LEASED, limit=1):
            return False
        try:
            task = await self._queue.requeue_task(await self._store.get(task_id))
        except (IllegalTransition, NotFound) as error:
            logger.info("Task %s cannot make room for others: %s", task_id, error)
            return False
        logger.info("Task %s makes room for others, and waits again with priority %s", task_id, task.priority)
        return True
