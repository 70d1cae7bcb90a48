"""Ends tasks that have waited too long: for their first page, or past their deadline."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.ports import Clock, OverdueTasks
from pagemill.domain.task.task import Task
from pagemill.tasks.duty import Duty, with_each
from pagemill.tasks.nodes import Nodes
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.work.dispatcher import Dispatcher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExpiryConfig:
    """When a task has waited too long.

    Attributes:
        queue_timeout: Longest wait for its first page. If no live node has its device, the task then ends with
            `DEVICE_UNAVAILABLE`.
        interval: Time between two runs.
    """

    queue_timeout: timedelta
    interval: timedelta = timedelta(seconds=1)


class Expiry:
    """A maintenance duty. Runs in the server process; several servers may run it at once.

    Waiting for a first page counts only while servers run: a server that has just started lets tasks wait for another
    `queue_timeout` before it ends any. A deadline is a fixed time and always counts.
    """

    def __init__(
        self,
        config: ExpiryConfig,
        *,
        overdue: OverdueTasks,
        dispatcher: Dispatcher,
        nodes: Nodes,
        watch: TaskWatch,
        clock: Clock,
    ) -> None:
        self._config = config
        self._nodes = nodes
        self._overdue = overdue
        self._dispatcher = dispatcher
        self._watch = watch
        self._clock = clock
        self._started = clock.monotonic()
        self._duty = Duty("expiry", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        self._started = self._clock.monotonic()
        await self._duty.start()

    async def run_once(self) -> None:
        """End overdue tasks, and all work on them here."""
        watched = timedelta(seconds=self._clock.monotonic() - self._started)
        timeout = self._config.queue_timeout if watched >= self._config.queue_timeout else None
        expired = await self._overdue.expire(
            queue_timeout=timeout, is_gone=lambda device: not self._nodes.has_device(device)
        )
        await with_each(expired, self._end_work_on, name=lambda task: f"Ending the work on task {task.task_id}")

    async def _end_work_on(self, task: Task) -> None:
        logger.warning("Task %s expired (%s): %s", task.task_id, task.failure_reason, task.failure_message)
        self._watch.notify(task.task_id)
        await self._dispatcher.cancel(task.task_id)

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()
