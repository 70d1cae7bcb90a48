"""Writes that this node is alive, and reads what the other nodes wrote."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from pagemill.domain.errors import PagemillError
from pagemill.domain.ports import NodeTable
from pagemill.tasks.duty import Duty, take_steps
from pagemill.tasks.nodes import Nodes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeartbeatConfig:
    """How often a node writes, and how long its row stays.

    Attributes:
        forgotten_after: Rows of nodes that have not written for this long are dropped.
        interval: Time between two runs; several must fit into the time after which a node is gone.
    """

    forgotten_after: timedelta = timedelta(hours=1)
    interval: timedelta = timedelta(seconds=5)


class Heartbeat:
    """A maintenance duty. Runs in the server process; on a server that reads no pages, it only reads.

    Args:
        config: How often to write.
        nodes: What this server knows of the nodes.
        table: The nodes in the database.
        on_change: Called after each run.
    """

    def __init__(
        self,
        config: HeartbeatConfig,
        *,
        nodes: Nodes,
        table: NodeTable,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._nodes = nodes
        self._table = table
        self._on_change = on_change
        self._duty = Duty("heartbeat", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`. The node is in the table before it claims a page."""
        await self.run_once()
        await self._duty.start()

    async def run_once(self) -> None:
        """Write that this node is alive, drop nodes that are long gone, and read the others."""
        await take_steps(announce=self._announce, forget=self._forget, look=self._nodes.look)
        self._on_change()

    async def stop(self) -> None:
        """See `Runnable.stop`. It writes that this node claims no more pages."""
        await self._duty.stop()
        own = self._nodes.own
        if own is None:
            return
        try:
            await self._table.announce(replace(own, is_draining=True))
        except PagemillError as error:
            logger.info("The other servers learn only later that this node ends: %s", error)

    async def _announce(self) -> None:
        if (own := self._nodes.own) is not None:
            await self._table.announce(own)

    async def _forget(self) -> None:
        await self._table.forget(self._config.forgotten_after)
