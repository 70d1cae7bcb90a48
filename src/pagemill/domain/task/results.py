"""What a task gives back, and how that is written to a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Page
from pagemill.domain.task.task import PageState, Task, TaskPage, TaskStatus


@dataclass(frozen=True)
class ResultHeader:
    """What is known of a result before its pages.

    Attributes:
        task_id: The task.
        document: The document's name as its sender gave it; shown to people, never trusted.
        pages_total: Pages asked for.
        page_count: Pages of the document.
        status: Where the task stood when the result was written.
        created_at: When the task was submitted.
        finished_at: When it ended; None while it runs.
        pagemill_version: The program that wrote it.
    """

    task_id: str
    document: str
    pages_total: int
    page_count: int | None = None
    status: TaskStatus | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    pagemill_version: str | None = None


@dataclass(frozen=True)
class UnreadPage:
    """A page that was not read. `number` is 1-based."""

    number: int
    reason: TaskFailureReason
    message: str


def unread_page(page: TaskPage, task: Task) -> UnreadPage:
    """Why a failed or cancelled page was not read: its own failure, or else what ended its task."""
    if page.state is PageState.FAILED:
        reason = page.failure_reason or TaskFailureReason.INTERNAL_ERROR
        return UnreadPage(page.number, reason, page.failure_message or "The page could not be read.")
    reason = task.failure_reason or TaskFailureReason.CANCELLED
    return UnreadPage(page.number, reason, task.failure_message or "The task was cancelled before the page was read.")


class ResultFormat(Protocol):
    """A form in which results can be had."""

    @property
    def name(self) -> str:
        """Of the format, in requests ("text", "pdf")."""
        ...

    @property
    def media_type(self) -> str:
        """With its parameters, for the Content-Type header."""
        ...

    @property
    def extension(self) -> str:
        """Of files in this format, with its dot."""
        ...


@dataclass(frozen=True)
class FileFormat:
    """A `ResultFormat` that is made as a whole, once a task is over."""

    name: str
    media_type: str
    extension: str


SEARCHABLE_PDF = FileFormat("pdf", "application/pdf", ".pdf")
ARCHIVE = FileFormat("zip", "application/zip", ".zip")


def result_formats(writers: Mapping[str, ResultFormat]) -> Mapping[str, ResultFormat]:
    """Every form by name: those that are written page by page first, then those that are made as a whole."""
    return {**writers, SEARCHABLE_PDF.name: SEARCHABLE_PDF, ARCHIVE.name: ARCHIVE}


class ResultWriter(ResultFormat, Protocol):
    """Writes results in one format, page by page, so that a long one needs the memory of one page.

    Called in this order: `begin`, then `page` or `unread` for each page by ascending number, then `end`. What they
    return, one after the other, is the file. `begin` starts afresh; two results at the same time take two writers.
    """

    def begin(self, header: ResultHeader) -> bytes:
        """The file's start."""
        ...

    def page(self, page: Page) -> bytes:
        """A page that was read."""
        ...

    def unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """A page that was not read, marked as such: a result never leaves a page out in silence."""
        ...

    def end(self) -> bytes:
        """The file's end."""
        ...
