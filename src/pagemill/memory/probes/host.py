"""Host memory: of the machine, and of every cgroup above us."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import CPU, MemoryReading
from pagemill.memory.probes.cgroup import MemoryCgroup, locate
from pagemill.memory.probes.page_cache import FileCache, PageUse, file_cache

_KIB = 1024
_PAGES = {
    "inactive_file": "Inactive(file)",
    "active_file": "Active(file)",
    "mapped": "Mapped",
    "shmem": "Shmem",
    "dirty": "Dirty",
    "writeback": "Writeback",
}


@dataclass(frozen=True)
class Bound:
    """One limit of our memory.

    Attributes:
        limit_bytes: The limit.
        used_bytes: Use under it, by all programs.
        source: Its name for users.
        unwritten_bytes: The part of the use that is file pages, free once they are on the disk.
    """

    limit_bytes: int
    used_bytes: int
    source: str
    unwritten_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        """What we can still take under it."""
        return max(0, self.limit_bytes - self.used_bytes)

    @property
    def slack_bytes(self) -> int:
        """What we can take under it once everything is on the disk."""
        return max(0, self.limit_bytes - self.used_bytes + self.unwritten_bytes)


def tightest(bounds: Iterable[Bound]) -> MemoryReading:
    """All bounds as one reading: the smallest limit, and the least that any of them leaves free.

    The use is the difference of the two. So the reading changes smoothly when another bound becomes the tightest, and a
    process in a roomy cgroup notices a full machine. `source` names the bound that leaves the least.
    """
    known = list(bounds)
    limit = min(bound.limit_bytes for bound in known)
    narrowest = min(known, key=lambda bound: bound.free_bytes)
    free = min(limit, narrowest.free_bytes)
    slack = min(limit, *(bound.slack_bytes for bound in known))
    return MemoryReading(CPU, limit, limit - free, narrowest.source, unwritten_bytes=slack - free)


def machine_bound(meminfo: str) -> Bound:
    """The machine itself, from the text of /proc/meminfo: its total, less the part of `MemAvailable` that is free now.

    `MemAvailable` counts nearly all file pages as free, even libraries and models in use and dirty pages (Linux,
    mm/show_mem.c, `si_mem_available`). Pagemill subtracts these, as it does in a cgroup.

    Raises:
        DeviceUnavailable: The text lacks one of the figures.
    """
    figures = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    try:
        total, available = (_bytes(figures[name]) for name in ("MemTotal", "MemAvailable"))
    except (KeyError, IndexError, ValueError):
        raise DeviceUnavailable(
            "/proc/meminfo lacks MemTotal or MemAvailable. Pagemill needs Linux with /proc mounted."
        ) from None
    pages = PageUse(**{ours: _bytes(figures.get(theirs, "0")) for ours, theirs in _PAGES.items()})
    listed = pages.active_file + pages.inactive_file
    cache = file_cache(pages)
    return _make_bound(total, total - available + listed, cache, "MemAvailable")


def cgroup_bounds(cgroup: MemoryCgroup) -> Iterable[Bound]:
    """A cgroup's limits and use: of memory, and of memory and swap together; empty if it has no limit."""
    limit, with_swap = cgroup.limit_bytes(), cgroup.swap_limit_bytes()
    use = cgroup.use() if limit is not None or with_swap is not None else None
    if use is None:
        return
    if limit is not None:
        yield _make_bound(limit, use.memory, use.cache, str(cgroup.path))
    if with_swap is not None:
        yield _make_bound(with_swap, use.memory_and_swap, use.cache, f"{cgroup.path} (memory and swap)")


def _make_bound(limit: int, held: int, cache: FileCache, source: str) -> Bound:
    """The bound of a limit; `held` is the use under it, file cache included."""
    used = max(0, held - cache.free)
    return Bound(limit, used, source, min(used, cache.unwritten))


def _bytes(figure: str) -> int:
    return int(figure.split()[0]) * _KIB


class HostProbe:
    """Reads the memory that this process may use. It finds the cgroups once: a running service does not move."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._meminfo = root / "proc" / "meminfo"
        self._cgroups = locate(root)

    def read(self) -> MemoryReading:
        """See `MemoryProbe.read`. The tightest of the machine and every cgroup above us.

        Raises:
            DeviceUnavailable: There is no /proc/meminfo to read.
        """
        return tightest(self.bounds())

    def bounds(self) -> Sequence[Bound]:
        """All limits of our memory: the machine, then every cgroup above us with a limit.

        Raises:
            DeviceUnavailable: There is no /proc/meminfo to read.
        """
        return [self._machine(), *(bound for cgroup in self._cgroups for bound in cgroup_bounds(cgroup))]

    def _machine(self) -> Bound:
        try:
            return machine_bound(self._meminfo.read_text())
        except OSError:
            return machine_bound("")
