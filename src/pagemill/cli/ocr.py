"""`pagemill ocr`: read files here and now, without a server."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pagemill.app import Application
from pagemill.cli.exits import ExitCode, complain, exit_code_of
from pagemill.domain.errors import InvalidRequest, PagemillError
from pagemill.domain.results import ResultWriter
from pagemill.domain.tasks import Task, TaskOptions
from pagemill.settings import Settings


@dataclass(frozen=True)
class OcrRequest:
    """What `pagemill ocr` was asked for.

    Attributes:
        files: Documents to read.
        options: How.
        format: Name of a result writer.
        output: None for stdout; a folder for several files, else a file.
    """

    files: tuple[Path, ...]
    options: TaskOptions
    format: str
    output: Path | None


async def recognise_files(request: OcrRequest, settings: Settings) -> ExitCode:
    """Read every file as the service would, on a temporary data folder; deliver each as soon as it is read."""
    with tempfile.TemporaryDirectory(prefix="pagemill-") as folder:
        local = settings.model_copy(update={"data_dir": Path(folder), "database_url": None})
        application = Application(local)
        async with application.running():
            return await _OcrRun(request, application).run()


class _OcrRun:
    def __init__(self, request: OcrRequest, application: Application) -> None:
        self._request = request
        self._application = application
        self._writer = _writer(request.format, application)
        self._codes: list[ExitCode] = []

    async def run(self) -> ExitCode:
        tasks = [(file, await self._submit(file)) for file in self._request.files]
        with _progress() as progress:
            for file, task in tasks:
                if task is not None:
                    await self._deliver(file, await self._watch(task, file, progress))
        return _overall(self._codes)

    async def _submit(self, file: Path) -> Task | None:
        try:
            return await self._application.submit_file(file, self._request.options)
        except PagemillError as error:
            complain(f"{file}: {error.message}")
            self._codes.append(exit_code_of(error))
            return None

    async def _watch(self, task: Task, file: Path, progress: Progress) -> Task:
        bar = progress.add_task(file.name, total=task.pages_total)
        async for seen in self._application.reader.progress(task.task_id):
            progress.update(bar, completed=seen.pages_done + seen.pages_failed)
            task = seen
        return task

    async def _deliver(self, file: Path, task: Task) -> None:
        unread = [page for page in await self._application.reader.pages(task.task_id) if page.failure_reason]
        for page in unread:
            complain(f"{file}: page {page.number} was not read: {page.failure_message}")
        self._codes.append(_code(task))
        with _destination(self._request, file, self._writer) as out:
            async for part in self._application.reader.write(task.task_id, self._writer):
                out.write(part)


def _writer(name: str, application: Application) -> ResultWriter:
    writer = application.writers.get(name)
    if writer is None:
        raise InvalidRequest(f"There is no format {name!r}; there are: {', '.join(sorted(application.writers))}.")
    return writer


def _code(task: Task) -> ExitCode:
    if task.pages_done == task.pages_total:
        return ExitCode.OK
    return ExitCode.PARTLY_READ if task.pages_done else ExitCode.NOTHING_READ


def _overall(codes: Sequence[ExitCode]) -> ExitCode:
    """All alike: that. Some of everything: partly read."""
    return codes[0] if len(set(codes)) == 1 else ExitCode.PARTLY_READ


def check_output(files: Sequence[Path], output: Path | None) -> None:
    """Refuse an output that several files cannot share.

    Raises:
        InvalidRequest: Several files, and the output is a file.
    """
    if output is not None and len(files) > 1 and output.exists() and not output.is_dir():
        raise InvalidRequest(f"{output} is a file; several documents need a folder.")


@contextmanager
def _destination(request: OcrRequest, file: Path, writer: ResultWriter) -> Iterator[IO[bytes]]:
    """Where a result goes; a file appears under its name only when it is complete."""
    if request.output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    into_folder = len(request.files) > 1 or request.output.is_dir()
    path = request.output / f"{file.stem}{writer.extension}" if into_folder else request.output
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
