"""Reads documents in this process: `ocr` for one, `Session` for many, with the models loaded in between."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, Unpack

from pydantic import ValidationError

from pagemill.app import Application
from pagemill.domain.errors import (
    DeviceUnavailable,
    InvalidRequest,
    MemoryShortage,
    PageError,
    PagemillError,
    PoolExhausted,
    TaskFailureReason,
    TimedOut,
    WorkerLost,
)
from pagemill.domain.task.plain_options import ReadingOptions, task_options
from pagemill.domain.task.results import UnreadPage, unread_page
from pagemill.domain.task.task import PageState, Task, TaskOptions, TaskPage
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.library.background import Background
from pagemill.library.pages import Filling, Pages
from pagemill.settings import Settings
from pagemill.settings_loading import load_settings
from pagemill.wire.python_documents import (
    NAME_OF_BYTES,
    Array,
    Document,
    Picture,
    UnusablePicture,
    encode_picture,
    is_picture,
    name_of,
)

ROWS_AT_ONCE = 32
"""Pages to query at a time; settled pages are not queried again."""


class Session:
    """The service without its HTTP side, in this process and for its own use; use it in a `with` statement.

    It keeps the service's promises: models live in worker processes that end when idle, and memory is reserved before
    it is used. It works beside a running event loop (notebooks), which it blocks only while waiting.

    Args:
        settings: All settings; None reads `pagemill.yaml` and the environment, like the command line.
        memory_limit_mb: Most memory to use, MiB; None leaves it to the settings.
        engines: As for `Application`.

    Raises:
        InvalidSettings: The settings are not valid.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        memory_limit_mb: int | None = None,
        engines: Mapping[str, EngineSpec] | None = None,
    ) -> None:
        given = settings or load_settings()
        if memory_limit_mb is not None:
            memory = given.memory.model_copy(update={"limit_mb": memory_limit_mb})
            given = given.model_copy(update={"memory": memory})
        self._background = Background(given, engines)

    def __enter__(self) -> Self:
        """The session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops all work."""
        self.close()

    def close(self) -> None:
        """Stop all work, end the workers and delete their files; pages that were read remain available."""
        self._background.close()

    def ocr(
        self,
        document: Document,
        *,
        password: str | None = None,
        **options: Unpack[ReadingOptions],
    ) -> Pages:
        """Read a document. This returns after the inspection, and the pages follow as they are read.

        Raises:
            InvalidRequest: An option is not valid.
            DocumentError: The document cannot be read.
            PagemillError: See the tree.
        """
        return self._begin_reading(document, options, password=password, is_last=False)

    def _begin_reading(
        self,
        document: Document,
        options: ReadingOptions,
        *,
        password: str | None,
        is_last: bool,
    ) -> Pages:
        asked = _options(options)
        application = self._background.application
        with _as_file(document) as path:
            task = self._background.call(application.submit_file(path, asked, password=password))
        filling = Filling()
        work = self._background.begin(_fill(application, task, filling))
        if is_last:
            self._background.end_after(work)
        return Pages(path.name, filling, owner=self)


def ocr(
    document: Document,
    *,
    settings: Settings | None = None,
    memory_limit_mb: int | None = None,
    password: str | None = None,
    **options: Unpack[ReadingOptions],
) -> Pages:
    """Read one document in this process, with the service's memory guarantees; for several, see `Session`.

    Args:
        document: A path, the bytes themselves, an open file, an image of Pillow, or an array of NumPy.
        settings: As for `Session`.
        memory_limit_mb: As for `Session`.
        password: Of a protected PDF.
        options: How to read it.

    Raises:
        PagemillError: As `Session` and `Session.ocr`.
    """
    session = Session(settings, memory_limit_mb=memory_limit_mb)
    try:
        return session._begin_reading(document, options, password=password, is_last=True)  # noqa: SLF001 - its own module
    except BaseException:
        session.close()
        raise


@contextmanager
def _as_file(document: Document) -> Iterator[Path]:
    """The document's file; what is not in one gets a temporary one."""
    if isinstance(document, str | os.PathLike):
        path = Path(document)
        if not path.is_file():
            raise InvalidRequest(f"The file {path} does not exist.")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pagemill-") as folder:
        content = _bytes_of(document)
        path = Path(folder) / (NAME_OF_BYTES if isinstance(content, bytes) else name_of(content))
        with path.open("wb") as file:
            shutil.copyfileobj(BytesIO(content) if isinstance(content, bytes) else content, file)
        yield path


def _bytes_of(document: bytes | BinaryIO | Picture | Array) -> bytes | BinaryIO:
    if not is_picture(document):
        return document
    try:
        return encode_picture(document)
    except UnusablePicture as error:
        raise InvalidRequest(str(error)) from error


def _options(asked: ReadingOptions) -> TaskOptions:
    try:
        return task_options(asked)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidRequest(f"These options are not valid: {wrong}.") from error


async def _fill(application: Application, task: Task, filling: Filling) -> None:
    """Pass on every page as soon as those before it are settled."""
    unread: list[UnreadPage] = []
    error: BaseException | None = PagemillError("The session was closed before all pages were read.")
    receipt = None
    last = 0
    try:
        async for state in application.reader.progress(task.task_id):
            task = state
            while pages := await _read_settled(application, task, after=last):
                for page in pages:
                    if page.state is PageState.DONE:
                        filling.add(await application.views.page(task.task_id, page.number))
                    else:
                        unread.append(unread_page(page, task))
                last = pages[-1].number
        if task.status.is_final:
            receipt = await application.reader.receipt(task.task_id)
            error = None if task.pages_done else _failure(task, unread)
    except Exception as failed:  # noqa: BLE001 - the caller that waits for the pages gets the error
        if not application.reader.is_closing:
            error = failed
    finally:
        filling.end(unread, receipt, error)


async def _read_settled(application: Application, task: Task, *, after: int) -> Sequence[TaskPage]:
    """The settled pages that follow that one without a gap; none if the next is still open."""
    pages = await application.reader.pages(task.task_id, after=after, limit=ROWS_AT_ONCE)
    return list(takewhile(lambda page: _is_settled(page, task), pages))


def _is_settled(page: TaskPage, task: Task) -> bool:
    """Whether the outcome of a page is known; the reason of a cancelled page is known once its task has ended."""
    return page.state.is_final and (task.status.is_final or page.state is not PageState.CANCELLED)


def _failure(task: Task, unread: list[UnreadPage]) -> PagemillError:
    """The error of a document without any readable page."""
    reason = task.failure_reason or (unread[0].reason if unread else TaskFailureReason.PAGE_UNREADABLE)
    message = task.failure_message or (unread[0].message if unread else f"it is {task.status}")
    kinds: list[type[PagemillError]] = [
        PageError,
        MemoryShortage,
        PoolExhausted,
        DeviceUnavailable,
        WorkerLost,
        TimedOut,
    ]
    for kind in kinds:
        kinds += kind.__subclasses__()
    fitting = next((kind for kind in kinds if kind.reason is reason), PageError)
    return fitting(f"No page of {task.document.name} could be read: {message}")
