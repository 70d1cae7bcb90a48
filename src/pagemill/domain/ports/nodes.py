"""The nodes on one database. Every awaited call can raise `DatabaseUnavailable`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from pagemill.domain.work.nodes import Node, SeenNode


class NodeTable(Protocol):
    """What every node last wrote about itself."""

    async def announce(self, node: Node) -> None:
        """Write that the node is alive now, and what it can do. Earlier nodes that ended on its machine are dropped."""
        ...

    async def list_nodes(self) -> Sequence[SeenNode]:
        """All nodes, by name and owner."""
        ...

    async def forget(self, unseen_for: timedelta) -> int:
        """Drop the nodes that have not written for this long; returns how many."""
        ...
