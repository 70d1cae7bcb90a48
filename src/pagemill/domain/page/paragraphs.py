"""Splits rows of text in reading order into paragraphs, headings and list items."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from statistics import median

from pagemill.domain.page.geometry import Box, enclosing_polygon
from pagemill.domain.page.page import Block, BlockKind

Row = tuple[Box, ...]
"""Boxes side by side, from left to right; at least one."""

BULLET = re.compile(r"\s*[•‣◦▪●○■□◆·∙–—*-]\s+(?=\S)")
"""A bullet and the space after it."""

NUMBER = re.compile(r"\s*(?:(?P<markdown>\d{1,3}[.)])|\((?:\d{1,3}|[a-zA-Z])\)|[a-zA-Z]\))\s+(?=\S)")
"""A number or letter and the space after it; `markdown` if Markdown numbers items this way."""

WIDEST_PITCH = 2.2
"""Largest distance of rows within a paragraph, in heights of the writing: double spacing."""

WIDE = 1.4
"""A distance is of another kind if it is this many times as wide."""

LARGE = 1.4
"""A row is of another kind if it is this many times as high."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A row and its measures: `size` is the height of its writing."""

    row: Row
    left: float
    right: float
    middle: float
    size: float

    @property
    def is_item(self) -> bool:
        text = self.row[0].line.text
        return (BULLET.match(text) or NUMBER.match(text)) is not None


def blocks_of_rows(rows: Sequence[Row]) -> tuple[Block, ...]:
    """Split rows, already in reading order, at each new paragraph, heading or list item."""
    if not rows:
        return ()
    measured = [_measure(row) for row in rows]
    pitch = _typical_pitch(measured)
    body = median(row.size for row in measured)
    paragraphs = [[measured[0]]]
    for above, below, following in zip_longest(measured, measured[1:], measured[2:]):
        if below is None:
            break
        if _parts(above, below, pitch) or _is_first_line(above, below, following):
            paragraphs.append([])
        paragraphs[-1].append(below)
    return tuple(_block(paragraph, body) for paragraph in paragraphs)


def _measure(row: Row) -> _Measured:
    if len(row) == 1:
        middle, size = row[0].middle, row[0].size
    else:
        middle, size = median(box.middle for box in row), median(box.size for box in row)
    return _Measured(row, row[0].x0, row[-1].x1, middle, size or 1.0)


def _typical_pitch(rows: Sequence[_Measured]) -> float:
    """Median distance from one row to the next within paragraphs, in heights of the writing.

    A distance much wider than the one before or after it separates paragraphs. It does not count, because otherwise a
    page of short paragraphs would have no gaps.
    """
    pitches = [_pitch(above, below) if below.middle > above.middle else math.inf for above, below in pairwise(rows)]
    edged = [math.inf, *pitches, math.inf]
    within = [
        pitch
        for before, pitch, after in zip(edged[:-2], pitches, edged[2:], strict=True)
        if pitch <= WIDE * min(before, after) and pitch < math.inf
    ]
    return min(median(within), WIDEST_PITCH) if within else WIDEST_PITCH


def _pitch(above: _Measured, below: _Measured) -> float:
    return (below.middle - above.middle) / max(above.size, below.size)


def _parts(above: _Measured, below: _Measured, pitch: float) -> bool:
    """Whether two neighbouring rows cannot belong to one paragraph."""
    small, large = sorted((above.size, below.size))
    return (
        below.middle <= above.middle
        or below.left > above.right
        or above.left > below.right
        or _pitch(above, below) > WIDE * pitch
        or large > LARGE * small
        or below.is_item
    )


def _is_first_line(above: _Measured, below: _Measured, following: _Measured | None) -> bool:
    """Whether `below` is indented: it starts further in than the rows before and after it."""
    if following is None or above.is_item:
        return False
    indent = (below.left - above.left) / below.size
    return 1 < indent < 6 and abs(following.left - above.left) < 0.5 * below.size


def _block(paragraph: Sequence[_Measured], body: float) -> Block:
    lines = tuple(box.line for measured in paragraph for box in measured.row)
    return Block(lines=lines, polygon=enclosing_polygon(lines), kind=_kind(paragraph, body))


def _kind(paragraph: Sequence[_Measured], body: float) -> BlockKind:
    if paragraph[0].is_item:
        return BlockKind.LIST
    is_large = len(paragraph) <= 3 and min(row.size for row in paragraph) > LARGE * body
    return BlockKind.TITLE if is_large else BlockKind.TEXT
