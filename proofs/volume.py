"""A small file system that a run can fill to the last byte."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Volume:
    """A folder with a file system of its own, or a plain folder if none can be mounted.

    Attributes:
        why_not: Why it cannot be filled; empty where it can.
    """

    folder: Path
    why_not: str = ""

    def fill(self) -> None:
        """Fill the last block."""
        state = os.statvfs(self.folder)
        filled, step = 0, state.f_bavail * state.f_frsize
        with self._filler.open("wb") as file:
            while step >= state.f_frsize:
                try:
                    os.posix_fallocate(file.fileno(), filled, step)
                    filled += step
                except OSError:  # a file system needs some blocks to say where the others are
                    step //= 2

    def empty(self) -> None:
        """Delete the filling."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_volume(scratch: Path, *, size_mib: int) -> Iterator[Volume]:
    """Mount a file system of that size for the `with` statement, if permitted."""
    folder = scratch / "volume"
    folder.mkdir()
    image = scratch / "volume.img"
    try:
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
    except OSError as error:
        yield Volume(folder, why_not=f"no file system can be mounted here: {error}")
        return
    try:
        yield Volume(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"{program} is not installed")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.strip() or f"{program} failed")
