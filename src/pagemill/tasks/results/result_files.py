"""Results as files: formats that are made as a whole, and any other format once a client requests a part of it.

result ─┬─▶ pages ──▶ worker ──▶ searchable PDF ───┐
        ├─▶ every writer ──▶ zip with a manifest ──┼──▶ work/<task_id>.results/<tag><extension>, for about an hour
        └─▶ one writer ────────────────────────────┘
"""

import asyncio
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import IO, Protocol

from pagemill.domain.errors import Conflict, NotFound
from pagemill.domain.ports import ResultStore, TaskStore
from pagemill.domain.task.results import ARCHIVE, INERT_PDF, SEARCHABLE_PDF, ResultFormat, ResultWriter, UnreadPage
from pagemill.domain.task.task import Task
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.removal import RESULTS_SUFFIX
from pagemill.tasks.results.deleted import unless_deleted
from pagemill.tasks.results.result_stream import unread_pages, write_result
from pagemill.version import __version__

MANIFEST = "manifest.json"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


class PdfMaker(Protocol):
    """Makes searchable PDFs, in a worker and never in the server."""

    async def make(
        self,
        document: str,
        *,
        pages: Path,
        page_count: int,
        output: Path,
        password: str | None = None,
        inert: bool = False,
    ) -> None:
        """Write a searchable PDF of the document to `output`, from `Page.to_json()` of its pages, one per line.

        An inert one has no scripts, actions, media or embedded files.

        Raises:
            PagemillError: It cannot be made, or not now.
        """
        ...


class ResultFiles:
    """Makes results as files, and keeps them for a while. Runs in the server process.

    Args:
        store: Tasks.
        results: Their pages.
        writers: Formats that are written page by page, by name; every look-up makes a new writer, for one result.
        pdfs: Makes searchable PDFs.
        work_dir: Folder for temporary folders.
        passwords: Of protected documents.
    """

    def __init__(
        self,
        *,
        store: TaskStore,
        results: ResultStore,
        writers: Mapping[str, ResultWriter],
        pdfs: PdfMaker,
        work_dir: Path,
        passwords: Passwords,
    ) -> None:
        self._store = store
        self._results = results
        self._writers = writers
        self._pdfs = pdfs
        self._passwords = passwords
        self._work_dir = work_dir
        self._making: dict[Path, asyncio.Task[None]] = {}

    async def file(
        self, task_id: str, result: ResultFormat, *, keep_furniture: bool = False, password: str | None = None
    ) -> Path:
        """The complete result of a finished task; the file stays for about an hour after its last use.

        It is made once for all concurrent requests, and finished even if they go away. Text and Markdown have no
        headers, footers or page numbers unless `keep_furniture` is set.

        Raises:
            NotFound: There is no such task, or no page of it was read.
            Conflict: The task has not ended.
            EncryptedDocument: The result is a PDF of a document that needs a password, which is missing or wrong.
            PagemillError: The file cannot be made, or not now.
        """
        task = await self._store.get(task_id)
        if not task.status.is_final:
            raise Conflict(
                f"Task {task_id} is {task.status}; the service makes the {result.name} after the task has "
                "ended. Try again then."
            )
        if task.pages_done == 0:
            raise NotFound(f"No page of task {task_id} was read. The list of the task's pages says why.")
        tag = result_tag(task, result, keep_furniture=keep_furniture)
        path = self._work_dir / f"{task_id}{RESULTS_SUFFIX}" / f"{tag}{result.extension}"
        if path not in self._making:
            making = asyncio.create_task(
                self._make(task, result, path, keep_furniture=keep_furniture, password=password)
            )
            self._making[path] = making
            making.add_done_callback(lambda done: self._forget_making(path, done))
        async with unless_deleted(self._store, task_id):
            await asyncio.shield(self._making[path])
        return path

    async def _make(
        self, task: Task, result: ResultFormat, path: Path, *, keep_furniture: bool, password: str | None
    ) -> None:
        if await asyncio.to_thread(_is_kept, path):
            return
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        if result.name in (SEARCHABLE_PDF.name, INERT_PDF.name):
            needed = self._passwords.need(task, password)
            await self._make_pdf(task, path, needed, inert=result.name == INERT_PDF.name)
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            try:
                await self._fill(task, result, part, keep_furniture=keep_furniture)
            except BaseException:
                await asyncio.to_thread(os.unlink, part.name)
                raise
        await asyncio.to_thread(os.replace, part.name, path)

    async def _make_pdf(self, task: Task, path: Path, password: str | None, *, inert: bool) -> None:
        with tempfile.NamedTemporaryFile(dir=path.parent) as pages:
            async for page in self._results.results(task.task_id):
                pages.write(page + b"\n")
            pages.flush()
            await self._pdfs.make(
                task.document.path,
                pages=Path(pages.name),
                page_count=task.page_count,
                output=path,
                password=password,
                inert=inert,
            )

    async def _fill(self, task: Task, result: ResultFormat, file: IO[bytes], *, keep_furniture: bool) -> None:
        if result.name == ARCHIVE.name:
            await self._fill_archive(task, file, keep_furniture=keep_furniture)
            return
        async with aclosing(self._write_pieces(task, result.name, keep_furniture=keep_furniture)) as pieces:
            async for piece in pieces:
                file.write(piece)

    async def _fill_archive(self, task: Task, file: IO[bytes], *, keep_furniture: bool) -> None:
        stem = Path(task.document.name).stem[:100] or "result"
        safe = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in stem).strip(" .")
        manifest = _Manifest(task, await unread_pages(task, self._store))
        with zipfile.ZipFile(file, "w") as archive:
            for writer in self._writers.values():
                name = f"{safe or 'result'}{writer.extension}"
                entry = manifest.entry(name, writer.media_type)
                with archive.open(_member(task, name), "w", force_zip64=True) as member:
                    async with aclosing(self._write_pieces(task, writer.name, keep_furniture=keep_furniture)) as pieces:
                        async for piece in pieces:
                            await asyncio.to_thread(_pack, piece, member, entry)
            archive.writestr(_member(task, MANIFEST), manifest.text())

    async def _write_pieces(self, task: Task, name: str, *, keep_furniture: bool) -> AsyncGenerator[bytes, None]:
        pieces = write_result(
            task, self._writers[name], store=self._store, results=self._results, keep_furniture=keep_furniture
        )
        async for piece in pieces:
            yield piece

    def _forget_making(self, path: Path, done: asyncio.Task[None]) -> None:
        del self._making[path]
        if not done.cancelled():
            done.exception()  # those who wait for it get the error; perhaps no one waits


def result_tag(task: Task, result: ResultFormat, *, keep_furniture: bool = False) -> str:
    """Identifies the content of a final task's result: with another tag, the bytes may differ."""
    ended = task.finished_at and task.finished_at.isoformat()
    counts = task.pages_done, task.pages_failed
    parts = (__version__, task.task_id, result.name, task.status, ended, *counts, keep_furniture)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class _Entry:
    """A file of the archive while its bytes are written."""

    def __init__(self, name: str, media_type: str) -> None:
        self._name, self._media_type = name, media_type
        self._size_bytes = 0
        self._digest = hashlib.sha256()

    def add(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        self._digest.update(piece)

    def as_manifest(self) -> dict[str, str | int]:
        return {
            "name": self._name,
            "media_type": self._media_type,
            "size_bytes": self._size_bytes,
            "sha256": self._digest.hexdigest(),
        }


def _pack(piece: bytes, member: IO[bytes], entry: _Entry) -> None:
    member.write(piece)
    entry.add(piece)


class _Manifest:
    """The contents of the archive."""

    def __init__(self, task: Task, unread: Sequence[UnreadPage]) -> None:
        self._task = task
        self._unread = unread
        self._entries: list[_Entry] = []

    def entry(self, name: str, media_type: str) -> _Entry:
        self._entries.append(_Entry(name, media_type))
        return self._entries[-1]

    def text(self) -> str:
        document = self._task.document
        content = {
            "schema": "pagemill/archive/1",
            "pagemill_version": __version__,
            "task_id": self._task.task_id,
            "status": self._task.status,
            "document": {"name": document.name, "size_bytes": document.size_bytes, "sha256": document.sha256},
            "unread": [{"page": page.number, "reason": page.reason, "message": page.message} for page in self._unread],
            "files": [entry.as_manifest() for entry in self._entries],
        }
        return json.dumps(content, ensure_ascii=True, indent=2) + "\n"


def _member(task: Task, name: str) -> zipfile.ZipInfo:
    """A file of the archive with the date of the task's end, so that equal results give equal archives."""
    ended = task.finished_at
    time = max(_EARLIEST, ended.timetuple()[:6]) if ended else _EARLIEST
    member = zipfile.ZipInfo(name, time)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _is_kept(path: Path) -> bool:
    """Whether the file exists; if so, keep it for another hour."""
    try:
        os.utime(path.parent)
    except FileNotFoundError:
        return False
    return path.is_file()
