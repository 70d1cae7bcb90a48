"""`pagemill ocr`: reads files on this machine, without a server."""

import asyncio
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rich.progress import Progress

from pagemill.app import Application
from pagemill.cli.exits import ExitCode, complain, exit_code_of
from pagemill.cli.showing import bar_label, progress_bars
from pagemill.cli.targets import overall_code, targets_for
from pagemill.domain.errors import InvalidRequest, PagemillError
from pagemill.domain.task.results import ResultFormat, explain_unknown_format, result_formats
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.library.local import local_application
from pagemill.logs import configure_logging
from pagemill.settings import Settings

SUBMITTED_AHEAD = 8
"""Documents submitted at the same time: enough to keep every worker busy with short ones, few enough to copy."""


@dataclass(frozen=True)
class OcrRequest:
    """The request of `pagemill ocr`.

    Attributes:
        files: Documents to read.
        options: How to read them.
        format: Name of a result format.
        output: None for stdout; a folder for several files, otherwise a file.
        keep_furniture: Keep headers, footers and page numbers in text and Markdown.
        password: Of protected PDFs.
    """

    files: tuple[Path, ...]
    options: TaskOptions
    format: str
    output: Path | None
    keep_furniture: bool = False
    password: str | None = field(default=None, repr=False)


async def recognise_files(request: OcrRequest, settings: Settings) -> ExitCode:
    """Read every file as the service would, on a temporary data folder; deliver each when it is read.

    Raises:
        InvalidRequest: The format is unknown, or the results cannot be written to `request.output`.
    """
    configure_logging(settings.log_level, settings.log_format)
    with tempfile.TemporaryDirectory(prefix="pagemill-") as folder:
        application = local_application(settings, Path(folder))
        result = _format(request.format, application)
        targets = targets_for(request.files, request.output, result.extension)
        async with application.running():
            return await _OcrRun(request, application, result=result, targets=targets).run()


class _OcrRun:
    def __init__(
        self,
        request: OcrRequest,
        application: Application,
        *,
        result: ResultFormat,
        targets: Mapping[Path, Path | None],
    ) -> None:
        self._request = request
        self._application = application
        self._format = result
        self._targets = targets
        self._codes: list[ExitCode] = []

    async def run(self) -> ExitCode:
        submitted: deque[tuple[Path, Task]] = deque()
        with progress_bars() as progress:
            for file in self._request.files:
                if len(submitted) == SUBMITTED_AHEAD:
                    await self._finish(*submitted.popleft(), progress=progress)
                if (task := await self._submit(file)) is not None:
                    submitted.append((file, task))
            while submitted:
                await self._finish(*submitted.popleft(), progress=progress)
        return overall_code(self._codes)

    async def _submit(self, file: Path) -> Task | None:
        try:
            return await self._application.submit_file(file, self._request.options, password=self._request.password)
        except PagemillError as error:
            complain(f"{file}: {error.message}")
            self._codes.append(exit_code_of(error))
            return None

    async def _finish(self, file: Path, task: Task, *, progress: Progress) -> None:
        await self._deliver(file, await self._watch(task, file, progress))
        await self._application.manager.delete_task(task.task_id)

    async def _watch(self, task: Task, file: Path, progress: Progress) -> Task:
        bar = progress.add_task(bar_label(file.name), total=task.pages_total, unit="pages")
        async for seen in self._application.reader.progress(task.task_id):
            progress.update(bar, completed=seen.pages_done + seen.pages_failed)
            task = seen
        return task

    async def _deliver(self, file: Path, task: Task) -> None:
        for page in await self._application.reader.pages(task.task_id):
            if page.failure_reason:
                complain(f"{file}: page {page.number} could not be read: {page.failure_message}")
            for warning in page.warnings:
                complain(f"{file}: page {page.number}: {warning}")
        self._codes.append(await self._write_result(file, task))

    async def _write_result(self, file: Path, task: Task) -> ExitCode:
        if task.pages_done == 0 and self._format.name not in self._application.writers:
            return _code(task)  # no page for a PDF or an archive; its error was printed
        try:
            await self._write(file, task)
        except PagemillError as error:
            complain(f"{file}: {error.message}")
            return exit_code_of(error)
        return _code(task)

    async def _write(self, file: Path, task: Task) -> None:
        writer, keep = self._application.writers.get(self._format.name), self._request.keep_furniture
        if writer is None:
            made = await self._application.files.file(
                task.task_id, self._format, keep_furniture=keep, password=self._request.password
            )
            with _destination(self._targets[file]) as out, made.open("rb") as result:
                await asyncio.to_thread(shutil.copyfileobj, result, out)
            return
        with _destination(self._targets[file]) as out:
            async for part in self._application.reader.write(task.task_id, writer, keep_furniture=keep):
                out.write(part)


def _format(name: str, application: Application) -> ResultFormat:
    formats = result_formats(application.writers)
    if name not in formats:
        raise InvalidRequest(explain_unknown_format(name, formats))
    return formats[name]


def _code(task: Task) -> ExitCode:
    if task.pages_done == task.pages_total:
        return ExitCode.OK
    return ExitCode.PARTLY_READ if task.pages_done else ExitCode.NOTHING_READ


@contextmanager
def _destination(target: Path | None) -> Iterator[IO[bytes]]:
    """The place for a result; a file gets its name only when it is complete.

    Raises:
        InvalidRequest: The file cannot be written.
    """
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            yield out
        part.replace(target)
    except OSError as error:
        raise InvalidRequest(f"Cannot write {target}: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
