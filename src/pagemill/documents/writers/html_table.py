"""A table with spans in HTML; Markdown uses it too, because it has no spans."""

from collections.abc import Iterator
from itertools import groupby

from pagemill.documents.writers.markup import direction_attribute, xml_text
from pagemill.documents.writers.rows import one_line
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.page import Table, TableCell


def html_table(table: Table) -> str:
    """The table, one row of cells per line, in the order in which it is read."""
    is_from_right = runs_from_right(cell.text for cell in table.cells)
    rows = {
        row: "".join(_cell(cell, is_within=is_from_right) for cell in cells)
        for row, cells in rows_as_read(table, is_from_right=is_from_right)
    }
    written = (f"<tr>{rows.get(row, '')}</tr>\n" for row in range(table.rows))
    return f"<table{table_direction(is_from_right=is_from_right)}>\n{''.join(written)}</table>\n"


def rows_as_read(table: Table, *, is_from_right: bool) -> Iterator[tuple[int, list[TableCell]]]:
    """The rows that have cells, with their numbers.

    The columns of a table are counted from the left of the page. In HTML, the first cell of a table that runs from
    right to left stands at the right.
    """
    for row, cells in groupby(table.cells, key=lambda cell: cell.row):
        yield row, sorted(cells, key=lambda cell: cell.column, reverse=is_from_right)


def table_direction(*, is_from_right: bool) -> str:
    """The attribute `dir` of a table, after a space; empty if it runs from left to right."""
    return ' dir="rtl"' if is_from_right else ""


def spans(cell: TableCell) -> str:
    """The attributes for the rows and columns that a cell covers."""
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    return rows + columns


def _cell(cell: TableCell, *, is_within: bool) -> str:
    text = one_line(cell.text)
    return f"<td{spans(cell)}{direction_attribute([text], is_within=is_within)}>{xml_text(text)}</td>"
