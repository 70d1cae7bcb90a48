"""What this server knows of the nodes on its database: which are alive, and what each can do."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pagemill.domain.memory import NOTHING, DeviceId
from pagemill.domain.ports import Clock, NodeTable
from pagemill.domain.work.nodes import Node, NodeState, NodeStatus, SeenNode, Standing, Work, state_of


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
        describe: Describes this server now.
        reads_pages: Whether this server is a node; if not, nothing describes it.
        engines: The engines that work here.
        clock: The time.
    """

    def __init__(
        self,
        rules: NodeRules,
        *,
        table: NodeTable,
        describe: Callable[[], Node],
        reads_pages: bool = True,
        engines: Collection[str] = (),
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._table = table
        self._describe = describe
        self._reads_pages = reads_pages
        self._engines = frozenset(engines)
        self._clock = clock
        self._seen: Sequence[SeenNode] = ()
        self._standing = Standing.LEASES_ALONE

    @property
    def own(self) -> Node | None:
        """This server, as it is now; None if it reads no pages."""
        return self._describe() if self._reads_pages else None

    @property
    def rules(self) -> NodeRules:
        """How long a node counts."""
        return self._rules

    @property
    def may_work(self) -> bool:
        """Whether this server may claim pages: not while others may believe that it is dead."""
        return self._standing is not Standing.LOST

    def note(self, standing: Standing) -> None:
        """Note what this server's lock says of it."""
        self._standing = standing

    def list_present(self) -> Sequence[str]:
        """The names in leases of all nodes that are not gone, whatever their machine."""
        now = self._clock.now()
        return [seen.node.owner for seen in self._seen if now - seen.seen_at < self._rules.gone_after]

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

    def may_claim(self, work: Work) -> bool:
        """Whether such pages are for this server; if not, a node that can read them is alive or may come back.

        This one rule decides what a node claims, what it gives to others, and what it says never fits: it claims also
        what no node can read, so that one of them says so.
        """
        if work.need == NOTHING and (not work.engine or work.engine in self._engines):
            return True
        own = self.own
        if own is None or own.can_do(work):
            return True
        return not any(node.can_do(work) for node in self._others(self._rules.awaited_for))

    @property
    def reads_pages(self) -> bool:
        """Whether this server is a node."""
        return self._reads_pages

    def list_others(self) -> list[Node]:
        """The other nodes that are alive or may come back, those that are alive first."""
        live = self.list_live()
        return [*live, *(node for node in self._others(self._rules.awaited_for) if node not in live)]

    def list_live(self) -> Sequence[Node]:
        """The other nodes that are alive."""
        return [node for node in self._others(self._rules.gone_after) if not node.is_draining]

    def has_device(self, device: DeviceId) -> bool:
        """Whether this server or a live node has the device."""
        own = self.own
        here = own is not None and device in own.devices
        return here or any(device in node.devices for node in self.list_live())

    def _others(self, seen_within: timedelta) -> Sequence[Node]:
        """The nodes on other machines that were seen lately; on this machine, there were only earlier lives of ours."""
        own, now = self.own, self._clock.now()
        ours = () if own is None else (own.machine_id,)
        return [
            seen.node for seen in self._seen if now - seen.seen_at < seen_within and seen.node.machine_id not in ours
        ]

    def _state(self, seen: SeenNode) -> NodeState:
        return state_of(seen, self._clock.now(), gone_after=self._rules.gone_after)
