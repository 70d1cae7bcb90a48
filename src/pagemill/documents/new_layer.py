"""Chooses the words that a searchable PDF gets: each word that was read and is not in it already. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher

from pagemill.documents.words import Bounds
from pagemill.domain.page.page import Line, Page, PageSource, Polygon, Rectangle, Word

_UNDER = 0.5
"""A word counts as present if other words cover this share of it."""

_ALIKE = 0.8
_ROW = 50.0
_MOST_ROWS = 1000
"""A limit, because letters in a PDF can be of any height."""


PlacedText = tuple[str, Rectangle]


def words_to_write(page: Page, *, shown: Sequence[PlacedText], hidden: Sequence[PlacedText]) -> Page:
    """The page, reduced to the words that go into the PDF.

    These are recognised words, except where visible text says the same, and correct words of the old hidden layer,
    because that layer is removed.

    Args:
        page: What was read.
        shown: Visible text of the PDF, in pixels of the page.
        hidden: Invisible text of the PDF, likewise.
    """
    if page.source is PageSource.OCR and not shown:
        return page
    seen, old = _Rows(shown), _Rows(hidden)
    lines = []
    for line in page.lines:
        words = tuple(word for word in _words(line) if _is_to_write(word, page.source, seen, old))
        if words:
            lines.append(line.model_copy(update={"words": words}))
    blocks = (page.blocks[0].model_copy(update={"lines": tuple(lines), "table": None}),) if lines else ()
    return page.model_copy(update={"blocks": blocks})


def _words(line: Line) -> tuple[Word, ...]:
    return line.words or (Word(text=line.text, polygon=line.polygon, confidence=line.confidence),)


class _Rows:
    """Texts, grouped by the rows of the page they reach into, so that each word is compared with few of them."""

    def __init__(self, texts: Sequence[PlacedText]) -> None:
        self._rows: defaultdict[int, list[int]] = defaultdict(list)
        self._texts = texts
        for at, (_, rect) in enumerate(texts):
            for row in _rows_of(rect):
                self._rows[row].append(at)

    def find_near(self, box: Rectangle) -> list[PlacedText]:
        """The texts that reach into the rows of the rectangle, in their order."""
        return [self._texts[at] for at in sorted({at for row in _rows_of(box) for at in self._rows.get(row, ())})]


def _rows_of(rect: Rectangle) -> range:
    first, last = (int(min(max(y // _ROW, 0), _MOST_ROWS)) for y in (rect[1], rect[3]))
    return range(first, last + 1)


def _is_to_write(word: Word, of_page: PageSource, shown: _Rows, old: _Rows) -> bool:
    box = _box(word.polygon)
    if (word.source or of_page) is PageSource.TEXT_LAYER:
        return any(_lies_in(rect, box) for _, rect in old.find_near(box))
    under = "".join(text for text, rect in shown.find_near(box) if _lies_in(rect, box) or _lies_in(box, rect))
    return SequenceMatcher(None, _fold_case(under), _fold_case(word.text), autojunk=False).ratio() < _ALIKE


def _lies_in(one: Rectangle, other: Rectangle) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    area = (one[2] - one[0]) * (one[3] - one[1])
    return width > 0 and height > 0 and width * height >= _UNDER * area


def _fold_case(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum()) or text


def _box(polygon: Polygon) -> Rectangle:
    bounds = Bounds.of(polygon)
    return bounds.left, bounds.top, bounds.right, bounds.bottom
