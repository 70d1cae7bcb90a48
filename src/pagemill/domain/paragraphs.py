"""Rows of text in reading order, parted into paragraphs, headings and list items."""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pagemill.domain.geometry import Box, enclosing_polygon
from pagemill.domain.page import Block, BlockKind

Row = tuple[Box, ...]
"""Boxes that stand side by side, from left to right; at least one."""

LIST_MARK = re.compile(r"\s*(?:[•‣◦▪●○■□◆·∙–—*-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+\S")
"""A bullet or a number, and then the item."""

LARGE = 1.4
"""A row this many times as high as another is of another kind."""


def blocks_of_rows(rows: Sequence[Row]) -> tuple[Block, ...]:
    """Part rows, already in reading order, where a new paragraph, heading or list item begins."""
    pitch = _typical_pitch(rows)
    body = median(_size(row) for row in rows) or 1.0
    paragraphs: list[list[Row]] = [[rows[0]]]
    for index, (above, below) in enumerate(pairwise(rows)):
        following = rows[index + 2] if index + 2 < len(rows) else None
        if _parts(above, below, pitch) or _is_indented(above, below, following):
            paragraphs.append([])
        paragraphs[-1].append(below)
    return tuple(_block(paragraph, body) for paragraph in paragraphs)


def _typical_pitch(rows: Sequence[Row]) -> float:
    """Median distance from one row to the next, in heights of the writing."""
    pitches = [_pitch(above, below) for above, below in pairwise(rows) if below[0].middle > above[0].middle]
    return min(median(pitches), 2.2) if pitches else 1.5


def _pitch(above: Row, below: Row) -> float:
    return (_middle(below) - _middle(above)) / max(_size(above), _size(below))


def _middle(row: Row) -> float:
    return median(box.middle for box in row)


def _size(row: Row) -> float:
    return median(box.size for box in row) or 1.0


def _parts(above: Row, below: Row, pitch: float) -> bool:
    """Whether two neighbouring rows cannot be of one paragraph."""
    small, large = sorted((_size(above), _size(below)))
    is_apart = below[0].x0 > above[-1].x1 or above[0].x0 > below[-1].x1
    return (
        _middle(below) <= _middle(above)
        or is_apart
        or _pitch(above, below) > 1.4 * pitch
        or large > LARGE * small
        or LIST_MARK.match(below[0].line.text) is not None
    )


def _is_indented(above: Row, below: Row, following: Row | None) -> bool:
    """Whether `below` is a first line: it starts further in than the lines before and after it."""
    if following is None:
        return False
    size = _size(below)
    margin = above[0].x0
    return size < below[0].x0 - margin < 6 * size and abs(following[0].x0 - margin) < 0.5 * size


def _block(paragraph: Sequence[Row], body: float) -> Block:
    lines = tuple(box.line for row in paragraph for box in row)
    return Block(lines=lines, polygon=enclosing_polygon(lines), kind=_kind(paragraph, body))


def _kind(paragraph: Sequence[Row], body: float) -> BlockKind:
    if LIST_MARK.match(paragraph[0][0].line.text):
        return BlockKind.LIST
    is_large = len(paragraph) <= 3 and min(_size(row) for row in paragraph) > LARGE * body
    return BlockKind.TITLE if is_large else BlockKind.TEXT
