"""Rescues what a dead server left behind: expired leases, tasks that are done but have not ended, missing cleanups."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.ports import PageQueue
from pagemill.tasks.duty import Duty, take_steps
from pagemill.tasks.work.cleanup import TaskCleaner
from pagemill.tasks.work.dispatcher import Dispatcher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RescuerConfig:
    """When to step in.

    Attributes:
        grace: Time for the server that ended a task to clean up after it, before this server does.
        dead_owner: A server known to be dead; its leases are taken back at the start, before they expire.
        interval: Time between two runs.
    """

    grace: timedelta = timedelta(seconds=30)
    dead_owner: str | None = None
    interval: timedelta = timedelta(seconds=5)


class Rescuer:
    """A maintenance duty. Runs in the server process; several servers may run it at once.

    Args:
        config: When to step in.
        pages: Leases.
        cleaner: Cleans up after tasks.
        dispatcher: Woken when there is work again.
    """

    def __init__(
        self,
        config: RescuerConfig,
        *,
        pages: PageQueue,
        cleaner: TaskCleaner,
        dispatcher: Dispatcher,
    ) -> None:
        self._config = config
        self._pages = pages
        self._cleaner = cleaner
        self._dispatcher = dispatcher
        self._duty = Duty("rescuer", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`. It first rescues the pages that a dead server left behind."""
        rescued = await self._pages.rescue(owner=self._config.dead_owner)
        if rescued:
            logger.info("Queued %s pages again that were in progress when the server last stopped", rescued)
        await self._duty.start()

    async def run_once(self) -> None:
        """Rescue pages, end tasks, clean up after them."""
        await take_steps(
            rescue=self._rescue,
            finish=self._pages.finish_completed,
            clean_up=self._clean_up,
        )

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()

    async def _rescue(self) -> None:
        if await self._pages.rescue():
            self._dispatcher.wake()

    async def _clean_up(self) -> None:
        await self._cleaner.sweep(ended_for=self._config.grace)
