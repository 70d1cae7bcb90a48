"""Builds the site of a run: a small file system, a memory limit, a database, a neighbour and a server."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cgroups import join_command, temporary_cgroup
from proofs.chaos_plan import Kind
from proofs.disturbing import DATABASE, Site
from proofs.neighbour import Neighbour, neighbour
from proofs.supervisor import ROOT, Supervisor
from proofs.volume import Volume, small_volume
from tests.fixtures.postgres import PostgresServer, private_server

from pagemill.domain.memory import MIB
from pagemill.memory.probes.cgroup import MemoryCgroup

POSTGRES_SETTINGS = ("fsync=off", "max_connections=50", "shared_buffers=64MB")
"""A killed process loses nothing that it gave to the kernel; only a power failure would."""
NEIGHBOUR_SHARE = 0.75
"""A share of the memory limit: with it, the workers no longer fit; without workers, the server still has enough."""
SETTINGS: Mapping[str, str] = {
    "LOG_LEVEL": "warning",
    "TASKS__PAGE_TIMEOUT_SECONDS": "20",
    "TASKS__RETRY__MAX_CRASHES": "1000",
    "TASKS__RETRY__MAX_ATTEMPTS": "1000",
    "TASKS__RETRY__BACKOFF_MULTIPLIER": "1",
}
"""A page fails after two workers died of it, or after three could not be loaded for it. Here we kill workers, and no
page is to blame. A retry for any other reason still breaks a promise."""


@dataclass(frozen=True)
class Ground:
    """The surroundings of a server.

    Attributes:
        cgroup: None if none can be made.
        no_cgroup: Why not.
    """

    folder: Path
    volume: Volume
    cgroup: MemoryCgroup | None
    no_cgroup: str
    limit_mib: int

    @property
    def within(self) -> Sequence[str]:
        """A command that runs its arguments under the limit."""
        return join_command(self.cgroup, ()) if self.cgroup is not None else ()


@contextmanager
def undisturbed_server(folder: Path) -> Iterator[Supervisor]:
    """A server without disturbances, on SQLite."""
    folder.mkdir()
    with _run_supervised(folder, folder / "data", SETTINGS) as supervisor:
        yield supervisor


@contextmanager
def disturbed_site(folder: Path, database: str, *, limit_mib: int, volume_mib: int) -> Iterator[tuple[Site, Ground]]:
    """A server with everything that can disturb it, on that database ("sqlite" or "postgresql")."""
    folder.mkdir()
    with ExitStack() as stack:
        postgres = stack.enter_context(private_server(POSTGRES_SETTINGS)) if database == "postgresql" else None
        ground = _ground(stack, folder, limit_mib=limit_mib, volume_mib=volume_mib)
        crowd = None
        if ground.cgroup is not None:
            crowd = stack.enter_context(neighbour(ground.within, root=str(ROOT)))
        settings = dict(SETTINGS)
        if postgres is not None:
            settings["DATABASE_URL"] = postgres.create(DATABASE)
        data = ground.volume.folder / "data"
        supervisor = stack.enter_context(_run_supervised(folder, data, settings, within=ground.within))
        site = Site(
            supervisor=supervisor,
            journal=folder / "journal",
            volume=ground.volume,
            postgres=postgres,
            neighbour=crowd,
            neighbour_mib=round(NEIGHBOUR_SHARE * limit_mib),
            impossible=_find_impossible(ground, postgres, crowd),
        )
        yield site, ground


def _ground(stack: ExitStack, folder: Path, *, limit_mib: int, volume_mib: int) -> Ground:
    volume = stack.enter_context(small_volume(folder, size_mib=volume_mib))
    try:
        cgroup = stack.enter_context(temporary_cgroup(limit_mib * MIB))
    except OSError as error:
        return Ground(folder, volume, None, f"no memory cgroup can be made here: {error}", limit_mib)
    return Ground(folder, volume, cgroup, "", limit_mib)


def _find_impossible(ground: Ground, postgres: PostgresServer | None, crowd: Neighbour | None) -> dict[Kind, str]:
    without: dict[Kind, str] = {}
    if ground.volume.why_not:
        without[Kind.DISK_FULL] = ground.volume.why_not
    if crowd is None:
        without[Kind.NEIGHBOUR] = ground.no_cgroup
    if postgres is None:
        without |= dict.fromkeys((Kind.BACKEND_KILLED, Kind.POSTGRES_RESTARTED), "the database is SQLite")
    return without


@contextmanager
def _run_supervised(
    folder: Path, data: Path, settings: Mapping[str, str], *, within: Sequence[str] = ()
) -> Iterator[Supervisor]:
    supervisor = Supervisor(
        data, port=_free_port(), journal=folder / "journal", log=folder / "log", settings=settings, within=within
    )
    with supervisor:
        yield supervisor


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
