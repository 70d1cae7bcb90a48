"""The server's side of the sandbox: a desk for each worker, with the one document that it works on.

data/desks/SERVER/WORKER/documents   hard links, put there and taken away by the server; the worker reads
                        /results     the worker writes; the server moves what was asked for to its place
                        /home        temporary files

Landlock grants access to paths, so the worker can open the link on its desk, but neither the stored document nor any
other.
"""

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from pagemill.pool.messages import Export, Inspect, Made, Process, ProtocolError, Render, Reply, Request, Trim
from pagemill.pool.sandbox.confinement import Confinement

FOLDER = "desks"

_VARIABLES = frozenset({
    "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH",
    "LD_PRELOAD", "MALLOC_ARENA_MAX", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PATH",
    "PYTHONHASHSEED", "PYTHONHOME", "PYTHONPATH", "TZ",
})  # fmt: skip
"""Environment variables that a worker gets: where its code is, its locale, and which GPUs it may use."""


class Sandbox:
    """The desks of one server's workers.

    Desks of servers that died are removed; a server holds a lock on its own folder for as long as it lives.
    """

    def __init__(self, data: Path) -> None:
        """Take the data folder, absolute; nothing is written before the first desk."""
        self._data = data
        self._folder: Path | None = None
        self._numbers = count(1)

    def desk(self) -> "Desk":
        """Make an empty desk.

        Raises:
            OSError: It could not be made.
        """
        if self._folder is None or not self._folder.is_dir():
            self._folder = self._own_folder()
        return Desk(self._folder / str(next(self._numbers)), apart=self._data)

    def _own_folder(self) -> Path:
        desks = self._data / FOLDER
        desks.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_abandoned(desks)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=desks))
        _lock(new)
        return new.rename(desks / new.name.removeprefix(".new-"))


def _lock(folder: Path) -> int:
    """A descriptor that holds the lock on a folder, for as long as the process lives."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(held)
        raise
    return held


def _remove_abandoned(desks: Path) -> None:
    for folder in desks.iterdir():
        if folder.name.startswith("."):
            continue
        with suppress(OSError):
            held = _lock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


class Desk:
    """One worker's place for its document and its results."""

    def __init__(self, folder: Path, *, apart: Path) -> None:
        self._folder = folder
        self.confinement = Confinement(folder / "documents", folder / "results", folder / "home", apart)
        folder.mkdir(mode=0o700)
        for place in (self.confinement.documents, self.confinement.results, self.confinement.home):
            place.mkdir(mode=0o700)
        self._names = count(1)
        self._lying: dict[str, Path] = {}
        self._wanted: Path | None = None

    def environment(self, ours: Mapping[str, str]) -> dict[str, str]:
        """The environment of a worker, taken from ours."""
        home = str(self.confinement.home)
        kept = {name: value for name, value in ours.items() if name in _VARIABLES}
        return kept | {"HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}

    async def lay(self, request: Request) -> Request:
        """Put the request's document on the desk, remove everything else, and translate the request's paths.

        A document that no longer exists is left out, so that the worker reports it.

        Raises:
            OSError: It could not be put there.
        """
        match request:
            case Process():
                document = await self._place_one(request.params.document)
                return request.model_copy(update={"params": replace(request.params, document=document)})
            case Inspect():
                return request.model_copy(update={"path": await self._place_one(request.path)})
            case Render():
                document = await self._place_one(request.document)
                return request.model_copy(update={"document": document, "path": self._make(request.path)})
            case Export():
                document, pages = await self._place_all(request.document, request.pages)
                output = self._make(request.output)
                return request.model_copy(update={"document": document, "pages": pages, "output": output})
            case Trim():
                self._take_away(set())
        return request

    @property
    def awaits_result(self) -> bool:
        """Whether the worker's next reply decides about a file that it was asked to make."""
        return self._wanted is not None

    async def collect(self, reply: Reply) -> None:
        """Move the result to its place, complete or not at all.

        Raises:
            ProtocolError: The worker claims to have made the result, but did not.
            OSError: It could not be moved.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is not None and isinstance(reply, Made):
            await asyncio.to_thread(_move, self._result, wanted)

    def remove(self) -> None:
        """Delete the desk after its worker has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _result(self) -> Path:
        return self.confinement.results / "result"

    def _make(self, wanted: str) -> str:
        _empty(self.confinement.results)
        self._wanted = Path(wanted)
        return str(self._result)

    async def _place_one(self, document: str) -> str:
        (path,) = await self._place_all(document)
        return path

    async def _place_all(self, *paths: str) -> list[str]:
        self._take_away(set(paths))
        return [await self._put(path) for path in paths]

    async def _put(self, path: str) -> str:
        if path in self._lying:
            return str(self._lying[path])
        place = self.confinement.documents / str(next(self._names))
        if await _link(path, place):
            self._lying[path] = place
        return str(place)

    def _take_away(self, but: set[str]) -> None:
        for path in self._lying.keys() - but:
            self._lying.pop(path).unlink(missing_ok=True)


async def _link(document: str, place: Path) -> bool:
    """Link the document under another name, or copy it to another file system; False if it is gone."""
    try:
        if not _hard_link(document, place):
            await asyncio.to_thread(shutil.copyfile, document, place)
    except FileNotFoundError:
        return False
    except OSError:
        _discard(place)
        raise
    return True


def _hard_link(document: str, place: Path) -> bool:
    """Make a hard link, which takes microseconds; False if that is impossible."""
    try:
        place.hardlink_to(os.path.realpath(document))
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _move(made: Path, wanted: Path) -> None:
    """Take only a plain file with one name: a link could lead to files that the worker may not read."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    part = wanted.with_name(f".{wanted.name}.part")
    try:
        try:
            shutil.move(made, part)
        except FileNotFoundError as error:
            raise ProtocolError("The worker did not make the file that it reported.") from error
        found = part.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ProtocolError("The worker made something that is not a plain file.")
        part.replace(wanted)
    finally:
        _discard(part)


def _empty(folder: Path) -> None:
    for path in _entries(folder):
        _discard(path)


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from [Path(entry.path) for entry in entries]
