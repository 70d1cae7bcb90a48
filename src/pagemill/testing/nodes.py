"""Nodes for tests: a table in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pagemill.domain.ports import Clock
from pagemill.domain.work.nodes import Node, SeenNode


class FakeNodeTable:
    """`NodeTable` in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: list[SeenNode] = []

    async def announce(self, node: Node) -> None:
        """See `NodeTable.announce`."""
        others = [each for each in self._seen if each.node.owner != node.owner]
        kept = [each for each in others if not (each.node.is_draining and each.node.machine_id == node.machine_id)]
        self._seen = [*kept, SeenNode(node, self._clock.now())]

    async def list_nodes(self) -> Sequence[SeenNode]:
        """See `NodeTable.list_nodes`."""
        return sorted(self._seen, key=lambda each: (each.node.name, each.node.owner))

    async def mark_gone(self, owner: str, *, unseen_for: timedelta) -> None:
        """See `NodeTable.mark_gone`."""
        then = self._clock.now() - unseen_for
        self._seen = [
            replace(each, seen_at=min(each.seen_at, then)) if each.node.owner == owner else each for each in self._seen
        ]

    async def forget(self, unseen_for: timedelta) -> int:
        """See `NodeTable.forget`."""
        kept = [each for each in self._seen if each.seen_at > self._clock.now() - unseen_for]
        forgotten = len(self._seen) - len(kept)
        self._seen = kept
        return forgotten
