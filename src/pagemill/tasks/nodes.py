"""What this server knows of the nodes on its database: which are alive, and what each can do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.ports import Clock, NodeTable
from pagemill.domain.work.nodes import Node, NodeState, NodeStatus, SeenNode, state_of


@dataclass(frozen=True)
class NodeRules:
    """How long a node counts.

    Attributes:
        gone_after: A node that has not written for this long is gone; as long as a lease.
        awaited_for: For this long after it was last seen, work waits for a node to come back.
    """

    gone_after: timedelta = timedelta(seconds=20)
    awaited_for: timedelta = timedelta(minutes=5)


class Nodes:
    """The nodes, as last read from the database. Runs in the server process.

    Args:
        rules: How long a node counts.
        table: What every node wrote about itself.
        describe: Describes this server now; None if it reads no pages.
        clock: The time.
    """

    def __init__(
        self, rules: NodeRules, *, table: NodeTable, describe: Callable[[], Node | None], clock: Clock
    ) -> None:
        self._rules = rules
        self._table = table
        self._describe = describe
        self._clock = clock
        self._seen: Sequence[SeenNode] = ()

    @property
    def own(self) -> Node | None:
        """This server, as it is now; None if it reads no pages."""
        return self._describe()

    async def look(self) -> None:
        """Read the table again."""
        self._seen = await self._table.list_nodes()

    async def report(self) -> tuple[NodeStatus, ...]:
        """Every node in the table, read now."""
        await self.look()
        own, now = self.own, self._clock.now()
        return tuple(
            NodeStatus(
                seen.node,
                self._state(seen),
                max(timedelta(0), now - seen.seen_at),
                is_this=own is not None and seen.node.owner == own.owner,
            )
            for seen in self._seen
        )

    def _state(self, seen: SeenNode) -> NodeState:
        return state_of(seen, self._clock.now(), gone_after=self._rules.gone_after)
