"""Wires the memory room."""

from dataclasses import dataclass
from typing import Self

from pagemill import configs
from pagemill.app.site import Site
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.memory.guard import MemoryGuard
from pagemill.memory.probes.machine import MachineProbe


@dataclass(frozen=True)
class MemoryParts:
    """The parts of the memory room.

    Attributes:
        machine: Measures memory.
        guard: Reserves memory, and watches the workers of `PoolParts`.
        estimator: Learns how much memory work needs.
    """

    machine: MachineProbe
    guard: MemoryGuard
    estimator: LearningEstimator

    @classmethod
    def of(cls, site: Site, machine: MachineProbe | None = None) -> Self:
        """Wire them; `machine` defaults to the probes of this machine."""
        machine = machine or MachineProbe.of_this_machine()
        return cls(
            machine=machine,
            guard=MemoryGuard(configs.guard_config(site.settings), machine=machine, clock=site.clock),
            estimator=LearningEstimator(seeds_of(site.engines.values(), structure=site.structure)),
        )
