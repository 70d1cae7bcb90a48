"""Tables as CSV (RFC 4180), to be opened by spreadsheets."""

import csv
import io

from pagemill.documents.writers.rows import block_cells, one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Page
from pagemill.domain.task.results import ResultHeader

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so may be run by a spreadsheet, whatever its quotes (OWASP, CSV injection)."""


class CsvWriter:
    """One row of the file for each row of a table; the first two fields are the page's and the table's number.

    Where no table was recognised on a page, all its rows are taken for one table with the number 0: receipts and forms
    come out as the rows they are. Cells that a spreadsheet would run are preceded by an apostrophe, unless they are
    numbers.
    """

    name = "csv"
    media_type = "text/csv; charset=utf-8"
    extension = ".csv"

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`.

        A byte order mark, without which spreadsheets do not know UTF-8, and the names of the first two fields.
        """
        del header
        return "\ufeffpage,table,cells\r\n".encode()

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. The rows of its tables, or of the whole page."""
        tables = [block for block in page.blocks if block.kind is BlockKind.TABLE]
        if tables:
            return "".join(_rows(block, page, table) for table, block in enumerate(tables, 1)).encode()
        return "".join(_rows(block, page, 0) for block in page.blocks).encode()

    def unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.unread`. A row that says so."""
        return _written([str(page_number), "", f"was not read: {one_line(message)} ({reason})"]).encode(
            errors="replace"
        )

    def end(self) -> bytes:
        """See `ResultWriter.end`. Nothing."""
        return b""


def _rows(block: Block, page: Page, table: int) -> str:
    return "".join(_written([str(page.number), str(table), *row]) for row in block_cells(block, page))


def _written(fields: list[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_harmless(field) for field in fields])
    return line.getvalue()


def _harmless(field: str) -> str:
    if not field.startswith(_FORMULA) or _is_number(field):
        return field
    return f"'{field}"


def _is_number(field: str) -> bool:
    return field[:1] in "+-" and field[1:2].isdigit() and set(field[1:]) <= set("0123456789.,% ")
