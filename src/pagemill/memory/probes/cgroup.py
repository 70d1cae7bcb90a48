"""Memory cgroups, version 1 and 2, below a given root."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pagemill.memory.probes.page_cache import FileCache, PageUse, file_cache

_V1_UNLIMITED = 2**62
"""v1 writes "no limit" as the largest number of whole pages."""
_V1_NAMES = {
    "inactive_file": "inactive_file",
    "active_file": "active_file",
    "mapped": "mapped_file",
    "shmem": "shmem",
    "dirty": "dirty",
    "writeback": "writeback",
}
_V2_NAMES = {
    "inactive_file": "inactive_file",
    "active_file": "active_file",
    "mapped": "file_mapped",
    "shmem": "shmem",
    "dirty": "file_dirty",
    "writeback": "file_writeback",
    "slab": "slab_reclaimable",
}
_MOUNTED_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class CgroupUse:
    """The memory of a cgroup at one moment, bytes.

    Attributes:
        memory: Everything charged to it, including file cache.
        memory_and_swap: The same plus swapped memory, if the two have a common limit.
        cache: The part of the memory that the kernel frees at the limit.
    """

    memory: int
    memory_and_swap: int
    cache: FileCache


@dataclass(frozen=True)
class MemoryCgroup:
    """One memory cgroup, v1 or v2; it reads the kernel's files at every call.

    Attributes:
        path: Its directory.
        version: 1 or 2.
    """

    path: Path
    version: int

    def limit_bytes(self) -> int | None:
        """Its limit; None for no limit.

        In v2, `memory.high` counts too: above it, the kernel slows every process of the cgroup to a crawl.
        """
        if self.version == 1:
            limit = self._number("memory.limit_in_bytes")
            return None if limit is None or limit >= _V1_UNLIMITED else limit
        limits = [self._number("memory.max"), self._number("memory.high")]
        return min((limit for limit in limits if limit is not None), default=None)

    def swap_limit_bytes(self) -> int | None:
        """The limit of memory and swap together (v1 `memsw`); None for no limit.

        v2 limits swap separately (`memory.swap.max`), which does not reduce memory; Pagemill never relies on swap.
        """
        limit = self._number("memory.memsw.limit_in_bytes") if self.version == 1 else None
        return None if limit is None or limit >= _V1_UNLIMITED else limit

    def use(self) -> CgroupUse | None:
        """Its memory, and the part that the kernel frees when it must; None if it cannot be read."""
        v1 = self.version == 1
        stat = self._stat()
        usage = self._number("memory.usage_in_bytes" if v1 else "memory.current")
        if usage is None:
            return None
        with_swap = self._number("memory.memsw.usage_in_bytes") if v1 else None
        return CgroupUse(usage, usage if with_swap is None else with_swap, file_cache(stat))

    def oom_kills(self) -> int | None:
        """Number of processes that the kernel killed in it to free memory; None if this kernel does not count them."""
        return self._field("memory.oom_control" if self.version == 1 else "memory.events", "oom_kill")

    def kills_as_group(self) -> bool:
        """Whether an out-of-memory kill takes the whole cgroup at once (v2 `memory.oom.group`)."""
        return self.version == 2 and self._number("memory.oom.group") == 1

    def _stat(self) -> PageUse:
        """In v1, only the `total_` figures include the cgroups below, as usage does; they do not include slabs."""
        figures = dict(line.split(" ", 1) for line in _text(self.path / "memory.stat").splitlines() if " " in line)
        prefix, names = ("total_", _V1_NAMES) if self.version == 1 else ("", _V2_NAMES)
        return PageUse(**{ours: int(figures.get(prefix + theirs, 0)) for ours, theirs in names.items()})

    def _number(self, name: str) -> int | None:
        text = _text(self.path / name).strip()
        return int(text) if text.isdigit() else None

    def _field(self, name: str, field: str) -> int | None:
        for line in _text(self.path / name).splitlines():
            key, _, value = line.partition(" ")
            if key == field:
                return int(value)
        return None


def locate(root: Path, pid: int | str = "self") -> tuple[MemoryCgroup, ...]:
    """The memory cgroup of a process and all visible ancestors, its own first; empty if there is none.

    In a container, the process's path is often outside the mount: then the mount point is its cgroup.
    """
    groups = _text(root / "proc" / str(pid) / "cgroup").splitlines()
    mounts = _text(root / "proc" / "self" / "mountinfo").splitlines()
    for version, path in _memory_paths(groups):
        mounted = _memory_mount(mounts, version)
        if mounted is not None:
            mount_root, mount_point = mounted
            top = root / mount_point.relative_to("/")
            return _chain(top, _path_below(path, mount_root), version)
    return ()


def _memory_paths(lines: list[str]) -> list[tuple[int, PurePosixPath]]:
    """(version, path) of the memory controller; on a hybrid machine v1 has it, and comes first."""
    fields = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    v1 = [(1, PurePosixPath(path)) for _, controllers, path in fields if "memory" in controllers.split(",")]
    return v1 + [(2, PurePosixPath(path)) for number, controllers, path in fields if number == "0" and not controllers]


def _memory_mount(lines: list[str], version: int) -> tuple[PurePosixPath, PurePosixPath] | None:
    """(root of the mount within the hierarchy, mount point), from proc_pid_mountinfo(5)."""
    for line in lines:
        left, _, right = line.partition(" - ")
        kind, _, options = right.partition(" ")
        if (kind == "cgroup2" and version == 2) or (
            kind == "cgroup" and version == 1 and "memory" in options.split()[-1].split(",")
        ):
            fields = left.split()
            return _unescape(fields[3]), _unescape(fields[4])
    return None


def _path_below(path: PurePosixPath, mount_root: PurePosixPath) -> PurePosixPath:
    inside = path.is_relative_to(mount_root) and ".." not in path.parts
    return path.relative_to(mount_root) if inside else PurePosixPath()


def _chain(top: Path, below: PurePosixPath, version: int) -> tuple[MemoryCgroup, ...]:
    if not (top / below).is_dir():
        below = PurePosixPath()
    steps = [below, *below.parents] if below.parts else [below]
    return tuple(MemoryCgroup(top / step, version) for step in steps)


def _unescape(field: str) -> PurePosixPath:
    return PurePosixPath(_MOUNTED_OCTAL.sub(lambda code: chr(int(code[1], 8)), field))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
