"""The JSON of a node: a server that reads pages."""

from typing import Self

from pagemill.domain.memory import MIB
from pagemill.domain.work.nodes import NodeDevice, NodeState, NodeStatus
from pagemill.wire.wire_model import WireModel


class NodeDeviceWire(WireModel):
    """A device of a node."""

    limit_mb: int
    reservable_mb: int
    """The most that the node can reserve of it; a page that needs more goes to another node."""
    places: int
    """How many services can be in use on it."""

    @classmethod
    def of(cls, device: NodeDevice) -> Self:
        """The device as it is shown."""
        ceiling = device.ceiling
        return cls(limit_mb=ceiling.limit_bytes // MIB, reservable_mb=ceiling.size_bytes // MIB, places=device.places)


class NodeWire(WireModel):
    """A server that reads pages."""

    owner: str
    """Its name in leases; a node that was restarted has another one, except on SQLite."""
    machine_id: str
    name: str
    version: str
    state: NodeState
    """live; draining: it claims no more pages; gone: it has not written for as long as a lease lasts."""
    seen_s: float
    """Seconds since it last wrote that it is alive."""
    is_this: bool
    """It is the server that answers."""
    devices: dict[str, NodeDeviceWire]
    engines: dict[str, dict[str, list[str]]]
    """The engines and profiles that work there, with the languages that each reads; none if they are unknown."""

    @classmethod
    def of(cls, status: NodeStatus) -> Self:
        """The node as it is shown."""
        node = status.node
        return cls(
            owner=node.owner,
            machine_id=node.machine_id,
            name=node.name,
            version=node.version,
            state=status.state,
            seen_s=status.seen_ago.total_seconds(),
            is_this=status.is_this,
            devices={name: NodeDeviceWire.of(device) for name, device in node.devices.items()},
            engines={
                name: {profile: list(languages) for profile, languages in profiles.items()}
                for name, profiles in node.engines.items()
            },
        )
