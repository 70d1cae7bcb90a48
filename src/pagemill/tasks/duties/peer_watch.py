"""Watches another node, and rescues its pages the moment it dies."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.ports import NodeLocks, NodeTable, PageQueue
from pagemill.tasks.decisions.ring import order_peers
from pagemill.tasks.duty import Duty
from pagemill.tasks.nodes import Nodes
from pagemill.tasks.work.dispatcher import Dispatcher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeerWatchConfig:
    """How often to look whether there is another node to watch.

    Attributes:
        interval: Time between two looks; the watch itself notices a death at once.
    """

    interval: timedelta = timedelta(seconds=5)


class PeerWatch:
    """A maintenance duty of every node on PostgreSQL. Runs in the server process.

    It relies on nothing but a lock that it saw held and then free. A node without a lock, or one that died while this
    server had no connection, is found by its leases.

    Args:
        config: How often to look.
        nodes: The nodes.
        table: The nodes in the database.
        locks: Their locks.
        pages: Leases.
        dispatcher: Woken when there is work again.
    """

    def __init__(
        self,
        config: PeerWatchConfig,
        *,
        nodes: Nodes,
        table: NodeTable,
        locks: NodeLocks,
        pages: PageQueue,
        dispatcher: Dispatcher,
    ) -> None:
        self._nodes = nodes
        self._table = table
        self._locks = locks
        self._pages = pages
        self._dispatcher = dispatcher
        self._peers: Sequence[str] = ()
        self._watching: asyncio.Task[None] | None = None
        self._duty = Duty("peer watch", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        await self._duty.start()

    async def run_once(self) -> None:
        """Begin to watch again if the nodes have changed, or if the last watch has ended."""
        own = self._nodes.own
        peers = order_peers(own.owner, self._nodes.list_present()) if own is not None else []
        if peers == self._peers and self._watching is not None and not self._watching.done():
            return
        await self._end_watch()
        self._peers = peers
        if peers:
            self._watching = asyncio.create_task(self._watch(peers), name="watch of another node")

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()
        await self._end_watch()

    async def _watch(self, peers: Sequence[str]) -> None:
        """Watch the first of these nodes that has a lock, until it dies."""
        try:
            for peer in peers:
                async with self._locks.watch(peer) as was_held:
                    if was_held:
                        await self._rescue(peer)
                        return
        except Exception as error:  # noqa: BLE001 - the leases remain
            logger.warning("The watch of other nodes ended, and begins again: %s", error)

    async def _rescue(self, peer: str) -> None:
        rescued = await self._pages.rescue(owner=peer)
        await self._table.mark_gone(peer, unseen_for=self._nodes.rules.gone_after)
        await self._nodes.look()
        logger.warning("The node %s has ended; %s of its pages were queued again", peer, rescued)
        self._dispatcher.wake()
        self._duty.wake()

    async def _end_watch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
