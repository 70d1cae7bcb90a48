"""The visual rows of a block: cells side by side on the page are side by side in the file."""

from collections.abc import Iterator
from dataclasses import dataclass

from pagemill.domain.page.page import Block, Page
from pagemill.domain.page.paragraphs import BULLET, NUMBER
from pagemill.domain.page.reading_order import rows_of_lines

CELL_GAP = "  "


def block_cells(block: Block, page: Page) -> list[list[str]]:
    """The block's rows from top to bottom, the cells of each in reading order.

    It keeps the reading order: each line of a paragraph is a row with one cell. A recognised table gives its grid,
    including empty places.
    """
    if block.table is not None:
        return [[one_line(text) for text in row] for row in block.table.grid]
    rows = rows_of_lines(block.lines, width_px=page.width_px, height_px=page.height_px)
    return [[one_line(line.text) for line in row] for row in rows]


def block_rows(block: Block, page: Page) -> Iterator[str]:
    """The block's rows from top to bottom, cells of one row joined in reading order."""
    return (CELL_GAP.join(filter(None, row)) for row in block_cells(block, page))


def one_line(text: str) -> str:
    """The text without line breaks and form feeds, which have a meaning in the file."""
    return " ".join(text.split())


@dataclass(frozen=True)
class ListItem:
    """The first row of a list item, and its mark.

    Attributes:
        text: The text after the mark, or the whole row if it keeps its mark, such as "(a)".
        is_bullet: Whether the mark was a bullet.
        number: The mark's number, for "1." and "1)".
        mark: The mark in Markdown; None if Markdown has none.
    """

    text: str
    is_bullet: bool = False
    number: int | None = None
    mark: str | None = None


def list_item(row: str) -> ListItem:
    """Split a list item's first row from its bullet or number."""
    if bullet := BULLET.match(row):
        return ListItem(row[bullet.end() :], is_bullet=True, mark="-")
    number = NUMBER.match(row)
    mark = number["markdown"] if number else None
    if number is None or mark is None:
        return ListItem(row)
    return ListItem(row[number.end() :], number=int(mark[:-1]), mark=mark)
