"""The pages of a document as they are read, for code that waits for them."""

import threading
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import overload

from pagemill.domain.errors import PagemillError
from pagemill.domain.page.figure import PageFigure, page_figure
from pagemill.domain.page.page import Page
from pagemill.domain.task.receipt import Receipt
from pagemill.domain.task.results import UnreadPage

SHOWN = 5
"""Pages a notebook shows of a document."""


class Filling:
    """What the background puts in, and others take out. Pages are kept packed: a few kilobytes each."""

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
        """There are no more."""
        with self._changed:
            self.unread, self.receipt, self._error, self._is_over = tuple(unread), receipt, error, True
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """Pages so far."""
        return len(self._packed)

    def page(self, index: int) -> Page | None:
        """The page at a place, waited for; None where there is none. Raises what the work failed by."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or len(self._packed) > index)
            if index < len(self._packed):
                return PageFigure.from_json(zlib.decompress(self._packed[index]))
            if self._error is not None:
                raise self._error
            return None

    def wait(self) -> None:
        """Until all is read. Raises what the work failed by."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over)
            if self._error is not None:
                raise self._error


class Pages(Sequence[Page]):
    """The pages of one document that could be read, by number, as they are read.

    Going through them, or asking for one by a place from the beginning, waits for just so many; `len`, places from the
    end, `unread`, `receipt` and `text` wait for all. A page is unpacked each time it is asked for.
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
        """The page at a place, counted from 0; or several."""
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
        """How many could be read."""
        self._filling.wait()
        return self._filling.count

    def __repr__(self) -> str:
        """What is known now; waits for nothing."""
        return f"<Pages of {self.name}: {self._filling.count} read so far>"

    def _repr_html_(self) -> str:
        """The first pages, as notebooks show them."""
        shown = "".join(page_figure(page) for page in islice(self, SHOWN))
        return shown + (f"<p>… and {len(self) - SHOWN} more pages</p>" if len(self) > SHOWN else "")

    @property
    def text(self) -> str:
        """All pages, parted by form feeds."""
        return "\f".join(page.text for page in self)

    @property
    def unread(self) -> Sequence[UnreadPage]:
        """Pages that could not be read, by number, and why."""
        self._filling.wait()
        return self._filling.unread

    @property
    def receipt(self) -> Receipt:
        """What memory was promised and used."""
        self._filling.wait()
        if self._filling.receipt is None:
            raise PagemillError("There is no receipt, because the work ended early.")
        return self._filling.receipt
