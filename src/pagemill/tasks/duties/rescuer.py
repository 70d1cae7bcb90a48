"""Finds what nobody looks after any more: expired leases, ended tasks not marked so, tasks not cleaned up."""

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
    """What is left to others, and for how long.

    Attributes:
        grace: How long whoever ended a task has for what belongs to that, before it is done here.
        dead_owner: A server known to be dead; its leases are taken back at the start, without waiting for their end.
        interval: Between two looks.
    """

    grace: timedelta = timedelta(seconds=30)
    dead_owner: str | None = None
    interval: timedelta = timedelta(seconds=5)


class Rescuer:
    """A maintenance duty. Runs in the server process, and does no harm beside others of its kind.

    Args:
        config: What is left to others.
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
        """Take up what a server that is no more left behind, then look regularly."""
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
        """Look no more; twice is no error."""
        await self._duty.stop()

    async def _rescue(self) -> None:
        if await self._pages.rescue():
            self._dispatcher.wake()

    async def _clean_up(self) -> None:
        await self._cleaner.sweep(ended_for=self._config.grace)
