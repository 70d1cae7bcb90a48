"""Copies documents that are already on this machine."""

import hashlib
import secrets
import shutil
from pathlib import Path

from pagemill.domain.durable import sync
from pagemill.domain.task.task import StoredDocument


def keep_copy(file: Path, folder: Path) -> StoredDocument:
    """Copy a file durably to the folder of documents; the original stays unchanged.

    Raises:
        OSError: The file cannot be read, or the disk is full.
    """
    kept = folder / secrets.token_hex(16)
    shutil.copyfile(file, kept)
    sync(kept)
    sync(folder)
    with kept.open("rb") as copied:
        digest = hashlib.file_digest(copied, "sha256").hexdigest()
    return StoredDocument(path=str(kept.resolve()), name=file.name, size_bytes=kept.stat().st_size, sha256=digest)
