"""The nodes on one database. Every awaited call can raise `DatabaseUnavailable`."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
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

    async def mark_gone(self, owner: str, *, unseen_for: timedelta) -> None:
        """Write that the node has died: as if it had not written for this long. If it lives, it writes again."""
        ...

    async def forget(self, unseen_for: timedelta) -> int:
        """Drop the nodes that have not written for this long; returns how many."""
        ...


class NodeLocks(Protocol):
    """A lock for each node, which ends with the node."""

    def watch(self, owner: str) -> AbstractAsyncContextManager[bool]:
        """Wait until the node that has the lock ends, and keep the lock during the block.

        Returns:
            True if the lock was seen held and then became free. False, at once, if no session has it or no locks are
            possible here: that says nothing about the node.
        """
        ...
