"""Wires the nodes: what this server tells the others about itself, and what it knows of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pagemill import configs
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.pool_parts import PoolParts
from pagemill.app.site import Site
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.nodes import Node, NodeDevice
from pagemill.store.parts import StoreParts
from pagemill.tasks.duties.heartbeat import Heartbeat
from pagemill.tasks.known_engines import KnownEngines
from pagemill.tasks.nodes import Nodes
from pagemill.version import __version__


@dataclass(frozen=True)
class NodeParts:
    """The parts for nodes.

    Attributes:
        nodes: What this server knows of the nodes.
        heartbeat: Writes that this node is alive.
        engines: The engines that requests can choose.
    """

    nodes: Nodes
    heartbeat: Heartbeat
    engines: Mapping[str, EngineSpec]

    @classmethod
    def of(cls, site: Site, store: StoreParts, *, memory: MemoryParts, pool: PoolParts) -> Self:
        """Wire them."""
        nodes = Nodes(
            configs.node_rules(site.settings),
            table=store.nodes,
            describe=lambda: describe(site, memory, pool),
            reads_pages=site.role.reads_pages,
            engines=list_engines(site.engines),
            clock=site.clock,
        )
        heartbeat = Heartbeat(configs.heartbeat_config(site.settings), nodes=nodes, table=store.nodes)
        return cls(nodes, heartbeat, site.engines if site.is_alone else KnownEngines(site.engines, nodes))


def describe(site: Site, memory: MemoryParts, pool: PoolParts) -> Node:
    """This server as it is now."""
    devices = memory.guard.devices()
    return Node(
        owner=site.owner,
        machine_id=configs.machine_id(site.settings),
        name=configs.node_name(site.settings),
        version=__version__,
        devices={each.device: NodeDevice(each.ceiling, pool.places.get(each.device, 0)) for each in devices},
        engines=list_engines(site.engines),
    )


def list_engines(engines: Mapping[str, EngineSpec]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The engines and profiles that work here, each with the languages that it reads."""
    return {
        spec.name: {profile.name: profile.languages for profile in spec.profiles if not profile.unusable}
        for spec in engines.values()
        if not spec.unusable
    }
