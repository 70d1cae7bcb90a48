"""The result of a task, and how to write it to a file."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Page
from pagemill.domain.task.task import PageState, Task, TaskPage, TaskStatus


@dataclass(frozen=True)
class ResultHeader:
    """The facts about a result that come before its pages.

    Attributes:
        task_id: The task.
        document: The document's name as its sender gave it; shown to users, never trusted.
        pages_total: Number of requested pages.
        page_count: Number of pages in the document.
        status: The task's status when the result was written.
        created_at: When the task was submitted.
        finished_at: When the task ended; None while it runs.
        pagemill_version: The version that wrote the result.
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
    """Why a failed or cancelled page was not read: its own failure, or else the end of its task."""
    if page.state is PageState.FAILED:
        reason = page.failure_reason or TaskFailureReason.INTERNAL_ERROR
        return UnreadPage(page.number, reason, page.failure_message or "The page could not be read.")
    reason = task.failure_reason or TaskFailureReason.CANCELLED
    return UnreadPage(page.number, reason, task.failure_message or "The task was cancelled before the page was read.")


class ResultFormat(Protocol):
    """A format of results."""

    @property
    def name(self) -> str:
        """Its name in requests ("text", "pdf")."""
        ...

    @property
    def media_type(self) -> str:
        """Its media type with parameters, for the Content-Type header."""
        ...

    @property
    def extension(self) -> str:
        """The extension of its files, with the dot."""
        ...


@dataclass(frozen=True)
class FileFormat:
    """A `ResultFormat` that is made as a whole, after the task has ended."""

    name: str
    media_type: str
    extension: str


SEARCHABLE_PDF = FileFormat("pdf", "application/pdf", ".pdf")
INERT_PDF = FileFormat("pdf-inert", "application/pdf", ".pdf")
"""A searchable PDF without scripts, actions, media or embedded files."""

ARCHIVE = FileFormat("zip", "application/zip", ".zip")


NO_PDF_A = (
    "Pagemill does not write PDF/A: it would have to rebuild the document, and nothing here can check that the result "
    "conforms. Choose the format pdf, and make PDF/A of that file with OCRmyPDF (ocrmypdf --skip-text "
    "--output-type pdfa-2)."
)
_PDF_A = re.compile(r"(application/)?pdf[^a-z0-9]?a([^a-z0-9]?[1-4][abefu]?)?", re.IGNORECASE)
"""The names under which people ask for it: pdfa, pdf/a, PDF/A-2b, pdf-a-2b."""


def explain_unknown_format(name: str, known: Iterable[str]) -> str:
    """Why results are not available in a format, and what to choose instead."""
    if _PDF_A.fullmatch(name.strip()):
        return NO_PDF_A
    return f"There is no format {name!r}. Choose one of: {', '.join(known)}."


def result_formats(writers: Mapping[str, ResultFormat]) -> Mapping[str, ResultFormat]:
    """Every format by name: first those written page by page, then those made as a whole."""
    return {**writers, **{each.name: each for each in (SEARCHABLE_PDF, INERT_PDF, ARCHIVE)}}


def result_name(document: str, extension: str) -> str:
    """The document's name with another extension; never its own name, or saving a result would replace the document."""
    folder, slash, last = document.rpartition("/")
    stem = folder + slash + (last.rpartition(".")[0] or last)
    name = stem + extension
    return name if name.lower() != document.lower() else f"{stem}-searchable{extension}"


def result_names(documents: Sequence[str], extension: str) -> list[str]:
    """A name for each document's result in one folder; where several would have the same, with their own extensions."""
    short = [result_name(document, extension) for document in documents]
    times = Counter(map(str.lower, short))
    return [
        name if times[name.lower()] == 1 else document + extension
        for name, document in zip(short, documents, strict=True)
    ]


class ResultWriter(ResultFormat, Protocol):
    """Writes results in one format, page by page, so that a long result needs the memory of one page.

    Call `begin`, then `page` or `mark_unread` for each page by ascending number, then `end`. The file consists of what
    they return, in this order. `begin` starts a new file; use one writer for each file that you write at the same time.
    """

    @property
    def leaves_out_furniture(self) -> bool:
        """Whether its files leave out headers, footers and page numbers unless the caller asks for them."""
        ...

    def begin(self, header: ResultHeader) -> bytes:
        """The file's start."""
        ...

    def page(self, page: Page) -> bytes:
        """A page that was read."""
        ...

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """Mark a page that was not read: a result never omits a page silently."""
        ...

    def end(self) -> bytes:
        """The file's end."""
        ...
