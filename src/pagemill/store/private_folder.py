"""The data folder is for the service's user alone: no other user may read documents, results or the database."""

import os
from pathlib import Path

PRIVATE = 0o077
"""The umask of a service: only its user has access to what it makes."""


def open_to_others(folder: Path) -> int:
    """The folder's mode if other users have permissions; 0 if it is private or missing."""
    try:
        mode = folder.stat().st_mode & 0o777
    except OSError:
        return 0
    return mode if mode & PRIVATE else 0


def make_private(folder: Path) -> int:
    """Remove all permissions of other users, in the folder and all below it; returns how many entries had some.

    Links are not followed. The folder itself comes first, so that no one enters meanwhile.
    """
    changed = int(_take(folder))
    for above, folders, files in os.walk(folder):
        changed += sum(_take(Path(above) / name) for name in (*folders, *files))
    return changed


def _take(path: Path) -> bool:
    if path.is_symlink():
        return False
    mode = path.stat().st_mode & 0o777
    if mode & PRIVATE:
        path.chmod(mode & ~PRIVATE)
    return bool(mode & PRIVATE)
