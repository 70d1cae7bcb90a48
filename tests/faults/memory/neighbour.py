"""A neighbour that holds memory of one kind: `neighbour.py KIND MIB FOLDER`; says `ready`, goes when its input ends."""

import mmap
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

MIB = 1 << 20
Held = int | bytearray | mmap.mmap


def _write(file: Path, mib: int) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(mib):
        os.write(descriptor, b"x" * MIB)
    return descriptor


def _read(file: Path, mib: int, *, times: int) -> int:
    """Pages that are read again are on the active list."""
    descriptor = _write(file, mib)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    for _ in range(times):
        os.lseek(descriptor, 0, os.SEEK_SET)
        while os.read(descriptor, MIB):
            pass
    return descriptor


def _map(file: Path, mib: int) -> mmap.mmap:
    mapped = mmap.mmap(_read(file, mib, times=0), mib * MIB, mmap.MAP_SHARED, mmap.PROT_READ)
    for _ in range(3):
        for place in range(0, mib * MIB, mmap.PAGESIZE):
            mapped[place]
    return mapped


def _memory_file(mib: int) -> int:
    descriptor = os.memfd_create("neighbour")
    for _ in range(mib):
        os.write(descriptor, b"x" * MIB)
    return descriptor


def _anonymous(mib: int) -> bytearray:
    return bytearray(b"x" * MIB) * mib


KINDS: Mapping[str, Callable[[Path, int], Held]] = {
    "read_once": lambda file, mib: _read(file, mib, times=1),
    "read_often": lambda file, mib: _read(file, mib, times=4),
    "unwritten": _write,
    "mapped": _map,
    "memory_file": lambda _file, mib: _memory_file(mib),
    "anonymous": lambda _file, mib: _anonymous(mib),
}


def main() -> None:
    """Hold it until the input ends."""
    kind, mib, folder = sys.argv[1:]
    held = KINDS[kind](Path(folder) / "held", int(mib))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    del held


if __name__ == "__main__":
    main()
