"""The kernel's own count of out-of-memory kills: tells them from any other death by SIGKILL."""

from pathlib import Path

from pagemill.memory.probes.cgroup import MemoryCgroup, locate


class OomCounter:
    """Kernel out-of-memory kills in one process's memory cgroup.

    Made while the process lives: once it is dead, its cgroup can no longer be found.
    """

    def __init__(self, pid: int | str = "self", *, root: Path = Path("/")) -> None:
        cgroups = locate(root, pid)
        self._own: MemoryCgroup | None = cgroups[0] if cgroups else None

    def kills(self) -> int | None:
        """Kills so far; None where there is no memory cgroup or the kernel does not count them."""
        return self._own.oom_kills() if self._own is not None else None

    def kills_as_group(self) -> bool:
        """Whether such a kill ends every process of the cgroup, the server with them where it lives there."""
        return self._own is not None and self._own.kills_as_group()
