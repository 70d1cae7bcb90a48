"""Memory cgroups, version 1 and 2, made for one run, and commands that run inside them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pagemill.memory.probes.cgroup import MemoryCgroup, locate

_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}
_UNLIMITED = {1: "-1", 2: "max"}
_PEAK = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}


@contextmanager
def temporary_cgroup(limit_bytes: int | None = None) -> Iterator[MemoryCgroup]:
    """A cgroup near our own, for the `with` statement; every process in it must have ended by then.

    Raises:
        OSError: None can be made here, and why.
    """
    made = _make(limit_bytes)
    try:
        yield made
    finally:
        made.path.rmdir()


def join_command(cgroup: MemoryCgroup, command: Sequence[str]) -> list[str]:
    """The command, preceded by one that joins the cgroup; it keeps its process number and its output."""
    shell = shutil.which("sh") or "/bin/sh"
    return [shell, "-c", f'echo $$ > "{cgroup.path}/cgroup.procs" && exec "$@"', "sh", *command]


def peak_bytes(cgroup: MemoryCgroup) -> int:
    """The most it ever held by the kernel's count, file cache included; 0 if this kernel does not count it."""
    peak = cgroup.path / _PEAK[cgroup.version]
    return int(peak.read_text()) if peak.exists() else 0


def _make(limit_bytes: int | None) -> MemoryCgroup:
    """Below our own cgroup; where that may not have any below it (version 2), below the next one up.

    Raises:
        OSError: None takes a limit.
    """
    failure = OSError("there is no memory cgroup")
    for parent in locate(Path("/")):
        path = parent.path / f"pagemill-{uuid4().hex[:8]}"
        try:
            return _make_limited(path, parent.version, limit_bytes)
        except OSError as error:
            failure = error
    raise failure


def _make_limited(path: Path, version: int, limit_bytes: int | None) -> MemoryCgroup:
    path.mkdir()
    try:
        (path / _LIMIT[version]).write_text(str(limit_bytes) if limit_bytes is not None else _UNLIMITED[version])
    except OSError:
        path.rmdir()
        raise
    return MemoryCgroup(path, version)
