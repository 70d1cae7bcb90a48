"""Finds writing on coloured pages that only shows when the inks are separated. Runs in workers only.

page as read + picture ──▶ coloured regions ──▶ separation ──▶ ink that looks like text and has no word
                                                               or words that are doubtful
                                            └─▶ pictures of the inks to be read again, in stripes over the page
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pagemill.documents.ink import Gray, InkLine, Outline, bounds, ink_lines, is_inked, letters_outside
from pagemill.documents.page_frame import Rect
from pagemill.documents.separations import Colours, Separation, coloured_pixels, regions_of, separation_of
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page

_DPI = 100
_SIDE = 1400
"""Pixels of the longer side of a picture of unknown resolution, to look at."""

_MOST_PIXELS = 4_000_000
LEAST_MARKS = 4
_LETTERS = range(3, 150)
"""Marks of a slanted stamp; more are the texture of a photo."""

_CROSSED = (0.01, 0.6)
"""Share of a line that colour covers if it crosses the line; if it covers more, it is the background."""

_CERTAIN = 0.9
_MARGIN = 30
_COLOURS = 3


def stripes(page: Page, image: PageImage) -> Iterator["Stripe"]:
    """The stripes of a page that are worth a second reading, made one by one.

    Args:
        page: As it was read.
        image: What it was read from, as stored.
    """
    look = Look.of(page, image)
    for find in look.finds(page):
        if find.wants_black or find.wants_colour:
            yield look.stripe(find)


def overprinted_lines(page: Page, image: PageImage) -> list[InkLine]:
    """Lines of ink that shows only in a separation and has no word, in pixels of the upright page."""
    look = Look.of(page, image)
    return [line.scale(1 / look.scale) for find in look.finds(page) for line in (*find.black, *find.colour)]


@dataclass(frozen=True)
class _Find:
    """A coloured region, and its ink without a word; pixels of the small picture."""

    rect: Rect
    black: tuple[InkLine, ...]
    colour: tuple[InkLine, ...]
    is_doubtful: bool
    has_letters: bool
    separation: Separation

    @property
    def wants_black(self) -> bool:
        return self.is_doubtful or sum(line.marks for line in self.black) >= LEAST_MARKS

    @property
    def wants_colour(self) -> bool:
        return self.is_doubtful or self.has_letters or sum(line.marks for line in self.colour) >= LEAST_MARKS


@dataclass(frozen=True)
class Stripe:
    """A stripe over the upright page. Its inks are separated one by one, so that memory holds one picture at a time.

    Attributes:
        top: Of the stripe, pixels of the page.
    """

    top: int
    _pixels: Colours
    _find: _Find
    _dpi: float | None

    def black(self) -> PageImage | None:
        """Its black ink alone; None if it shows nothing new."""
        return self._image(self._find.separation.inks(self._pixels)[0]) if self._find.wants_black else None

    def colour(self) -> PageImage | None:
        """Its coloured ink alone, in black; None if it shows nothing new."""
        return self._image(self._find.separation.inks(self._pixels)[1]) if self._find.wants_colour else None

    def _image(self, gray: Gray) -> PageImage:
        rows, columns = gray.shape
        return PageImage(gray.reshape(rows, columns, 1).data, columns, rows, 1, self._dpi)


@dataclass(frozen=True)
class Look:
    """A page picture, upright, and a small one to look at."""

    stored: Colours
    quarter_turns: int
    dpi: float | None

    @classmethod
    def of(cls, page: Page, image: PageImage) -> "Look":
        """Prepare to look at a page that was read."""
        shape = (image.height_px, image.width_px, image.channels)
        return cls(np.asarray(image.data, dtype=np.uint8).reshape(shape), page.rotation // 90, image.dpi)

    @property
    def pixels(self) -> Colours:
        """The page upright: a view of the stored picture."""
        return np.rot90(self.stored, -self.quarter_turns)

    @cached_property
    def scale(self) -> float:
        """The scale of the small picture."""
        rows, columns = self.pixels.shape[:2]
        wanted = _DPI / self.dpi if self.dpi else _SIDE / max(rows, columns)
        return min(1.0, wanted, math.sqrt(_MOST_PIXELS / (rows * columns)))

    @cached_property
    def small(self) -> Colours:
        """The small picture."""
        rows, columns = self.stored.shape[:2]
        size = max(1, round(columns * self.scale)), max(1, round(rows * self.scale))
        made = cv2.resize(self.stored, size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(np.rot90(np.asarray(made, dtype=np.uint8), -self.quarter_turns))

    def finds(self, page: Page) -> Iterator[_Find]:
        """Coloured regions; none on a gray picture."""
        if self.stored.shape[2] != _COLOURS:
            return
        words = [
            [(x * self.scale, y * self.scale) for x, y in piece.polygon]
            for line in page.lines
            for piece in (line.words or (line,))
        ]
        doubtful = [
            bounds([(x * self.scale, y * self.scale) for x, y in line.polygon])
            for line in page.lines
            if (line.confidence or 0.0) < _CERTAIN
        ]
        coloured = coloured_pixels(self.small)
        doubtful = [rect for rect in doubtful if _CROSSED[0] <= _share(coloured, rect) <= _CROSSED[1]]
        for rect in regions_of(coloured):
            if find := self._find(rect, words, doubtful):
                yield find

    def stripe(self, find: _Find) -> Stripe:
        """All columns of the rows in which something was found."""
        top = max(0, math.floor(find.rect[1] / self.scale) - _MARGIN)
        bottom = min(self.pixels.shape[0], math.ceil(find.rect[3] / self.scale) + _MARGIN)
        return Stripe(top, self.pixels[top:bottom], find, self.dpi)

    def _find(self, rect: Rect, words: Sequence[Outline], doubtful: Sequence[Rect]) -> _Find | None:
        left, top, right, bottom = map(int, rect)
        part = self.small[top:bottom, left:right]
        separation = separation_of(part)
        if separation is None:
            return None
        black, colour = separation.inks(part)
        near = [[(x - left, y - top) for x, y in word] for word in words if _meets(bounds(word), rect)]
        return _Find(
            rect,
            tuple(line.move(left, top) for line in ink_lines(black, near)),
            tuple(line.move(left, top) for line in ink_lines(colour, near)),
            any(_meets(one, rect) for one in doubtful),
            letters_outside(colour, [word for word in near if not is_inked(black, bounds(word))]) in _LETTERS,
            separation,
        )


def _share(coloured: Gray, rect: Rect) -> float:
    left, top, right, bottom = (max(0, round(at)) for at in rect)
    part = coloured[top:bottom, left:right]
    return cv2.countNonZero(part) / part.size if part.size else 0.0


def _meets(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1]
