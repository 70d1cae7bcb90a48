"""A table with spans in HTML; Markdown uses it too, because it has no spans."""

from itertools import groupby

from pagemill.documents.writers.markup import direction_attribute, xml_text
from pagemill.documents.writers.rows import one_line
from pagemill.domain.page.page import Table, TableCell


def html_table(table: Table) -> str:
    """The table, one row of cells per line.

    Its columns stand as on the page, so it has no direction; each cell has its own.
    """
    rows = {row: "".join(map(_cell, cells)) for row, cells in groupby(table.cells, key=lambda cell: cell.row)}
    written = (f"<tr>{rows.get(row, '')}</tr>\n" for row in range(table.rows))
    return f"<table>\n{''.join(written)}</table>\n"


def spans(cell: TableCell) -> str:
    """The attributes for the rows and columns that a cell covers."""
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    return rows + columns


def _cell(cell: TableCell) -> str:
    text = one_line(cell.text)
    return f"<td{spans(cell)}{direction_attribute([text])}>{xml_text(text)}</td>"
