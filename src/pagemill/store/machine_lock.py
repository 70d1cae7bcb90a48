"""Keeps a second node of one database off a machine: two ledgers would both promise its memory."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pagemill.domain.errors import InvalidSettings
from pagemill.store.dialects import parse_url


@contextmanager
def locked_machine(url: str, machine_id: str, *, folder: Path | None = None) -> Iterator[None]:
    """Lock this machine for one node of the database; the lock ends with the process, however that ends.

    Args:
        url: The database.
        machine_id: The id of the machine.
        folder: Where the lock's file lies; None for the system's folder of temporary files.

    Raises:
        InvalidSettings: Another node has it, or the file cannot be made.
    """
    file = (folder or Path(tempfile.gettempdir())) / f"pagemill-node-{_name(url, machine_id)}.lock"
    refusal = (
        "Another Pagemill server on this machine reads pages of this database, and both would promise the same memory. "
        "Stop it, or raise its `pool.services_per_device` instead. If it runs on another machine or in a container "
        f"with memory of its own, set node.machine_id. The lock is {file}."
    )
    try:
        lock = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        message = f"Pagemill cannot open {file} ({error.strerror}). Remove it, or make it readable."
        raise InvalidSettings(message) from error
    try:
        _lock(lock, refusal)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, refusal: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InvalidSettings(refusal) from error


def _name(url: str, machine_id: str) -> str:
    """Equal for one database on one machine, whoever connects to it and how."""
    parsed = parse_url(url)
    host = parsed.host or parsed.query.get("host", "")
    return hashlib.sha256(repr((host, parsed.port, parsed.database, machine_id)).encode()).hexdigest()[:16]
