"""Servers in memory cgroups of their own."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures import faulty_server
from tests.fixtures.cgroups import join_command, limited_cgroup
from tests.fixtures.server import AS_INSTALLED, Api, Server

from pagemill.domain.memory import MIB
from pagemill.memory.probes.cgroup import MemoryCgroup

FAULTY_COMMAND = (sys.executable, faulty_server.__file__)


@dataclass(frozen=True)
class Confined:
    """A server that may use so much memory and no more, and the kernel's books of it."""

    server: Server
    cgroup: MemoryCgroup

    @property
    def api(self) -> Api:
        """What can be said to the server."""
        return self.server.api

    def check_the_kernel_killed_nobody(self) -> None:
        """The guard was always first; a counter that cannot be read is no proof."""
        assert self.cgroup.oom_kills() == 0, self.server.log


ConfinedServer = Callable[..., Confined]


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[ConfinedServer]:
    """Starts a server in a cgroup with that limit: with the real engine, or with one that has these faults."""
    with ExitStack() as stack:

        def start(limit_mib: int, *, faults: Mapping[str, str] | None = None, **settings: str) -> Confined:
            cgroup = stack.enter_context(limited_cgroup(limit_mib * MIB))
            given = {"SERVER__PORT": "0", "POOL__SERVICES_PER_DEVICE": "1", **settings}
            if faults is not None:
                given |= {"ENGINES": json.dumps({"faulty": dict(faults)})}
            command = join_command(cgroup, AS_INSTALLED if faults is None else FAULTY_COMMAND)
            server = stack.enter_context(Server(tmp_path / "data", settings=given, command=command))
            return Confined(server, cgroup)

        yield start
