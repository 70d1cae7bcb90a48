"""Host memory: the machine's, and what every cgroup above us leaves of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import CPU, MemoryReading
from pagemill.memory.probes.cgroup import MemoryCgroup, locate

_KIB = 1024


@dataclass(frozen=True)
class Bound:
    """One thing that bounds our memory.

    Attributes:
        limit_bytes: The most that may be in use under it.
        used_bytes: In use under it, by anybody.
        source: Its name for people.
    """

    limit_bytes: int
    used_bytes: int
    source: str

    @property
    def free_bytes(self) -> int:
        """What it still lets us take."""
        return max(0, self.limit_bytes - self.used_bytes)


def tightest(bounds: Iterable[Bound]) -> MemoryReading:
    """All bounds as one reading: the smallest limit, and the least that any of them leaves free.

    Use is what is missing between the two. So the reading moves smoothly where another bound becomes the tightest, and
    a full machine is seen from within a roomy cgroup. `source` names the bound that leaves the least.
    """
    known = list(bounds)
    limit = min(bound.limit_bytes for bound in known)
    narrowest = min(known, key=lambda bound: bound.free_bytes)
    return MemoryReading(CPU, limit, limit - min(limit, narrowest.free_bytes), narrowest.source)


def machine_bound(meminfo: str) -> Bound:
    """The machine itself, from the text of /proc/meminfo: all of it, less `MemAvailable`.

    Raises:
        DeviceUnavailable: The text does not state both figures.
    """
    figures = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    try:
        total, available = (int(figures[name].split()[0]) * _KIB for name in ("MemTotal", "MemAvailable"))
    except (KeyError, IndexError, ValueError):
        raise DeviceUnavailable(
            "/proc/meminfo does not state MemTotal and MemAvailable; Pagemill needs Linux with /proc mounted."
        ) from None
    return Bound(total, total - available, "MemAvailable")


def cgroup_bound(cgroup: MemoryCgroup) -> Bound | None:
    """A cgroup's limit and use; None where it has no limit."""
    limit = cgroup.limit_bytes()
    used = cgroup.used_bytes() if limit is not None else None
    return None if limit is None or used is None else Bound(limit, used, str(cgroup.path))


class HostProbe:
    """Reads the memory this process may use. The cgroups are found once: a service is not moved while it runs."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._meminfo = root / "proc" / "meminfo"
        self._cgroups = locate(root)

    def read(self) -> MemoryReading:
        """The tightest of the machine and every cgroup above us.

        Raises:
            DeviceUnavailable: There is no /proc/meminfo to read.
        """
        return tightest(self.bounds())

    def bounds(self) -> Sequence[Bound]:
        """Everything that bounds our memory: the machine, then every cgroup above us that has a limit.

        Raises:
            DeviceUnavailable: There is no /proc/meminfo to read.
        """
        bounds = (cgroup_bound(cgroup) for cgroup in self._cgroups)
        return [self._machine(), *(bound for bound in bounds if bound is not None)]

    def _machine(self) -> Bound:
        try:
            return machine_bound(self._meminfo.read_text())
        except OSError:
            return machine_bound("")
