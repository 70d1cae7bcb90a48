"""Prevents two independent servers from using the same data folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pagemill.domain.durable import make_folder
from pagemill.domain.errors import InvalidSettings


@contextmanager
def locked_folder(folder: Path, *, shared: bool) -> Iterator[None]:
    """Lock a data folder, and make it if it is missing; the lock ends with the process, however that ends.

    Args:
        folder: The folder.
        shared: Whether other servers on the same PostgreSQL may lock it too.

    Raises:
        InvalidSettings: Another server has it, or it is not writable.
    """
    try:
        make_folder(folder, mode=0o700)
        lock = (folder / "server.lock").open("w")
    except OSError as error:
        message = f"Pagemill cannot use the data folder {folder} ({error.strerror}). Set another data_dir."
        raise InvalidSettings(message) from error
    with lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Another Pagemill server uses {folder}. Stop it, or set another data_dir."
            raise InvalidSettings(message) from error
        yield
