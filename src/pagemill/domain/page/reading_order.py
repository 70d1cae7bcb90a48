"""The order in which a person would read the lines of a page.

Gutters cut the page (a recursive XY-cut). A gutter is a strip that no line enters, except lines that cross it
completely (headings, full-width text). Crossing lines divide the page into bands from top to bottom. Within a band,
the lines left and right of the gutter are read column by column if they are running text, and row by row if they are a
table: see `_reads_by_column`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from pagemill.domain.page.geometry import Box, typical_size, upright_boxes
from pagemill.domain.page.page import Block, Line
from pagemill.domain.page.paragraphs import Row, blocks_of_rows

NARROWEST_GUTTER = 0.5
"""In heights of the writing."""

PROSE_WIDTH = 9.0
"""Running text is at least this wide, in heights of the writing."""

PROSE_FILL = 0.9
"""A typical line of running text fills at least this share of its column."""

DEEPEST = 30
"""Deepest nesting of cuts; no real page comes near it."""

MOST_GUTTERS = 12
"""Candidates considered in one region, the deepest first."""


def blocks_in_reading_order(lines: Sequence[Line], *, width_px: int, height_px: int) -> tuple[Block, ...]:
    """Sort lines into paragraphs, and paragraphs into reading order.

    It reads columns of running text one after the other, and headings that span them first. It reads tables and
    receipts (short cells that share a baseline) row by row. Lines that run up or down the page (margin notes, vertical
    Chinese) come last. A small skew of the page does no harm. Every line appears exactly once; the order of the input
    does not matter.

    Args:
        lines: The page's lines, pixels, origin top left; quadrilaterals start at the top left corner, clockwise.
        width_px: Width of the page.
        height_px: Height of the page.
    """
    boxes = upright_boxes(lines, width_px=width_px, height_px=height_px)
    boxes.sort(key=_canonical)
    level = _ordered([box for box in boxes if not box.is_upended])
    upended = sorted((box for box in boxes if box.is_upended), key=_upended_order)
    return (*blocks_of_rows(level), *blocks_of_rows([(box,) for box in upended]))


def rows_of_lines(lines: Sequence[Line], *, width_px: int, height_px: int) -> list[list[Line]]:
    """Group lines in reading order by visual row: cells side by side, or a single line."""
    rows: list[list[Box]] = []
    for box in upright_boxes(lines, width_px=width_px, height_px=height_px):
        if rows and box.shares_row(rows[-1][-1]) and box.x0 > rows[-1][-1].x0:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [[box.line for box in row] for row in rows]


def _upended_order(box: Box) -> tuple[float, float]:
    """Order lines that run down from right to left (vertical Chinese), and lines that run up from left to right."""
    return (box.x0, -box.y1) if box.runs_up else (-box.x1, box.y0)


def _canonical(box: Box) -> tuple[float, float, float, float, str]:
    return box.y0, box.x0, box.y1, box.x1, box.line.text


# --- cutting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Gutter:
    """A strip from `left` to `right` that `crossed` lines cross, `depth` fewer than on its sparser side."""

    left: float
    right: float
    crossed: int
    depth: int

    def crossed_by(self, box: Box) -> bool:
        return box.x0 < self.right and box.x1 > self.left


@dataclass(eq=False)
class _Band:
    """The boxes between two lines that cross the gutter, or (`across`) a run of such lines, from the top."""

    left: list[Box] = field(default_factory=list)
    right: list[Box] = field(default_factory=list)
    across: list[Box] = field(default_factory=list)
    _by_row: bool | None = None

    def reads_by_row(self, size: float) -> bool:
        """`_reads_by_row` of its two sides, computed once."""
        if self._by_row is None:
            self._by_row = _reads_by_row(self.left, self.right, size)
        return self._by_row


def _ordered(boxes: list[Box], depth: int = 0) -> list[Row]:
    if len(boxes) < 4 or depth == DEEPEST:
        return _rows(boxes)
    size = typical_size(boxes)
    best, tangled = _best_cut(boxes, size)
    if best is not None:
        return [row for band in best for row in _band_rows(band, size, depth + 1)]
    if tangled and (halves := _cut_across(boxes, size)):
        return [*_ordered(halves[0], depth + 1), *_ordered(halves[1], depth + 1)]
    return _rows(boxes)


def _band_rows(band: _Band, size: float, depth: int) -> list[Row]:
    if band.across:
        return _rows(band.across)
    if not (band.left and band.right):
        return _ordered(band.left or band.right, depth)
    if band.reads_by_row(size):
        return _ordered(sorted([*band.left, *band.right], key=_canonical), depth)
    return [*_ordered(band.left, depth), *_ordered(band.right, depth)]


def _best_cut(boxes: list[Box], size: float) -> tuple[list[_Band] | None, bool]:
    """The bands of the gutter with the fewest crossing lines; and whether only lines beside crossers ruled one out."""
    tangled = False
    from_top = sorted(boxes, key=_twice_middle)
    for gutter in _gutters(boxes, size):
        bands = _bands(from_top, gutter)
        if not any(_reads_by_column(band, size) for band in bands):
            continue
        if not _is_tangled(boxes, gutter):
            return bands, tangled
        tangled = True
    return None, tangled


def _gutters(boxes: list[Box], size: float) -> list[_Gutter]:
    """Strips with fewer crossing lines than lines on either side: the valleys of the projection onto x.

    Strips with the fewest crossing lines come first, and wider ones first among equals.
    """
    steps: Counter[float] = Counter()
    for box in boxes:
        steps[box.x0] += 1
        steps[box.x1] -= 1
    edges = sorted(steps)
    heights = _running_sum(steps[edge] for edge in edges)
    highest_left = _running_max(heights)
    highest_right = _running_max(heights[::-1])[::-1]
    found = []
    for index in range(1, len(edges) - 1):
        is_valley = heights[index] < heights[index - 1] and heights[index] < heights[index + 1]
        depth = min(highest_left[index], highest_right[index]) - heights[index]
        if is_valley and depth > 1 and edges[index + 1] - edges[index] >= NARROWEST_GUTTER * size:
            found.append(_Gutter(edges[index], edges[index + 1], crossed=heights[index], depth=depth))
    deepest = sorted(found, key=lambda gutter: -gutter.depth)[:MOST_GUTTERS]
    return sorted(deepest, key=lambda gutter: (gutter.crossed, gutter.left - gutter.right))


def _running_sum(steps: Iterable[int]) -> list[int]:
    total, sums = 0, []
    for step in steps:
        total += step
        sums.append(total)
    return sums


def _running_max(values: Iterable[int]) -> list[int]:
    highest, seen = 0, []
    for value in values:
        highest = max(highest, value)
        seen.append(highest)
    return seen


def _bands(from_top: list[Box], gutter: _Gutter) -> list[_Band]:
    bands = [_Band()]
    for box in from_top:
        crosses = gutter.crossed_by(box)
        if crosses != bool(bands[-1].across) or not crosses:
            bands = bands if crosses == bool(bands[-1].across) else [*bands, _Band()]
        band = bands[-1]
        side = band.across if crosses else band.left if box.x1 <= gutter.left else band.right
        side.append(box)
    return [band for band in bands if band.left or band.right or band.across]


def _is_tangled(boxes: list[Box], gutter: _Gutter) -> bool:
    """Whether crossing lines have others beside them: then they are no headings, and this is no gutter."""
    middles = sorted(box.middle for box in boxes if not gutter.crossed_by(box))
    across = [box for box in boxes if gutter.crossed_by(box)]
    conflicts = sum(bisect_left(middles, box.y0) < bisect_left(middles, box.y1) for box in across)
    return conflicts > len(boxes) // 20


def _cut_across(boxes: list[Box], size: float) -> tuple[list[Box], list[Box]] | None:
    """The parts above and below the widest strip, at least a line high, that is empty from side to side."""
    ordered = sorted(boxes, key=lambda box: box.y0)
    bottom, widest, at = ordered[0].y1, size, 0
    for index, box in enumerate(ordered):
        if box.y0 - bottom >= widest:
            widest, at = box.y0 - bottom, index
        bottom = max(bottom, box.y1)
    return (ordered[:at], ordered[at:]) if at else None


# --- columns or rows -------------------------------------------------------------------------------------------------


def _reads_by_column(band: _Band, size: float) -> bool:
    """Whether a single band is reason enough to cut here."""
    fewer, more = sorted((len(band.left), len(band.right)))
    if fewer < 2 or more < 3:
        return False
    return not band.reads_by_row(size)


def _reads_by_row(left_side: list[Box], right_side: list[Box], size: float) -> bool:
    """Whether the boxes on both sides of the gutter are cells of rows rather than lines of columns.

    Columns of running text are wide and filled, whether or not their baselines agree (a grid makes them agree). Cells
    are short and share baselines. Long lists of short lines (an index) are columns of similar width close together.
    Prices and amounts belong to the text on their left even if the paper is curled.
    """
    left, right = _beside_gutter(left_side, last=True), _beside_gutter(right_side, last=False)
    if _is_prose(left, size) and _is_prose(right, size):
        return False
    if _is_numeric(right):
        return True
    return _aligned_share(left, right) >= 0.7 and not _is_index(left, right, size)


def _beside_gutter(side: list[Box], *, last: bool) -> list[Box]:
    """The boxes next to the gutter, one for each row, from the top."""
    beside = [row[-1 if last else 0] for row in _grown_rows(side)]
    return sorted(beside, key=_twice_middle)


def _is_prose(column: list[Box], size: float) -> bool:
    typical = median(box.width for box in column)
    return typical >= PROSE_WIDTH * size and typical >= PROSE_FILL * _column_width(column)


def _column_width(column: list[Box]) -> float:
    """Upper quartile of the lines' widths, so that a heading that reaches into the next column does not count."""
    widths = [box.width for box in column]
    return quantiles(widths)[-1] if len(widths) > 4 else max(widths)


def _aligned_share(left: list[Box], right: list[Box]) -> float:
    """Share of the shorter column's lines with a line at the same height on the other side."""
    fewer, more = (left, right) if len(left) <= len(right) else (right, left)
    middles = [box.middle for box in more]
    level = 0
    for box in fewer:
        at = bisect_left(middles, box.middle)
        level += any(_is_level(box, other) for other in more[max(0, at - 1) : at + 1])
    return level / len(fewer)


def _is_level(box: Box, other: Box) -> bool:
    return abs(box.middle - other.middle) <= 0.4 * min(box.height, other.height)


def _is_numeric(column: list[Box]) -> bool:
    return 2 * sum(_looks_numeric(box.line.text) for box in column) >= len(column)


def _looks_numeric(text: str) -> bool:
    characters = [character for character in text if not character.isspace()]
    return 2 * sum(map(str.isalpha, characters)) < len(characters) <= 20


def _is_index(left: list[Box], right: list[Box], size: float) -> bool:
    narrow, wide = sorted((_column_width(left), _column_width(right)))
    gap = min(box.x0 for box in right) - max(box.x1 for box in left)
    return min(len(left), len(right)) >= 12 and narrow >= 0.7 * wide and gap <= 3 * size


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(boxes: list[Box]) -> list[Row]:
    """Group boxes side by side. A row may drift, so each box is compared with its nearest neighbour."""
    return [tuple(row) for row in _grown_rows(sorted(boxes, key=_twice_middle))]


def _grown_rows(from_top: list[Box]) -> list[list[Box]]:
    rows: list[_GrowingRow] = []
    for box in from_top:
        for row in rows[-3:]:
            if row.bottom > box.y0 and row.takes(box):
                break
        else:
            rows.append(_GrowingRow(box))
    return [row.boxes for row in rows]


def _twice_middle(box: Box) -> float:
    return box.y0 + box.y1


class _GrowingRow:
    """Boxes side by side, from left to right, and the lowest bottom of them."""

    __slots__ = ("_lefts", "bottom", "boxes")

    def __init__(self, box: Box) -> None:
        self.boxes = [box]
        self.bottom = box.y1
        self._lefts = [box.x0]

    def takes(self, box: Box) -> bool:
        """Add the box if it belongs to this row, and return whether it does."""
        at = bisect_left(self._lefts, box.x0)
        if not _belongs(box, self._nearest(box, at)):
            return False
        self.boxes.insert(at, box)
        self._lefts.insert(at, box.x0)
        self.bottom = max(self.bottom, box.y1)
        return True

    def _nearest(self, box: Box, at: int) -> Box:
        if at == 0:
            return self.boxes[0]
        before = self.boxes[at - 1]
        if at == len(self.boxes):
            return before
        after = self.boxes[at]
        return before if box.gap_beside(before) <= box.gap_beside(after) else after


def _belongs(box: Box, nearest: Box) -> bool:
    return box.shares_row(nearest) and box.gap_beside(nearest) > -0.5 * min(box.width, nearest.width)
