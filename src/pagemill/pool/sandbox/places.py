"""Lists the files that a worker needs besides its desk: code, models, and system files that libraries read."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pagemill.pool.sandbox.landlock import CHANGE, READ, USE_DEVICE, Grant

_PACKAGE = Path(__file__).resolve().parents[2]
_SYSTEM_CODE = ("/usr", "/lib", "/lib32", "/lib64", "/nix/store")
_CODE_VARIABLES = ("LD_LIBRARY_PATH", "LD_PRELOAD")
_SYSTEM_FILES = (
    # the loader, the time zone, what OpenSSL, `mimetypes`, `platform` and fontconfig read as they are imported
    "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf", "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/pki/tls",
    "/etc/mime.types", "/etc/os-release", "/etc/fonts",
    # facts about the machine for allocators and engines
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count", "/proc/sys/kernel/osrelease",
    "/sys/devices", "/sys/bus", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
    "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip
_GPU_FILES = ("/proc/driver", "/proc/devices", "/proc/modules", "/sys/class", "/sys/module")
_GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")


def code(environment: Mapping[str, str], *, apart: Path) -> Iterator[Grant]:
    """The folders of this interpreter, its packages and Pagemill.

    Args:
        environment: The variables of this process.
        apart: The data folder: no folder that contains it is granted.
    """
    named = [part for name in _CODE_VARIABLES for part in environment.get(name, "").replace(" ", ":").split(":")]
    roots = [*_SYSTEM_CODE, sys.base_prefix, sys.prefix, *sys.path, *named]
    yield from _grant_reading([*map(Path, roots), _PACKAGE], apart=apart)


def models(files: Iterable[str], *, apart: Path) -> Iterator[Grant]:
    """The engine's files."""
    yield from _grant_reading(map(Path, files), apart=apart)


def system() -> Iterator[Grant]:
    """Facts about the machine and this process; the process may also reset the measurement of its peak."""
    for path in (*_SYSTEM_FILES, "/proc/self"):
        yield Grant(Path(path), READ)
    for path in ("/dev/null", "/proc/self/clear_refs"):
        yield Grant(Path(path), CHANGE)


def gpus() -> Iterator[Grant]:
    """The GPUs, and the files that their drivers read."""
    for path in _GPU_FILES:
        yield Grant(Path(path), READ)
    for pattern in _GPU_DEVICES:
        yield from (Grant(path, USE_DEVICE) for path in Path("/dev").glob(pattern))


def _grant_reading(roots: Iterable[Path], *, apart: Path) -> Iterator[Grant]:
    granted: set[Path] = set()
    for root in roots:
        if root.is_absolute() and granted.isdisjoint((root, *root.parents)):
            granted.update(list_around(root, apart))
    yield from (Grant(path, READ) for path in granted)


def list_around(root: Path, apart: Path) -> Iterator[Path]:
    """The folder, or its content without `apart` if that lies in it.

    A folder within `apart`, such as an engine's own environment, is listed itself. Links lead elsewhere and are left
    out.
    """
    root = root.resolve()
    if not apart.is_relative_to(root):
        yield root
    elif root != apart:
        with suppress(OSError):
            for below in sorted(root.iterdir()):
                if not below.is_symlink():
                    yield from list_around(below, apart)
