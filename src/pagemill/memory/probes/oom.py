"""The kernel's own counts of out-of-memory kills, which distinguish such a kill from other deaths by SIGKILL."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from pagemill.memory.probes.cgroup import MemoryCgroup, locate


class OomEvidence(StrEnum):
    """How certain it is that the kernel killed a process because memory ran out."""

    NONE = "none"
    LIKELY = "likely"
    """The machine counted such a kill meanwhile, but does not say of which process."""
    COUNTED = "counted"
    """The process's own cgroup counted one."""


WatchOom = Callable[[int], Callable[[], OomEvidence]]
"""Watches a process from now on; calling the result returns the evidence since then."""


class OomCounter:
    """Kernel out-of-memory kills in one process's memory cgroup, and on the whole machine.

    Create it while the process lives: once the process is dead, its cgroup can no longer be found.
    """

    def __init__(self, pid: int | str = "self", *, root: Path = Path("/")) -> None:
        cgroups = locate(root, pid)
        self._own: MemoryCgroup | None = cgroups[0] if cgroups else None
        self._vmstat = root / "proc" / "vmstat"

    def kills(self) -> int | None:
        """Kills in the cgroup so far; None without a memory cgroup, or if the kernel does not count them."""
        return self._own.oom_kills() if self._own is not None else None

    def kills_on_machine(self) -> int | None:
        """Kills on the whole machine so far; None if the kernel does not count them."""
        try:
            lines = self._vmstat.read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)

    def kills_as_group(self) -> bool:
        """Whether such a kill ends every process of the cgroup, including the server if it is in that cgroup."""
        return self._own is not None and self._own.kills_as_group()


def watch_oom(pid: int, *, root: Path = Path("/")) -> Callable[[], OomEvidence]:
    """Watch a process from now on; calling the result returns the evidence since then.

    If its own cgroup counts kills, only that count matters: the kernel counts a victim in its own cgroup, and the death
    of another process proves nothing.
    """
    counter = OomCounter(pid, root=root)
    own, machine = counter.kills(), counter.kills_on_machine()

    def evidence() -> OomEvidence:
        if own is not None and (now := counter.kills()) is not None:
            return OomEvidence.COUNTED if now > own else OomEvidence.NONE
        anywhere = counter.kills_on_machine()
        seen = machine is not None and anywhere is not None and anywhere > machine
        return OomEvidence.LIKELY if seen else OomEvidence.NONE

    return evidence
