"""Files and folders that survive a power failure.

A file is on the disk once it is synced. It can be found there once the folder that names it is synced, and the folder
itself once its own parent is.
"""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Sync a file's content, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and its missing parents durably. An existing folder is not an error.

    Args:
        folder: The folder.
        mode: Its permissions before the process's umask applies; parents get the default ones.
    """
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    for above in missing:
        sync(above.parent)
