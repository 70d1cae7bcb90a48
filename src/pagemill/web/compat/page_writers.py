"""Writers for doors: our formats without what belongs to a file of ours, and pages as items of a JSON array."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Page
from pagemill.domain.task.results import ResultHeader, ResultWriter

PAGE_MARK = re.compile(rb"\A\n<!-- page \d+ -->\n")


class BareWriter:
    """Markdown or text without the heading and the marks of pages, which other services do not write.

    Args:
        writer: Writes the format.
        between: What comes between two pages.
    """

    def __init__(self, writer: ResultWriter, *, between: str = "") -> None:
        self.name, self.media_type, self.extension = writer.name, writer.media_type, writer.extension
        self.leaves_out_furniture = writer.leaves_out_furniture
        self._writer = writer
        self._between = f"\n{between}\n".encode() if between else b""
        self._is_first = True

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`."""
        self._writer.begin(header)
        return b""

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`."""
        return self._join(self._writer.page(page))

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`."""
        return self._join(self._writer.mark_unread(page_number, reason, message))

    def end(self) -> bytes:
        """See `ResultWriter.end`."""
        return self._writer.end()

    def _join(self, written: bytes) -> bytes:
        bare = PAGE_MARK.sub(b"", written).replace(b"\f", b"")
        if self._is_first:
            self._is_first = False
            return bare.lstrip(b"\n")
        return self._between + bare


class PageItems:
    """A JSON array with an item for each page.

    Args:
        writer: Writes a page.
        make: Makes the item of a page, from its number and what the writer wrote; the page is None if it was not read.
        only: Which pages to write, by number; None for all.
    """

    media_type = "application/json"
    extension = ".json"
    name = "items"

    def __init__(
        self,
        writer: ResultWriter,
        make: Callable[[int, str, Page | None], Mapping[str, object]],
        *,
        only: Callable[[int], bool] | None = None,
    ) -> None:
        self.leaves_out_furniture = writer.leaves_out_furniture
        self._writer = BareWriter(writer)
        self._make = make
        self._only = only
        self._separator = b""

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`."""
        return b"[" + self._writer.begin(header)

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`."""
        return self._item(page.number, self._writer.page(page), page)

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. An item with the note."""
        return self._item(page_number, self._writer.mark_unread(page_number, reason, message), None)

    def end(self) -> bytes:
        """See `ResultWriter.end`."""
        return b"]"

    def _item(self, number: int, written: bytes, page: Page | None) -> bytes:
        if self._only is not None and not self._only(number):
            return b""
        before, self._separator = self._separator, b","
        return before + dump(self._make(number, written.decode().strip("\n"), page))


async def as_json_string(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A JSON string of UTF-8 text that comes in pieces of whole characters."""
    yield b'"'
    async for piece in pieces:
        yield dump(piece.decode())[1:-1]
    yield b'"'


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
