"""Plain text: one row of the page is one row of the file."""

from pagemill.documents.writers.rows import block_rows, one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Page
from pagemill.domain.task.results import ResultHeader

FORM_FEED = "\f"


class TextWriter:
    """UTF-8 text; an empty line separates blocks, and every page ends with a form feed (like `pdftotext`)."""

    name = "text"
    media_type = "text/plain; charset=utf-8"
    extension = ".txt"
    leaves_out_furniture = True

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. Nothing: the file is the pages' text."""
        del header
        return b""

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. Its text."""
        blocks = ("".join(f"{row}\n" for row in block_rows(block, page)) for block in page.blocks)
        return ("\n".join(filter(None, blocks)) + FORM_FEED).encode()

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. A line in brackets in the page's place."""
        return f"[Page {page_number} was not read: {one_line(message)} ({reason})]\n{FORM_FEED}".encode(
            errors="replace"
        )

    def end(self) -> bytes:
        """See `ResultWriter.end`. Nothing."""
        return b""
