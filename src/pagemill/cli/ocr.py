"""`pagemill ocr`: reads files on this machine, without a server."""

import asyncio
import json
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
from pagemill.cli.inputs import Input, find_inputs
from pagemill.cli.showing import bar_label, print_line, progress_bars
from pagemill.cli.targets import choose_format, overall_code, partial_target, targets_for
from pagemill.domain.errors import InvalidRequest, PagemillError
from pagemill.domain.task.results import ResultFormat, result_formats
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.library.local import local_application
from pagemill.logs import configure_logging
from pagemill.settings import Settings

SUBMITTED_AHEAD = 8
"""Documents submitted at the same time: enough to keep every worker busy with short ones, few enough to copy."""
_DELIVERED = (ExitCode.OK, ExitCode.PARTLY_READ)


@dataclass(frozen=True)
class OcrRequest:
    """The request of `pagemill ocr`.

    Attributes:
        files: Documents to read, folders of them, and "-" for standard input.
        options: How to read them.
        format: Name of a result format; None for the one that the output's extension names, or text.
        output: None or "-" for stdout; a folder for several files, otherwise a file.
        force: Replace results that are there already.
        as_json: Print a line of JSON for each document, whose result goes to `output`.
        keep_furniture: Keep headers, footers and page numbers in text and Markdown.
        password: Of protected PDFs.
    """

    files: tuple[Path, ...]
    options: TaskOptions
    format: str | None
    output: Path | None
    force: bool = False
    as_json: bool = False
    keep_furniture: bool = False
    password: str | None = field(default=None, repr=False)


async def recognise_files(request: OcrRequest, settings: Settings) -> ExitCode:
    """Read every file as the service would, on a temporary data folder; deliver each when it is read.

    Raises:
        InvalidRequest: The format is unknown, a folder has no documents, or the results cannot go to `request.output`.
    """
    configure_logging(settings.log_level, settings.log_format)
    with (
        tempfile.TemporaryDirectory(prefix="pagemill-") as folder,
        tempfile.TemporaryDirectory(prefix="pagemill-") as stdin_folder,
    ):
        application = local_application(settings, Path(folder))
        inputs = await asyncio.to_thread(find_inputs, request.files, stdin_folder=Path(stdin_folder))
        formats = result_formats(application.writers).values()
        into_folder = len(request.files) > 1 or request.files[0].is_dir()
        result = choose_format(request.format, request.output, formats, into_folder=into_folder)
        targets = targets_for(inputs, request.output, result.extension, into_folder=into_folder, force=request.force)
        async with application.running():
            return await _OcrRun(request, application, result=result, targets=targets).run()


class _OcrRun:
    def __init__(
        self,
        request: OcrRequest,
        application: Application,
        *,
        result: ResultFormat,
        targets: Mapping[Input, Path | None],
    ) -> None:
        self._request = request
        self._application = application
        self._format = result
        self._targets = targets
        self._codes: list[ExitCode] = []
        self._submitted: deque[tuple[Input, Task]] = deque()

    async def run(self) -> ExitCode:
        try:
            with progress_bars() as progress:
                await self._read_all(progress)
        except asyncio.CancelledError:
            if not await self._leave_what_was_read():
                complain("interrupted.")
            return ExitCode.INTERRUPTED
        return overall_code(self._codes)

    async def _read_all(self, progress: Progress) -> None:
        for document in self._targets:
            if len(self._submitted) == SUBMITTED_AHEAD:
                await self._finish(progress)
            if (task := await self._submit(document)) is not None:
                self._submitted.append((document, task))
        while self._submitted:
            await self._finish(progress)

    async def _submit(self, document: Input) -> Task | None:
        options, password = self._request.options, self._request.password
        try:
            return await self._application.submit_file(document.path, options, password=password)
        except PagemillError as error:
            complain(f"{document.label}: {error.message}")
            self._codes.append(exit_code_of(error))
        except OSError as error:
            complain(f"{document.label}: cannot read the file: {error.strerror}.")
            self._codes.append(ExitCode.USAGE)
        return None

    async def _finish(self, progress: Progress) -> None:
        """Deliver the document that was submitted first; until then, an interruption finds it among the submitted."""
        document, task = self._submitted[0]
        await self._deliver(document, await self._watch(task, document, progress))
        self._submitted.popleft()
        await self._application.manager.delete_task(task.task_id)

    async def _leave_what_was_read(self) -> bool:
        """Write the pages that were read so far, marked as a part; returns whether there were any."""
        if self._format.name not in self._application.writers:
            return False
        is_any = False
        for document, task in self._submitted:
            state = await self._application.reader.get_task(task.task_id)
            if state.pages_done:
                is_any = True
                whole = self._targets[document]
                target = None if whole is None else partial_target(whole)
                await self._write(target, task)
                complain(
                    f"{document.label}: interrupted. {target or 'The output'} has {state.pages_done} of "
                    f"{state.pages_total} pages."
                )
        return is_any

    async def _watch(self, task: Task, document: Input, progress: Progress) -> Task:
        bar = progress.add_task(bar_label(document.path.name), total=task.pages_total, unit="pages")
        async for seen in self._application.reader.progress(task.task_id):
            progress.update(bar, completed=seen.pages_done + seen.pages_failed)
            task = seen
        return task

    async def _deliver(self, document: Input, task: Task) -> None:
        for page in await self._application.reader.pages(task.task_id):
            if page.failure_reason:
                complain(f"{document.label}: page {page.number} could not be read: {page.failure_message}")
            for warning in page.warnings:
                complain(f"{document.label}: page {page.number}: {warning}")
        code = await self._write_result(document, task)
        self._codes.append(code)
        if self._request.as_json:
            print_line(_json_line(document, task, self._targets[document] if code in _DELIVERED else None))

    async def _write_result(self, document: Input, task: Task) -> ExitCode:
        if task.pages_done == 0 and self._format.name not in self._application.writers:
            return _code(task)  # no page for a PDF or an archive; its error was printed
        try:
            await self._write(self._targets[document], task)
        except PagemillError as error:
            complain(f"{document.label}: {error.message}")
            return exit_code_of(error)
        return _code(task)

    async def _write(self, target: Path | None, task: Task) -> None:
        writer, keep = self._application.writers.get(self._format.name), self._request.keep_furniture
        if writer is None:
            made = await self._application.files.file(
                task.task_id, self._format, keep_furniture=keep, password=self._request.password
            )
            with _destination(target) as out, made.open("rb") as result:
                await asyncio.to_thread(shutil.copyfileobj, result, out)
            return
        with _destination(target) as out:
            async for part in self._application.reader.write(task.task_id, writer, keep_furniture=keep):
                out.write(part)


def _json_line(document: Input, task: Task, target: Path | None) -> str:
    facts = {
        "file": document.label,
        "status": task.status,
        "pages_done": task.pages_done,
        "pages_total": task.pages_total,
        "result": target and str(target),
    }
    return json.dumps(facts, ensure_ascii=False)


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
