"""The order in which a person would read the lines of a page.

```
lines ─ levelled ─▶ boxes ─ split, joined along white lanes ─▶ rows ─▶ passages ─ cut, or by rules ─▶ order ─▶ blocks
        geometry            atoms, lanes, columns, rows        passages             sequence          paragraphs
```

All evidence is local: the pieces that face each other across a lane of white space, along its whole length, show
whether they are columns, read one after the other, or cells, read row by row. Whatever crosses the gutter elsewhere on
the page (a heading, a page number, a picture's caption) changes nothing there.
"""

from collections.abc import Sequence
from itertools import pairwise

from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.geometry import Box, page_slope, typical_size, upright_boxes
from pagemill.domain.page.page import Block, Line
from pagemill.domain.page.paragraphs import Row, blocks_of_rows
from pagemill.domain.page.passages import passages_of
from pagemill.domain.page.rows import PlacedRow, placed_rows
from pagemill.domain.page.sequence import in_sequence


def blocks_in_reading_order(lines: Sequence[Line], *, width_px: int, height_px: int) -> tuple[Block, ...]:
    """Sort lines into paragraphs, and paragraphs into reading order.

    Columns of running text are read one after the other, headings that span them before them; tables, forms and
    receipts (short cells that share a baseline) are read row by row. Lines that run up or down the page (margin notes,
    vertical Chinese, tables on their side) come last. A small skew of the page does no harm. A line that runs over two
    columns comes out as two; every word comes out exactly once. The order that lines come in does not matter. Where
    most letters are Arabic, Hebrew or the like, columns and cells follow each other from right to left.

    Args:
        lines: The page's lines, pixels, origin top left; quadrilaterals start at the top left corner, clockwise.
        width_px: Width of the page.
        height_px: Height of the page.
    """
    slope: float | None = page_slope(lines)
    level, down, up = list[Box](), list[Box](), list[Box]()
    boxes = upright_boxes(lines, width_px=width_px, height_px=height_px, slope=slope)
    for box in sorted(boxes, key=_sort_key):
        if not box.is_upended:
            level.append(box)
        else:
            (up if box.runs_up else down).append(_lay_level(box))
    if runs_from_right(line.text for line in lines):
        level, slope = list(map(_mirror, level)), None
    parts = (_rows_in_order(level, slope), _rows_in_order(down, None), _rows_in_order(up, None))
    return tuple(block for rows in parts for block in blocks_of_rows(rows))


def rows_of_lines(lines: Sequence[Line], *, width_px: int, height_px: int) -> list[list[Line]]:
    """Group lines in reading order by their visual row: cells side by side, or one line."""
    rows: list[list[Box]] = []
    onwards = -1 if runs_from_right(line.text for line in lines) else 1
    for box in upright_boxes(lines, width_px=width_px, height_px=height_px):
        if rows and box.shares_row(rows[-1][-1]) and onwards * (box.x0 - rows[-1][-1].x0) > 0:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [[box.line for box in row] for row in rows]


def _sort_key(box: Box) -> tuple[float, float, float, float, str]:
    return box.y0, box.x0, box.y1, box.x1, box.line.text


def _mirror(box: Box) -> Box:
    return Box(box.line, -box.x1, box.y0, -box.x0, box.y1)


def _lay_level(box: Box) -> Box:
    """An upended line, turned so that it runs level: lines that run down follow each other from right to left."""
    if box.runs_up:
        return Box(box.line, -box.y1, box.x0, -box.y0, box.x1)
    return Box(box.line, box.y0, -box.x1, box.y1, -box.x0)


def _rows_in_order(boxes: Sequence[Box], slope: float | None) -> list[Row]:
    if not boxes:
        return []
    size = typical_size(boxes)
    rows = sorted(placed_rows(boxes, slope=slope), key=lambda row: row.y0 + row.y1)
    if not _follow_each_other(rows):
        rows = [row for passage in in_sequence(passages_of(rows, size), size) for row in passage.rows]
    return [row.boxes for row in rows]


def _follow_each_other(rows: Sequence[PlacedRow]) -> bool:
    """Whether each row is right below the one before: then the page has no columns."""
    return all(
        below.y0 - above.y0 > 0.5 * above.size and below.x0 < above.x1 and above.x0 < below.x1
        for above, below in pairwise(rows)
    )
