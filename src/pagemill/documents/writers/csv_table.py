"""Tables as CSV (RFC 4180), for spreadsheets."""

import csv
import io
import re

from pagemill.documents.writers.rows import block_cells, one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Page
from pagemill.domain.task.results import ResultHeader

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet may run a cell that begins with one of these, whatever its quotes (OWASP, CSV injection)."""
_SEPARATOR = re.compile(r"([,;|\t\r\n]+)")
"""Where a spreadsheet may begin a new cell: many use semicolons, or a separator that the user chose."""
_SKIPPED = ' "\u00a0\u3000'
"""Characters that may come before the first one that counts."""


class CsvWriter:
    """One row of the file for each row of a table; the first two fields are the page's and the table's number.

    A page without recognised tables gives all its rows as table 0, so receipts and forms keep their rows. An apostrophe
    precedes cells that a spreadsheet would run, unless they are numbers.
    """

    name = "csv"
    media_type = "text/csv; charset=utf-8"
    extension = ".csv"
    leaves_out_furniture = False

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`.

        A byte order mark, which spreadsheets need to recognise UTF-8, and the names of the first two fields.
        """
        del header
        return "\ufeffpage,table,cells\r\n".encode()

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. The rows of its tables, or of the whole page."""
        tables = [block for block in page.blocks if block.kind is BlockKind.TABLE]
        if tables:
            return "".join(_rows(block, page, table) for table, block in enumerate(tables, 1)).encode()
        return "".join(_rows(block, page, 0) for block in page.blocks).encode()

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. A row with the note."""
        return _write_row([str(page_number), "", f"was not read: {one_line(message)} ({reason})"]).encode(
            errors="replace"
        )

    def end(self) -> bytes:
        """See `ResultWriter.end`. Nothing."""
        return b""


def _rows(block: Block, page: Page, table: int) -> str:
    return "".join(_write_row([str(page.number), str(table), *row]) for row in block_cells(block, page))


def _write_row(fields: list[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_make_harmless(field) for field in fields])
    return line.getvalue()


def _make_harmless(field: str) -> str:
    if _is_number(field):
        return field
    pieces = _SEPARATOR.split(field)
    return "".join(piece if place % 2 else _guard_cell(piece) for place, piece in enumerate(pieces))


def _guard_cell(piece: str) -> str:
    """Guard what is a cell to programs that use this separator."""
    return f"'{piece}" if piece.lstrip(_SKIPPED).startswith(_FORMULA) else piece


def _is_number(field: str) -> bool:
    return field[:1] in "+-" and field[1:2].isdigit() and set(field[1:]) <= set("0123456789.,% ")
