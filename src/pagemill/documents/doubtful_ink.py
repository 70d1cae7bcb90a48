"""Finds lines of ink that were not read, or probably misread. Runs in workers only."""

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pagemill.documents.accounting import turn_upright
from pagemill.documents.ink import Gray, InkLine, ink_lines
from pagemill.domain.page.doubt import is_doubtful_line
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, Point, Rectangle

MOST_LINES = 200
"""Most lines of one page: each takes up to a second."""

_SPACE = 1.5
"""Largest gap in a line, in heights of the line: ink farther apart belongs to another one."""

_INK = 40
"""Gray levels between ink and paper."""

_LOWEST_PX = 8
"""No engine here reads lower writing; lower ink is mostly a rule."""

_TALLEST = 2.0
_SAME_ROW = 0.6
_MARGIN = 0.4


def doubtful_lines(page: Page, image: PageImage) -> list[Rectangle]:
    """Places of lines that no reliably read word and no picture accounts for, from the top, in pixels of the page.

    Args:
        page: As it was read.
        image: The picture that it was read from, as stored.
    """
    gray = turn_upright(image, page.rotation)
    scale = gray.shape[1] / page.width_px
    sure = [[(x * scale, y * scale) for x, y in polygon] for polygon in _sure_polygons(page)]
    rects = [_grow(gray, line) for line in _level(ink_lines(gray, sure))]
    edge = gray.shape[1] / scale, gray.shape[0] / scale
    return [_widen(rect, scale, edge) for rect in _join_rows(rects)[:MOST_LINES]]


def _sure_polygons(page: Page) -> list[tuple[Point, ...]]:
    lines = (line for line in page.lines if not is_doubtful_line(line))
    pictured = (block.polygon for block in page.blocks if block.picture is not None)
    return [*(piece.polygon for line in lines for piece in (line.words or (line,))), *pictured]


def _level(lines: Sequence[InkLine]) -> list[InkLine]:
    """The lines without rules, and without columns of letters that are above each other by chance."""
    if not lines:
        return []
    usual = median(line.rect[3] - line.rect[1] for line in lines)
    return [line for line in lines if _LOWEST_PX <= line.rect[3] - line.rect[1] <= _TALLEST * usual]


def _grow(gray: Gray, line: InkLine) -> Rectangle:
    """The line with all ink next to it, which may be known words, such as numbers: a few letters are not a line."""
    left, top, right, bottom = line.rect
    band = gray[max(0, int(top)) : int(bottom) + 1]
    inked: NDArray[np.bool_] = np.any(np.abs(band.astype(np.int16) - int(np.median(band))) > _INK, axis=0)
    space = max(1, int(_SPACE * (bottom - top)))
    return float(_reach(inked, int(left), -space)), top, float(_reach(inked, int(right), space)), bottom


def _reach(inked: NDArray[np.bool_], start: int, space: int) -> int:
    """The last column with ink from a start on, in steps of up to `space` columns; a negative one goes to the left."""
    step = 1 if space > 0 else -1
    end = at = min(max(start, 0), len(inked) - 1)
    while 0 <= at < len(inked) and abs(at - end) <= abs(space):
        end = at if inked[at] else end
        at += step
    return end


def _join_rows(rects: Sequence[Rectangle]) -> list[Rectangle]:
    lines: list[Rectangle] = []
    for rect in sorted(rects):
        same = next((line for line in lines if _is_same_line(line, rect)), None)
        if same is None:
            lines.append(rect)
            continue
        lines[lines.index(same)] = (
            min(same[0], rect[0]),
            min(same[1], rect[1]),
            max(same[2], rect[2]),
            max(same[3], rect[3]),
        )
    return sorted(lines, key=lambda line: (line[1], line[0]))


def _is_same_line(one: Rectangle, other: Rectangle) -> bool:
    shared = min(one[3], other[3]) - max(one[1], other[1])
    low = min(one[3] - one[1], other[3] - other[1])
    return shared >= _SAME_ROW * low and min(one[2], other[2]) >= max(one[0], other[0])


def _widen(rect: Rectangle, scale: float, edge: Point) -> Rectangle:
    """The rectangle in pixels of the page, with room for marks above and below the letters."""
    left, top, right, bottom = (side / scale for side in rect)
    around = _MARGIN * (bottom - top)
    return max(0.0, left - around), max(0.0, top - around), min(edge[0], right + around), min(edge[1], bottom + around)
