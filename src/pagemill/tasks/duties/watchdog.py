"""Finds tasks in which nothing happens although something should, and ends them: the last safety net."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.ports import Clock, OverdueTasks
from pagemill.domain.task.task import RetryPolicy
from pagemill.tasks.decisions.retry import backoff
from pagemill.tasks.duty import Duty, with_each
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.progress.work_counter import WorkCounter
from pagemill.tasks.work.dispatcher import Dispatcher

logger = logging.getLogger(__name__)

SLACK = timedelta(seconds=60)
"""Time for killing a worker, rescuing leases and writing, in addition to the limited waits."""


@dataclass(frozen=True)
class Waits:
    """The longest normal waits between two changes of a task; each ends by itself.

    Attributes:
        queue: For the first page, or while services are refused repeatedly; then the task expires.
        service: For a service.
        memory: For the memory of a chunk.
        load: For loading a model set.
        page: For reading one page.
        lease: For the pages of a dead server.
    """

    queue: timedelta
    service: timedelta
    memory: timedelta
    load: timedelta
    page: timedelta
    lease: timedelta


def longest_silence(waits: Waits, policy: RetryPolicy) -> timedelta:
    """How long a healthy task may go without settling a page: the sum of all waits.

    These are the waits for the next attempt, a service, memory, models and the page; the time after which a task that
    is refused services expires; the time until a dead server's lease expires; and `SLACK`.
    """
    retry = backoff(policy, max(1, policy.max_attempts - 1))
    return retry + sum((waits.service, waits.memory, waits.load, waits.page, waits.queue, waits.lease), SLACK)


@dataclass(frozen=True)
class WatchdogConfig:
    """When a task counts as stalled.

    Attributes:
        silence: Longest time without a settled page while the task is not in line; see `longest_silence`.
        interval: Time between two runs.
    """

    silence: timedelta
    interval: timedelta = timedelta(seconds=10)


class Watchdog:
    """A maintenance duty. Runs in the server process; several servers may run it at once.

    If it finds a task, Pagemill itself has a fault, which it logs as an error and counts. Time in line does not count,
    and neither does the time before the start of the server.
    """

    def __init__(
        self,
        config: WatchdogConfig,
        *,
        overdue: OverdueTasks,
        dispatcher: Dispatcher,
        tally: WorkCounter,
        watch: TaskWatch,
        clock: Clock,
    ) -> None:
        self._config = config
        self._overdue = overdue
        self._dispatcher = dispatcher
        self._tally = tally
        self._watch = watch
        self._clock = clock
        self._silent_since: dict[str, float] = {}
        self._duty = Duty("watchdog", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        self._silent_since.clear()
        await self._duty.start()

    async def run_once(self) -> None:
        """End the tasks that have been silent in every run for long enough."""
        now = self._clock.monotonic()
        unchanged = await self._overdue.find_unchanged(self._config.interval)
        silent = [task_id for task_id in unchanged if not self._dispatcher.has_in_line(task_id)]
        self._silent_since = {task_id: self._silent_since.get(task_id, now) for task_id in silent}
        limit = self._config.silence.total_seconds()
        stalled = [task_id for task_id in silent if now - self._silent_since[task_id] >= limit]
        await with_each(stalled, self._end, name=lambda task_id: f"Ending the stalled task {task_id}")

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()

    async def _end(self, task_id: str) -> None:
        ended = await self._overdue.end_stalled(task_id, self._config.silence)
        if ended is None:
            return
        logger.error("Task %s stalled, and is %s now: %s", task_id, ended.status, ended.failure_message)
        self._tally.task_stalled()
        self._dispatcher.abandon(task_id)
        self._watch.notify(task_id)
