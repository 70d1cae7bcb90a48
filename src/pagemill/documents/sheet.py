"""Sorts a PDF page into text and picture: which of its words are known, and what its picture shows besides them.

    text layer ──▶ words shown ────────────────────────────▶ known
               └─▶ words hidden (an earlier recognition) ──▶ known, if they look like words and lie on ink, and are
                   clearly in a language or agree with what an engine reads at some of their lines (`claims`)
    picture without the words shown ──▶ ink that looks like text and has no known word ──▶ unread

Runs in workers only. A page that can show nothing but its text is not drawn at all.
"""

import ctypes
import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median
from typing import TYPE_CHECKING

import pypdfium2 as pdfium

from pagemill.documents.claims import Claim, choose_claims
from pagemill.documents.common_words import is_clearly_read
from pagemill.documents.page_frame import PageFrame, PageRect, Rect
from pagemill.documents.page_objects import Drawing, drawing_of, is_invisible, switch_off
from pagemill.documents.plausibility import is_plausible
from pagemill.documents.reduced_pictures import LEAST_PIXELS, JpegKey, Reducible, draw_reduced, reducible_pictures
from pagemill.documents.text_layer import TextLayer, read_text_layer
from pagemill.documents.text_lines import lines_of_words
from pagemill.documents.trust import distrust
from pagemill.documents.words import Bounds
from pagemill.domain.page.page import Page, PageWarning, Rectangle, WarningKind
from pagemill.domain.page.regions import join_rects

if TYPE_CHECKING:
    from pagemill.documents.ink import Gray

LOOKED_AT_DPI = 100
"""Fine enough to separate the letters of small print, and coarse enough to search in a few milliseconds."""

MOST_LOOKED_AT = 4_000_000
"""Pixels of the drawing that is searched: 23 by 16 inches at full resolution; larger pages are coarser."""

MOST_DECODED = 10_000_000
"""Most pixels, in all pictures of a page, that a reader may decode to look at them: a page of 300 dpi in colour took 62
MiB, of the 100 MiB that a reader has for opening documents."""

LEAST_MARKS = 4
"""A page with this many letters, or runs of letters, besides its known words is recognised."""

APART = 2.5
"""Heights of the writing between two lines of one region."""

MOST_PLACES = 16
SCAN_COVERAGE = 0.5
"""A page is a picture if pictures cover this share of it."""

FEWEST_OVER_SCAN = 200
"""A page that is a picture is recognised as a whole below this many known characters; its writing may be faint."""

FEWEST_HIDDEN = 30
"""This many characters of an earlier recognition are enough."""

BROKEN_SIZE = 12.0
_LEAST_INKED = 0.7
"""The share of hidden words that must lie on ink, if the page has any ink."""

_SAMPLED = 80
_PAPER = 20
MOST_WINDOWS = 8
"""The largest number of parts of a page that are searched one by one."""


@dataclass(frozen=True)
class Sheet:
    """What is known of a page, and what remains to be read.

    Attributes:
        layer: Its text layer.
        known: Positions of the words of the layer that can be trusted.
        doubt: Why there is more to be read, as part of a sentence; None if there is not.
        unread: Places of ink that looks like text and has no known word, in page space. With a doubt but no place, all
            of the page must be read.
        size: Typical height of that writing, points.
        hidden: Positions of hidden words among the known ones that are still to be compared with the picture.
    """

    layer: TextLayer
    known: tuple[int, ...]
    doubt: str | None = None
    unread: tuple[PageRect, ...] = ()
    size: float = 0.0
    hidden: frozenset[int] = frozenset()

    def known_page(self, number: int, *, dpi: float) -> Page:
        """Its known words, as a page."""
        return self.layer.page(number, dpi=dpi, known=self.known)

    def shown_page(self, number: int, *, dpi: float) -> Page | None:
        """Its visible known words, as a page; None if there are none."""
        shown = [position for position in self.known if position not in self.hidden]
        return self.layer.page(number, dpi=dpi, known=shown) if shown else None

    def claims(self) -> tuple[Claim, ...]:
        """Lines of its hidden words that must be compared with the picture, in pixels of the page as stored."""
        if not self.hidden:
            return ()
        words = [self.layer.words[position] for position in sorted(self.hidden)]
        back = self.layer.frame
        stored = back.turn(-self.layer.rotation // 90)
        lines = []
        for line in lines_of_words(words):
            at = Bounds.of(line.polygon)
            first, last = back.to_page(at.left, at.top), back.to_page(at.right, at.bottom)
            (rect,) = stored.rects([(*first, *last)])
            lines.append(Claim(line.text, rect))
        return choose_claims(lines)

    def whole_page(self, number: int, *, dpi: float) -> Page:
        """All words of its layer, with warnings about what may be missing or wrong because OCR is off."""
        message = f"Parts of this page may be missing: {self.doubt}, and OCR is off."
        places: Sequence[Rectangle | None] = self._places(self.layer.frame) or (None,)
        warnings = tuple(PageWarning(kind=WarningKind.OCR_OFF, message=message, box=box) for box in places)
        return self.layer.page(number, dpi=dpi, warnings=warnings)

    def regions(self) -> list[Rectangle]:
        """The parts to recognise, pixels of the page as it is stored, at the resolution of its words."""
        return self._places(self.layer.frame.turn(-self.layer.rotation // 90))

    def _places(self, frame: PageFrame) -> list[Rectangle]:
        return join_rects(frame.rects(self.unread), gap=APART * self.size * frame.scale, most=MOST_PLACES)


FrameAt = Callable[[float], PageFrame]
"""The page's frame at a number of dots per inch."""


FindPlain = Callable[[], Container[JpegKey]]
"""Finds the plain JPEGs of the document, for pages that need to know."""


def read_sheet(
    page: pdfium.PdfPage,
    at: FrameAt,
    *,
    dpi: float,
    most_decoded: int | None = MOST_DECODED,
    find_plain: FindPlain | None = None,
) -> Sheet:
    """Examine a page. Until the page is closed, drawings of it lack the ink of known words.

    Args:
        page: The open page.
        at: Its frame.
        dpi: Resolution in whose pixels its words are given.
        most_decoded: Pixels of pictures that may be decoded to look at them; None for any.
        find_plain: Draw plain JPEGs coarsely, in every drawing of the page until it is closed; None to draw all as
            they are.

    Raises:
        PdfiumError: The page's content cannot be read.
    """
    drawing = drawing_of(page)
    layer = read_text_layer(page, at(dpi), drawn=drawing.objects)
    if doubt := distrust(layer.facts):
        return Sheet(layer, (), doubt=doubt)
    hidden = frozenset(_find_hidden(layer, drawing))
    if not (hidden or layer.broken or drawing.may_hold_text):
        return Sheet(layer, tuple(range(len(layer.words))))
    coarse = _find_reducible(drawing, at, find_plain) if find_plain is not None else []
    saved = sum(each.picture.pixels - each.pixels for each in coarse)
    if most_decoded is not None and drawing.pixels - saved > most_decoded:
        return Sheet(layer, (), doubt="its pictures are too large to search for text")
    if coarse:
        draw_reduced(page.pdf, page, coarse)
    return _looked_at(page, layer, drawing, hidden, at)


def _find_reducible(drawing: Drawing, at: FrameAt, find_plain: FindPlain) -> list[Reducible]:
    if all(picture.own_pixels < LEAST_PIXELS for picture in drawing.pictures):
        return []
    return reducible_pictures(drawing, find_plain(), _frame_to_look(at).scale)


@dataclass(frozen=True)
class WrittenWords:
    """The text on a page, each word with its place in pixels.

    Attributes:
        shown: Visible words.
        hidden: Invisible words, which an earlier recognition wrote.
    """

    shown: tuple[tuple[str, Rectangle], ...]
    hidden: tuple[tuple[str, Rectangle], ...]


def written_words(page: pdfium.PdfPage, frame: PageFrame) -> WrittenWords:
    """The words of an open page, in pixels of a frame of it. Raises PdfiumError."""
    drawing = drawing_of(page)
    layer = read_text_layer(page, frame, drawn=drawing.objects)
    hidden = frozenset(_find_removable(layer, drawing))
    placed = [(word.text, rect) for word, rect in zip(layer.words, frame.rects(layer.stored), strict=True)]
    return WrittenWords(
        shown=tuple(each for position, each in enumerate(placed) if position not in hidden),
        hidden=tuple(placed[position] for position in sorted(hidden)),
    )


def _find_removable(layer: TextLayer, drawing: Drawing) -> Iterator[int]:
    """Positions of words that `old_layer` removes: those that are invisible, or before pictures that fill the page."""
    removable = {text: is_invisible(text) or drawing.is_buried(text) for text in set(layer.objects) if text}
    return (position for position, text in enumerate(layer.objects) if removable.get(text, False))


def _find_hidden(layer: TextLayer, drawing: Drawing) -> Iterator[int]:
    """Positions of words that are invisible or under a picture."""
    invisible = {text: is_invisible(text) for text in set(layer.objects) if text}
    for position, (text, rect) in enumerate(zip(layer.objects, layer.stored, strict=True)):
        if invisible.get(text, False) or (drawing.pictures and drawing.hides(text, rect)):
            yield position


def _looked_at(page: pdfium.PdfPage, layer: TextLayer, drawing: Drawing, hidden: frozenset[int], at: FrameAt) -> Sheet:
    from pagemill.documents.ink import ink_lines  # 26 MiB and a tenth of a second: only for pages that need it

    aside = hidden | layer.broken
    shown = [position for position in range(len(layer.words)) if position not in aside]
    for text in {layer.objects[position] for position in shown} - {layer.objects[position] for position in aside}:
        switch_off(text)
    look = _Look.of(page, at)
    believed = hidden if _is_believed(layer, hidden, look) else frozenset()
    windows = None if aside else look.windows(drawing.suspects)
    words = look.outlines((layer.stored[position] for position in (*shown, *believed)), windows)
    lines = ink_lines(look.gray, words, windows)
    if not lines:
        believed = hidden  # no visible writing could be read instead
    known = tuple(sorted((*shown, *believed)))
    unread = [look.to_page(line.rect) for line in lines] if sum(line.marks for line in lines) >= LEAST_MARKS else []
    unread += [layer.stored[position] for position in layer.broken]
    if drawing.coverage >= SCAN_COVERAGE and _is_thin(layer, known, believed) and not look.is_blank:
        unread += [picture.rect for picture in drawing.pictures]
    untested = _find_untested(layer, believed, look)
    if not unread:
        return Sheet(layer, tuple(range(len(layer.words))), hidden=untested)
    size = median(line.size for line in lines) / look.frame.scale if lines else BROKEN_SIZE
    return Sheet(layer, known, _doubt(is_poor=believed != hidden), tuple(unread), size, untested)


def _find_untested(layer: TextLayer, believed: frozenset[int], look: "_Look") -> frozenset[int]:
    """Hidden words to compare with the picture: all, or none if they are clearly in a language or the page is blank."""
    if look.is_blank or is_clearly_read(layer.words[position].text for position in believed):
        return frozenset()
    return believed


def _is_thin(layer: TextLayer, known: Sequence[int], believed: frozenset[int]) -> bool:
    """Whether so little of a page that is a picture is known that it may have more text, however faint."""
    hidden = sum(len(layer.words[position].text) for position in believed)
    return hidden < FEWEST_HIDDEN and sum(len(layer.words[position].text) for position in known) < FEWEST_OVER_SCAN


def _doubt(*, is_poor: bool) -> str:
    if is_poor:
        return "its hidden text does not agree with its picture"
    return "it shows writing that its text layer does not contain"


def _is_believed(layer: TextLayer, hidden: frozenset[int], look: "_Look") -> bool:
    """Whether hidden words look like words and, if the page has ink, lie on it."""
    from pagemill.documents.ink import is_inked

    if not is_plausible(layer.words[position].text for position in hidden):
        return False
    sample = sorted(hidden)[:: max(1, len(hidden) // _SAMPLED)]
    inked = [is_inked(look.gray, rect) for rect in look.frame.rects(layer.stored[position] for position in sample)]
    return look.is_blank or sum(inked) >= _LEAST_INKED * len(inked)


def _frame_to_look(at: FrameAt) -> PageFrame:
    frame = at(LOOKED_AT_DPI)
    pixels = frame.width_px * frame.height_px
    return at(LOOKED_AT_DPI * math.sqrt(MOST_LOOKED_AT / pixels)) if pixels > MOST_LOOKED_AT else frame


@dataclass(frozen=True)
class _Look:
    """The page, drawn to be searched."""

    gray: "Gray"
    frame: PageFrame

    @classmethod
    def of(cls, page: pdfium.PdfPage, at: FrameAt) -> "_Look":
        import cv2
        import numpy as np

        frame = _frame_to_look(at)
        width, height = page.get_size()
        rows, columns = math.ceil(height * frame.scale), math.ceil(width * frame.scale)
        samples = bytearray(rows * columns * 3)
        canvas = partial(pdfium.PdfBitmap.new_native, buffer=(ctypes.c_ubyte * len(samples)).from_buffer(samples))
        page.render(scale=frame.scale, bitmap_maker=canvas).close()  # pdfium itself takes far longer to draw in gray
        coloured = np.frombuffer(samples, dtype=np.uint8).reshape(rows, columns, 3)
        return cls(np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2GRAY), dtype=np.uint8), frame)

    @cached_property
    def is_blank(self) -> bool:
        from pagemill.documents.ink import is_inked

        return not is_inked(self.gray, (0, 0, self.gray.shape[1], self.gray.shape[0]))

    def outlines(
        self, stored: Iterable[PageRect], windows: Sequence[Rectangle] | None
    ) -> Iterator[tuple[tuple[float, float], ...]]:
        """The outlines of the words that lie in the windows, or of all words."""
        for left, top, right, bottom in self.frame.rects(stored):
            if windows is None or any(
                left < window[2] and right > window[0] and top < window[3] and bottom > window[1] for window in windows
            ):
                yield ((left, top), (right, top), (right, bottom), (left, bottom))

    def windows(self, suspects: Iterable[PageRect]) -> list[Rectangle]:
        """The parts of the page to search, each with some paper around it; only a few, however many suspects."""
        rects = (
            (left - _PAPER, top - _PAPER, right + _PAPER, bottom + _PAPER)
            for left, top, right, bottom in self.frame.rects(suspects)
        )
        return join_rects(rects, gap=0, most=MOST_WINDOWS)

    def to_page(self, rect: Rect) -> PageRect:
        left, top, right, bottom = rect
        (ax, ay), (bx, by) = self.frame.to_page(left, top), self.frame.to_page(right, bottom)
        return (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
