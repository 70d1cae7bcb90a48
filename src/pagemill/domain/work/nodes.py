"""Nodes: the servers that read pages, as all servers on one database know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Self

from pagemill.domain.memory import CPU, NOTHING, Ceiling, DeviceId, MemoryNeed
from pagemill.domain.work.fitting import find_lack
from pagemill.domain.work.recognition import Stage


@dataclass(frozen=True)
class NodeDevice:
    """A device of a node.

    Attributes:
        ceiling: The most that the node can ever reserve of it.
        places: How many services can be in use on it.
    """

    ceiling: Ceiling
    places: int


@dataclass(frozen=True)
class Work:
    """What work asks of a node.

    Attributes:
        device: The device that works on it.
        need: The memory that it needs at least.
        engine: The engine that reads it; empty if any worker can.
    """

    device: DeviceId
    need: MemoryNeed = NOTHING
    engine: str = ""

    @classmethod
    def of(cls, stage: Stage, device: DeviceId, need: MemoryNeed, *, engine: str) -> Self:
        """The work on pages at that stage: text layers need no engine."""
        return cls(device, need, engine if stage is Stage.OCR else "")


@dataclass(frozen=True)
class Node:
    """A server that reads pages.

    Attributes:
        owner: Its name in leases; a node that was restarted has another one, except on SQLite.
        machine_id: The machine that it runs on.
        name: Its name for people.
        version: The version of Pagemill.
        devices: Its devices; work on a GPU also needs memory of the CPU.
        engines: The engines and profiles that work there, with the ISO 639 codes that each reads; no codes if they are
            unknown.
        is_draining: It claims no more pages, because it is about to end.
    """

    owner: str
    machine_id: str
    name: str
    version: str
    devices: Mapping[DeviceId, NodeDevice] = field(default_factory=dict)
    engines: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    is_draining: bool = False

    @property
    def ceilings(self) -> Mapping[DeviceId, Ceiling]:
        """The most that it can ever reserve of each device."""
        return {name: device.ceiling for name, device in self.devices.items()}

    def can_hold(self, device: DeviceId, need: MemoryNeed) -> bool:
        """Whether it has the device, and could ever provide the need there. "Never fits" is the opposite."""
        ceilings = self.ceilings
        return device in ceilings and CPU in ceilings and find_lack(device, need, ceilings) is None

    def can_do(self, work: Work) -> bool:
        """Whether it has the engine, and can hold the work."""
        return (not work.engine or work.engine in self.engines) and self.can_hold(work.device, work.need)


@dataclass(frozen=True)
class SeenNode:
    """A node, and when it last wrote that it is alive."""

    node: Node
    seen_at: datetime


class NodeState(StrEnum):
    """Whether a node reads pages."""

    LIVE = "live"
    DRAINING = "draining"
    """It is about to end, or has ended in order."""
    GONE = "gone"
    """It has not written for as long as a lease lasts, so its pages go to others."""


class Standing(Enum):
    """What a node's lock says of the node itself."""

    HELD = auto()
    """It has its lock."""
    LOST = auto()
    """It had its lock and lost it: others may have taken its pages, so it must claim no more."""
    LEASES_ALONE = auto()
    """It has no lock, and others know only by its leases that it is alive."""


@dataclass(frozen=True)
class NodeStatus:
    """A node as people see it.

    Attributes:
        seen_ago: How long ago it last wrote that it is alive.
        is_this: It is the server that answers.
    """

    node: Node
    state: NodeState
    seen_ago: timedelta
    is_this: bool = False


def larger_need(node: Node, device: DeviceId, need: MemoryNeed) -> MemoryNeed:
    """What another node must provide for a page that ran out of memory of a device on this node.

    It is a quarter more than this node can provide: a machine that is only a little larger would end the same way.
    """
    size_bytes = node.devices[device].ceiling.size_bytes * 5 // 4 + 1 if device in node.devices else 0
    return need.at_least(MemoryNeed(size_bytes) if device == CPU else MemoryNeed(0, size_bytes))


def state_of(seen: SeenNode, now: datetime, *, gone_after: timedelta) -> NodeState:
    """The state of a node that was last seen then. A node that drains and is not seen any more is gone."""
    if now - seen.seen_at >= gone_after:
        return NodeState.GONE
    return NodeState.DRAINING if seen.node.is_draining else NodeState.LIVE
