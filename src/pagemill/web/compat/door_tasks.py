"""What doors do with tasks: send a document, and wait for its end as long as the client does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from pagemill.domain.errors import (
    Conflict,
    DeviceUnavailable,
    DocumentTooLarge,
    EncryptedDocument,
    EngineFailed,
    InvalidDocument,
    MemoryLimitExceeded,
    NotFound,
    OutOfMemory,
    PagemillError,
    PageUnreadable,
    PoolExhausted,
    TaskFailureReason,
    TimedOut,
    UnsupportedFormat,
    WorkerLost,
)
from pagemill.domain.task.results import ResultFormat, ResultWriter, UnreadPage, unread_page
from pagemill.domain.task.task import (
    PageState,
    StoredDocument,
    Task,
    TaskCreateRequest,
    TaskOptions,
    TaskStartRequest,
    TaskStatus,
)
from pagemill.domain.work.recognition import MOST_LANGUAGES
from pagemill.tasks.access.gate import Gate
from pagemill.tasks.engine_reader import EngineReader
from pagemill.tasks.manager import TaskManager
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.task_reader import TaskReader
from pagemill.web.access import caller_of
from pagemill.web.compat.language_names import SHORT_NAMES
from pagemill.web.paths import known_form
from pagemill.web.problems import RequestRefused
from pagemill.web.submitting import submit_document
from pagemill.web.uploads import UploadStore

logger = logging.getLogger(__name__)

AS_LONG_AS_IT_TAKES = timedelta(days=365)
_ERRORS: Mapping[TaskFailureReason, type[PagemillError]] = {
    kind.reason: kind
    for kind in (
        UnsupportedFormat,
        InvalidDocument,
        EncryptedDocument,
        DocumentTooLarge,
        PageUnreadable,
        EngineFailed,
        WorkerLost,
        TimedOut,
        OutOfMemory,
        PoolExhausted,
        DeviceUnavailable,
        MemoryLimitExceeded,
    )
} | {
    TaskFailureReason.QUEUE_TIMEOUT: TimedOut,
    TaskFailureReason.DEADLINE_EXCEEDED: TimedOut,
    TaskFailureReason.CANCELLED: Conflict,
}
"""The error that a client gets for a task that ended without a page."""


class DoorTasks:
    """The services that all doors share.

    Args:
        commands: Creates, starts, cancels and deletes tasks.
        reads: Reads tasks and their results.
        uploads: Receives documents.
        writers: Result formats by name.
        files: Makes searchable PDFs.
        gate: Tells what a caller may reach.
        engines: Tells which languages can be read.
        has_structure: Whether layout and tables can be found.
    """

    def __init__(
        self,
        commands: TaskManager,
        reads: TaskReader,
        *,
        uploads: UploadStore,
        writers: Mapping[str, ResultWriter],
        files: ResultFiles,
        gate: Gate,
        engines: EngineReader,
        has_structure: bool,
    ) -> None:
        self.uploads = uploads
        self.has_structure = has_structure
        self._commands = commands
        self._reads = reads
        self._writers = writers
        self._files = files
        self._gate = gate
        self._engines = engines

    async def submit(self, request: Request, document: StoredDocument, options: TaskOptions) -> Task:
        """A task for the document. Raises as `TaskManager.submit_task`."""
        wanted = TaskCreateRequest(document, options, caller=caller_of(request).name)
        return (await submit_document(self._commands, self.uploads, wanted)).task

    async def wait_for_end(self, request: Request, task: Task) -> Task:
        """The task once it has ended. If the client goes away first, or the service stops, the task is cancelled.

        Raises:
            ClientDisconnect: The client went away.
            RequestRefused: `not_ready`: the service stops.
            NotFound: The task was deleted meanwhile.
        """
        ending = asyncio.ensure_future(self._reads.wait(task.task_id, AS_LONG_AS_IT_TAKES))
        leaving = asyncio.ensure_future(_until_client_leaves(request))
        try:
            await asyncio.wait({ending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            ended = ending.result() if ending.done() else None
        finally:
            ending.cancel()
            leaving.cancel()
        if ended is not None and ended.status.is_final:
            return ended
        await self.cancel(task.task_id)
        if ended is None:
            raise ClientDisconnect
        raise RequestRefused("not_ready", "The service is stopping. Send the document again.", retryable=True)

    async def read(self, request: Request, document: StoredDocument, options: TaskOptions) -> Task:
        """The ended task of the document, with at least one page. Raises as `submit`, `wait_for_end`, `check_read`."""
        task = await self.wait_for_end(request, await self.submit(request, document, options))
        check_read(task)
        return task

    async def reach(self, request: Request, task_id: str) -> Task:
        """A task that the body of the request names. Raises NotFound, also if it belongs to another caller."""
        action = f"{request.method} {request.scope['route'].path}"
        await self._gate.check_task(caller_of(request), await known_form(task_id), action)
        return await self._reads.get_task(task_id)

    async def start(self, task: Task) -> Task:
        """Start a task that waits for that, or that ended without a page; leave it alone if it is under way."""
        if task.status is TaskStatus.CREATED or task.status.is_final:
            return await self._commands.start_task(task.task_id, TaskStartRequest())
        return task

    async def cancel(self, task_id: str) -> None:
        """Cancel a task; do nothing if it has ended or is gone."""
        with suppress(Conflict, NotFound):
            await self._commands.cancel_task(task_id)

    async def delete(self, task_id: str) -> None:
        """Delete a task, or cancel it if it is running. Raises NotFound."""
        try:
            await self._commands.delete_task(task_id)
        except Conflict:
            await self.cancel(task_id)

    async def get(self, task_id: str, *, within: timedelta = timedelta()) -> Task:
        """The task now, or when it ends within that time. Raises NotFound."""
        if within:
            return await self._reads.wait(task_id, within)
        return await self._reads.get_task(task_id)

    def write(self, task: Task, writer: str | ResultWriter) -> AsyncIterator[bytes]:
        """The result, piece by piece, by a writer or in a format."""
        chosen = self._writers[writer] if isinstance(writer, str) else writer
        return self._reads.write(task.task_id, chosen)

    def writer(self, name: str) -> ResultWriter:
        """A new writer of a format."""
        return self._writers[name]

    async def file(self, task: Task, result: ResultFormat) -> Path:
        """See `ResultFiles.file`."""
        return await self._files.file(task.task_id, result)

    async def find_unread(self, task: Task) -> Sequence[UnreadPage]:
        """The pages of an ended task that were not read."""
        if task.pages_done == task.pages_total:
            return ()
        pages = await self._reads.pages(task.task_id)
        return [unread_page(page, task) for page in pages if page.state in (PageState.FAILED, PageState.CANCELLED)]

    def split_languages(self, given: Iterable[str], engine: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The languages that the engine reads, and those that it does not; if any is unknown, all are left out.

        Other services name languages in ways of their own. Without languages, the script of each line is found.
        """
        names = (each.strip().lower() for each in given if each.strip())
        languages = tuple(dict.fromkeys(SHORT_NAMES.get(name, name) for name in names))
        known = {
            language
            for report in self._engines.engines()
            if report.name == engine
            for profile in report.profiles
            for language in profile.languages
        }
        is_known = known.issuperset(languages) and len(languages) <= MOST_LANGUAGES
        return (languages, ()) if is_known else ((), languages)


def check_read(task: Task) -> None:
    """Refuse the result of an ended task without a page.

    Raises:
        PagemillError: Why no page was read.
    """
    if task.pages_done == 0:
        raise failure_of(task)


def failure_of(task: Task) -> PagemillError:
    """Why no page of an ended task was read."""
    is_cancelled = task.status is TaskStatus.CANCELLED
    usual = TaskFailureReason.CANCELLED if is_cancelled else TaskFailureReason.PAGE_UNREADABLE
    kind = _ERRORS.get(task.failure_reason or usual, EngineFailed)
    return kind(task.failure_message or f"No page of the document was read; the task is {task.status}.")


async def _until_client_leaves(request: Request) -> None:
    """Return when the client of a request whose body was read disconnects."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
