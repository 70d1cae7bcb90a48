"""Checks whether the cells of a table explain its words. Pure.

Models mistake whole pages of running text for tables. Then cells split lines at ordinary spaces, or lines run through
the whole width, or a few cells are full from top to bottom.
"""

from collections.abc import Iterable, Sequence

from pagemill.domain.page.page import Line, Polygon

SPACE = 0.45
"""The gap between two cells is wider than this, in heights of the writing."""

WIDE = 0.75
"""Share of a table's width that a line of running text takes."""

MOST_WIDE = 0.4
"""Share of a table's letters that may be in such lines: headings, notes, cells over all columns."""

LONG = 25
"""Average number of letters in a line of running text in a cell."""

MANY_ROWS = 5
MOST_PROSE = 0.6
"""Share of letters that may be in cells of `MANY_ROWS` or more such lines."""


def is_torn(before: Line, after: Line) -> bool:
    """Whether two parts of a line, in different cells, have only a space between them."""
    left, right = before.polygon, after.polygon
    height = min(_height(left), _height(right))
    return min(x for x, _ in right) - max(x for x, _ in left) < SPACE * height


def is_running_text(cells: Iterable[Sequence[Line]], polygon: Polygon) -> bool:
    """Whether these lines, cell by cell, are paragraphs and not a table.

    Args:
        cells: The lines of each filled cell.
        polygon: The table's outline.
    """
    width = WIDE * _width(polygon)
    letters = wide = prose = 0
    for lines in cells:
        own = sum(len(line.text) for line in lines)
        letters += own
        wide += sum(len(line.text) for line in lines if _width(line.polygon) > width and len(line.text) > LONG)
        prose += own if len(lines) >= MANY_ROWS and own >= LONG * len(lines) else 0
    return wide > MOST_WIDE * letters or prose > MOST_PROSE * letters


def _width(polygon: Polygon) -> float:
    xs = [x for x, _ in polygon]
    return max(xs) - min(xs)


def _height(polygon: Polygon) -> float:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(max(ys) - min(ys), max(xs) - min(xs))
