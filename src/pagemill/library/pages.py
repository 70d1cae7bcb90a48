"""The pages of a document as they are read, for waiting callers."""

import threading
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

from pagemill.domain.errors import PagemillError
from pagemill.domain.page.figure import PageFigure, page_figure
from pagemill.domain.page.furniture import with_furniture, without_furniture
from pagemill.domain.page.page import Page
from pagemill.domain.task.receipt import Receipt
from pagemill.domain.task.results import UnreadPage

SHOWN = 5
"""Most pages of a document in a notebook."""


class Filling:
    """Passes pages from the background to callers. It keeps pages compressed: a few kilobytes each."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._packed: list[bytes] = []
        self._is_over = False
        self._error: BaseException | None = None
        self.unread: tuple[UnreadPage, ...] = ()
        self.receipt: Receipt | None = None

    def add(self, page: bytes) -> None:
        """`Page.to_json()` of the next page."""
        with self._changed:
            self._packed.append(zlib.compress(page))
            self._changed.notify_all()

    def end(self, unread: Sequence[UnreadPage], receipt: Receipt | None, error: BaseException | None) -> None:
        """No more pages follow."""
        with self._changed:
            self.unread, self.receipt, self._error, self._is_over = tuple(unread), receipt, error, True
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """Pages so far."""
        return len(self._packed)

    def page(self, index: int) -> Page | None:
        """Wait for the page at an index; None if there is none. Raises the error of failed work."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or len(self._packed) > index)
            if index < len(self._packed):
                return PageFigure.from_json(zlib.decompress(self._packed[index]))
            if self._error is not None:
                raise self._error
            return None

    def wait(self) -> None:
        """Wait until everything is read. Raises the error of failed work."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over)
            if self._error is not None:
                raise self._error


class Pages(Sequence[Page]):
    """The pages of one document that could be read, by number, as they are read.

    Iterating, or an index from the beginning, waits only for as many pages as needed. `len`, an index from the end,
    `unread`, `receipt` and `text` wait for all pages. Each access unpacks the page again.
    """

    def __init__(self, name: str, filling: Filling, owner: object) -> None:
        self.name = name
        self._filling = filling
        self._owner = owner

    @overload
    def __getitem__(self, index: int) -> Page: ...

    @overload
    def __getitem__(self, index: slice) -> list[Page]: ...

    def __getitem__(self, index: int | slice) -> Page | list[Page]:
        """The page at an index, counted from 0, or a slice of pages."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = index if index >= 0 else len(self) + index
        page = self._filling.page(place) if place >= 0 else None
        if page is None:
            raise IndexError(f"{self.name} has only {len(self)} pages that could be read")
        return page

    def __iter__(self) -> Iterator[Page]:
        """Each page as soon as it is read."""
        index = 0
        while (page := self._filling.page(index)) is not None:
            yield page
            index += 1

    def __len__(self) -> int:
        """The number of pages that could be read."""
        self._filling.wait()
        return self._filling.count

    def __repr__(self) -> str:
        """The state now, without waiting."""
        return f"<Pages of {self.name}: {self._filling.count} read so far>"

    def _repr_html_(self) -> str:
        """The first pages, as notebooks show them."""
        shown = "".join(page_figure(page) for page in islice(self, SHOWN))
        return shown + (f"<p>… and {len(self) - SHOWN} more pages</p>" if len(self) > SHOWN else "")

    @property
    def text(self) -> str:
        """The text of all pages without headers, footers and page numbers, separated by form feeds.

        Each page's own `text` is the whole page.
        """
        return "\f".join(without_furniture(page).text for page in with_furniture(self))

    @property
    def unread(self) -> Sequence[UnreadPage]:
        """Pages that could not be read, by number, and why."""
        self._filling.wait()
        return self._filling.unread

    @property
    def receipt(self) -> Receipt:
        """The memory that was reserved and used."""
        self._filling.wait()
        if self._filling.receipt is None:
            raise PagemillError("There is no receipt, because the work ended early.")
        return self._filling.receipt
