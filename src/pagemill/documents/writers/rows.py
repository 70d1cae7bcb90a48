"""The visual rows of a block: cells that stand side by side are written side by side."""

from collections.abc import Iterator

from pagemill.domain.page import Block, Page
from pagemill.domain.reading_order import rows_of_lines

CELL_GAP = "  "


def block_rows(block: Block, page: Page) -> Iterator[str]:
    """The block's rows from top to bottom, lines of one row joined from left to right.

    Reading order is kept: a paragraph comes out as its lines.
    """
    rows = rows_of_lines(block.lines, width_px=page.width_px, height_px=page.height_px)
    return (CELL_GAP.join(one_line(line.text) for line in row) for row in rows)


def one_line(text: str) -> str:
    """The text without line breaks and form feeds, which mean something in the file."""
    return " ".join(text.split())
