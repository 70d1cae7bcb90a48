"""Merges a second reading of a page into the first one. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from statistics import fmean

from pagemill.domain.page.page import Block, BlockKind, Line, Page, Polygon, Rectangle
from pagemill.domain.page.reading_order import blocks_in_reading_order

_FLOWING = frozenset({BlockKind.TEXT, BlockKind.TITLE})
"""Kinds that reading order makes by itself; others were found by an engine, and are kept."""

_OVER = 0.4
"""Two lines may be the same ink if this share of the smaller one is under the other."""

_APART = 0.6
"""How far apart the middles of two readings of one line may be, in heights of the lower one."""

_ALIKE = 0.6
"""Two lines say the same if one has this share of the other's letters, in order."""

_BELIEVED = 0.8
_CLEARLY_BETTER = 0.003
_CLEARLY_MORE = 1.15
_UNKNOWN = 0.75
"""Confidence of a line without one."""


class SecondReading:
    """Adds lines that were read from pictures of single inks of a page, in pixels of the page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._lines = list(page.lines)
        self._over: list[Line] = []

    def add_black(self, lines: Iterable[Line]) -> None:
        """Add lines that were read without the colour; each replaces what was read in its place if it is better."""
        for line in lines:
            under = [other for other in self._lines if _share(line, other) > _OVER and _are_level(line, other)]
            if len(_letters(line)) > 1 and _is_better(line, under):
                gone = set(map(id, under))
                self._lines = [*(other for other in self._lines if id(other) not in gone), line]

    def add_colour(self, lines: Iterable[Line]) -> None:
        """Add lines of coloured ink, each beside what was read in its place, unless that says the same."""
        for line in lines:
            others = [*self._lines, *self._over]
            if _confidence(line) >= _BELIEVED and len(_letters(line)) > 1 and not _is_said(line, others):
                is_over = any(_share(line, other) > 0 for other in others)
                (self._over if is_over else self._lines).append(line)

    def merge(self) -> Page:
        """The page with both readings; the same page if nothing was added. Lines over other lines come last."""
        first = set(map(id, self._page.lines))
        added = [line for line in self._lines if id(line) not in first]
        if not (added or self._over):
            return self._page
        if all(block.kind in _FLOWING and block.table is None for block in self._page.blocks):
            width_px, height_px = self._page.width_px, self._page.height_px
            blocks = blocks_in_reading_order(self._lines, width_px=width_px, height_px=height_px)
            beside = self._over
        else:
            blocks, beside = tuple(self._kept_blocks()), [*added, *self._over]
        alone = (Block(polygon=line.polygon, lines=(line,)) for line in beside)
        return self._page.model_copy(update={"blocks": (*blocks, *alone)})

    def _kept_blocks(self) -> Iterator[Block]:
        """The blocks without lines that were replaced; tables stay as they are, because their cells refer to lines."""
        kept = set(map(id, self._lines))
        for block in self._page.blocks:
            if block.table is not None:
                yield block
            elif lines := tuple(line for line in block.lines if id(line) in kept):
                yield block.model_copy(update={"lines": lines})


def _is_better(line: Line, others: Sequence[Line]) -> bool:
    if not others:
        return True
    letters = sum(len(_letters(other)) for other in others)
    weights = [max(1, len(_letters(other))) for other in others]
    confidence = fmean(map(_confidence, others), weights=weights)
    is_more = len(_letters(line)) > _CLEARLY_MORE * letters and _confidence(line) >= _BELIEVED
    return is_more or (
        _confidence(line) > confidence + _CLEARLY_BETTER and _CLEARLY_MORE * len(_letters(line)) >= letters
    )


def _is_said(line: Line, others: Sequence[Line]) -> bool:
    letters = _letters(line)
    for other in others:
        if _share(line, other) > 0:
            blocks = SequenceMatcher(None, letters, _letters(other), autojunk=False).get_matching_blocks()
            if sum(block.size for block in blocks) >= _ALIKE * len(letters):
                return True
    return False


def _are_level(one: Line, other: Line) -> bool:
    """Whether their middles are in one row: the rectangle around a slanted line covers its neighbours, too."""
    a, b = _box(one.polygon), _box(other.polygon)
    return abs(a[1] + a[3] - b[1] - b[3]) < 2 * _APART * min(a[3] - a[1], b[3] - b[1])


def _share(one: Line, other: Line) -> float:
    a, b = _box(one.polygon), _box(other.polygon)
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(1.0, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def _letters(line: Line) -> str:
    return "".join(letter for letter in line.text.casefold() if letter.isalnum())


def _confidence(line: Line) -> float:
    return _UNKNOWN if line.confidence is None else line.confidence


def _box(polygon: Polygon) -> Rectangle:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
