"""Receives documents: from the socket to a synced file, never whole in memory.

    chunk ─► MultipartReader ─► IncomingFile ─► <directory>/<id>.part ─fsync, rename─► <directory>/<id>

Files have an id of our own as their name; the sender's name is only shown.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from pagemill.domain.durable import make_folder, sync
from pagemill.domain.errors import DocumentTooLarge, InvalidDocument
from pagemill.domain.task.task import StoredDocument
from pagemill.tasks.removal import remove
from pagemill.web.problems import RequestRefused
from pagemill.web.senders import UploadLimits

PART_SUFFIX = ".part"
FLUSH_BYTES = 1024 * 1024
MAX_NAME_LENGTH = 255
UNNAMED = "document"
TOUCHED_EVERY = timedelta(minutes=10)
"""How often a batch's complete documents get a new modification time while others arrive: well within the hour after
which pruning deletes files without a task."""


@dataclass(frozen=True)
class UploadCounts:
    """Documents received since the start of the server.

    Attributes:
        in_progress: Uploads in progress.
        finished: Documents received completely.
        finished_bytes: Their bytes.
    """

    in_progress: int = 0
    finished: int = 0
    finished_bytes: int = 0


class UploadStore:
    """A directory that receives documents, a bounded number at a time. Runs in the server process.

    Args:
        directory: The directory; created on first use.
        max_bytes: Size of the largest allowed document.
        max_concurrent: Most uploads at the same time; half of them from one sender.
        per_minute: Most documents from one sender in a minute.
        monotonic: Local time in seconds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        max_concurrent: int,
        per_minute: int = 600,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._directory = directory
        self._max_bytes = max_bytes
        self._places = asyncio.Semaphore(max_concurrent)
        self._limits = UploadLimits(at_once=max(1, max_concurrent // 2), per_minute=per_minute, monotonic=monotonic)
        self._counts = UploadCounts()

    def counts(self) -> UploadCounts:
        """The uploads so far, and those in progress."""
        return self._counts

    @property
    def max_bytes(self) -> int:
        """The size of the largest allowed document."""
        return self._max_bytes

    @contextlib.asynccontextmanager
    async def incoming_batch(self, sender: str = "") -> AsyncIterator["IncomingBatch"]:
        """A place for several documents, one after the other; after an error, all of them are deleted.

        Raises:
            RequestRefused: As `take_place`.
        """
        batch = IncomingBatch(self, monotonic=self._monotonic)
        try:
            async with self._place(sender), contextlib.aclosing(batch):
                yield batch
            self._limits.count(sender, documents=len(batch.documents) - 1)
        except BaseException:
            for document in batch.documents:
                await self.remove(document)
            raise

    @contextlib.asynccontextmanager
    async def take_place(self, sender: str = "") -> AsyncIterator["IncomingFile"]:
        """A place for one document; an incomplete document is deleted at the end.

        Raises:
            RequestRefused: `too_many_uploads`: all places are taken; requests with a body never wait for one.
                `rate_limited`: the sender has reached a limit of its own.
        """
        async with self._place(sender), self.receive_one() as file:
            yield file

    @contextlib.asynccontextmanager
    async def receive_one(self) -> AsyncIterator["IncomingFile"]:
        """Receive and count a document; only for requests with a place."""
        file = IncomingFile(self._directory / secrets.token_hex(16), max_bytes=self._max_bytes)
        self._count(in_progress=1)
        try:
            yield file
            self._count(finished=1, finished_bytes=file.size_bytes)
        finally:
            self._count(in_progress=-1)
            await asyncio.to_thread(file.abandon)

    @contextlib.asynccontextmanager
    async def _place(self, sender: str) -> AsyncIterator[None]:
        if self._places.locked():
            message = "Too many uploads at once. Try again in a moment."
            raise RequestRefused("too_many_uploads", message, retryable=True, retry_after_s=2)
        with self._limits.upload(sender):
            async with self._places:
                yield

    def _count(self, *, in_progress: int = 0, finished: int = 0, finished_bytes: int = 0) -> None:
        counts = self._counts
        self._counts = UploadCounts(
            counts.in_progress + in_progress, counts.finished + finished, counts.finished_bytes + finished_bytes
        )

    async def remove(self, document: StoredDocument) -> None:
        """Delete a document without a task; deleting it twice is not an error."""
        await asyncio.to_thread(Path(document.path).unlink, missing_ok=True)


class IncomingFile:
    """One incoming document. Threads do the disk and digest work, a mebibyte at a time."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._max_bytes = max_bytes
        self._size = 0
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        # a cancelled caller's thread continues: abandoning waits for it, and later calls do nothing
        self._lock = threading.Lock()
        self._abandoned = False

    @property
    def size_bytes(self) -> int:
        """The bytes received so far."""
        return self._size

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            DocumentTooLarge: The document exceeds the limit.
            RequestRefused: `storage_full`.
        """
        self._size += len(data)
        if self._size > self._max_bytes:
            raise too_large(self._size, self._max_bytes)
        self._buffer += data
        if len(self._buffer) >= FLUSH_BYTES:
            await asyncio.to_thread(self._flush)

    async def finish(self, name: str) -> StoredDocument:
        """Sync the complete document and give it its final path.

        Args:
            name: The name that its sender gave it.

        Raises:
            InvalidDocument: The document is empty.
            RequestRefused: `storage_full`.
        """
        if self._size == 0:
            raise InvalidDocument("The document is empty (0 bytes). Check the file, and send it again.")
        await asyncio.to_thread(self._keep)
        return StoredDocument(
            path=str(self._path),
            name=display_name(name),
            size_bytes=self._size,
            sha256=self._digest.hexdigest(),
        )

    def abandon(self) -> None:
        """Close and delete an incomplete document; after `finish`, do nothing."""
        with self._lock:
            self._abandoned = True
            if self._file is not None:
                # what could not be written because the disk is full cannot be flushed either
                with contextlib.suppress(OSError):
                    self._file.close()
            self._part.unlink(missing_ok=True)

    def _flush(self) -> None:
        with self._lock, _disk_errors():
            if self._abandoned:
                return
            if self._file is None:
                make_folder(self._path.parent, mode=0o700)
                self._file = open(self._part, "xb", opener=_private)  # noqa: SIM115 - open across calls
            self._file.write(self._buffer)
            self._digest.update(self._buffer)
            self._buffer.clear()

    def _keep(self) -> None:
        self._flush()
        with self._lock, _disk_errors():
            if self._abandoned or self._file is None:
                return
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self._path)
            sync(self._path.parent)


class IncomingBatch:
    """Several incoming documents, one after the other. Meanwhile, complete ones get a new modification time.

    Attributes:
        documents: The complete documents.
    """

    def __init__(self, uploads: UploadStore, *, monotonic: Callable[[], float]) -> None:
        self.documents: list[StoredDocument] = []
        self._monotonic = monotonic
        self._touched_at = monotonic()
        self._uploads = uploads
        self._open = contextlib.AsyncExitStack()
        self._file: IncomingFile | None = None
        self._name = UNNAMED

    def begin(self, name: str) -> None:
        """See `DocumentSink.begin`."""
        self._name = name

    async def write(self, data: bytes) -> None:
        """See `DocumentSink.write`. Errors: `IncomingFile.write`."""
        if self._file is None:
            self._file = await self._open.enter_async_context(self._uploads.receive_one())
        await self._file.write(data)
        await self._keep_new()

    async def end(self) -> None:
        """See `DocumentSink.end`.

        Raises:
            InvalidDocument: It is empty.
            RequestRefused: `storage_full`.
        """
        if self._file is None:
            place = len(self.documents) + 1
            raise InvalidDocument(
                f"Document {place} ({display_name(self._name)}) is empty. Check the file, and send the batch again."
            )
        self.documents.append(await self._file.finish(self._name))
        self._file = None
        await self._open.aclose()
        await self._keep_new()

    async def touch(self) -> None:
        """Update the modification time of complete documents, so that pruning does not delete them."""
        self._touched_at = self._monotonic()
        await asyncio.to_thread(_touch, [Path(document.path) for document in self.documents])

    async def _keep_new(self) -> None:
        if self._monotonic() - self._touched_at >= TOUCHED_EVERY.total_seconds():
            await self.touch()

    async def aclose(self) -> None:
        """Delete an incomplete document."""
        await self._open.aclose()


def too_large(size_bytes: int, limit_bytes: int) -> DocumentTooLarge:
    """The error for a document of (at least) this size."""
    return DocumentTooLarge(
        f"The document has at least {size_bytes} bytes; the limit is {limit_bytes} bytes. Split it into smaller ones.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )


def display_name(name: str) -> str:
    """A sender's file name for display: the last part of a path, printable, of bounded length."""
    last = name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[:MAX_NAME_LENGTH] or UNNAMED


def remove_abandoned(directory: Path, *, now: datetime, older_than: timedelta = timedelta(hours=1)) -> int:
    """Delete incomplete uploads of a dead server; returns how many."""
    oldest = (now - older_than).timestamp()
    return sum(remove(part) for part in directory.glob(f"*{PART_SUFFIX}") if _is_older(part, oldest))


def _is_older(part: Path, oldest: float) -> bool:
    try:
        return part.stat().st_mtime < oldest
    except FileNotFoundError:  # it was received, or another process removed it
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _touch(paths: Sequence[Path]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # its batch is being removed, or will be refused
            os.utime(path)


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "The disk has no room for this document. Free some space, or ask the operator of the service."
            raise RequestRefused("storage_full", message, retryable=True) from error
        raise
