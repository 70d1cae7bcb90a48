"""Markdown: headings, paragraphs, lists and tables, each page after an invisible mark."""

import re
from typing import assert_never

from pagemill.documents.writers.html_table import html_table
from pagemill.documents.writers.rows import block_rows, list_item, one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Page, Table
from pagemill.domain.task.results import ResultHeader

_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$]")
"""Characters with a meaning anywhere; & starts an entity, ~ and | and $ belong to common extensions."""

_AT_START = re.compile(r"(?P<digits>\d{1,9})?(?P<mark>#{1,6}(?=\s|$)|[+=-]|(?<=\d)[.)](?=\s|$))")
"""Marks with a meaning only at the start of a line: headings, bullets, underlines and rules, numbered items."""

_ESCAPED = r"\\\g<0>"

UNREAD_FORMULA = "<!-- formula: not read -->"
HARD_BREAK = "\\\n"


class MarkdownWriter:
    """CommonMark; page marks are HTML comments, titles are headings of the second level, items are list items.

    A formula that was not read is a comment.

    A recognised table has pipes (GitHub's extension), or is HTML if cells span several rows or columns, which Markdown
    cannot express.
    """

    name = "markdown"
    media_type = "text/markdown; charset=utf-8"
    extension = ".md"
    leaves_out_furniture = True

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. The document's name as its heading."""
        return f"# {escape(one_line(header.document))}\n".encode(errors="replace")

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. The page's mark and its blocks."""
        blocks = (_write_block(block, page) for block in page.blocks if block.lines or block.picture)
        return "".join(f"\n{part}\n" for part in (f"<!-- page {page.number} -->", *blocks)).encode()

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. The page's mark and a quoted note in its place."""
        note = f"> **Page {page_number} was not read:** {escape(one_line(message))} ({escape(reason)})"
        return f"\n<!-- page {page_number} -->\n\n{note}\n".encode(errors="replace")

    def end(self) -> bytes:
        """See `ResultWriter.end`. Nothing."""
        return b""


def escape(text: str) -> str:
    """Text that Markdown shows unchanged, wherever a line of it begins."""
    inline = _SPECIAL.sub(_ESCAPED, text)
    return _AT_START.sub(r"\g<digits>\\\g<mark>", inline, count=1) if _AT_START.match(inline) else inline


def _write_block(block: Block, page: Page) -> str:
    rows = list(block_rows(block, page))
    if block.table is not None:
        return _table(block.table)
    match block.kind:
        case BlockKind.TITLE:
            return f"## {escape(' '.join(rows))}"
        case BlockKind.LIST:
            return _item(rows)
        case BlockKind.FORMULA:
            mark = UNREAD_FORMULA if block.picture is not None else ""
            return "\n\n".join(filter(None, (mark, _paragraph(rows, has_cells=len(rows) < len(block.lines)))))
        case (
            BlockKind.TABLE
            | BlockKind.TEXT
            | BlockKind.FIGURE
            | BlockKind.CAPTION
            | BlockKind.HEADER
            | BlockKind.FOOTER
            | BlockKind.PAGE_NUMBER
        ):
            return _paragraph(rows, has_cells=len(rows) < len(block.lines))
        case _:
            assert_never(block.kind)


def _table(table: Table) -> str:
    if table.has_spans:
        return html_table(table).removesuffix("\n")
    head, *rows = (_pipe_cells(row) for row in table.grid)
    return "\n".join((head, "|" + " --- |" * table.columns, *rows))


def _pipe_cells(cells: list[str]) -> str:
    return "".join(f"| {_SPECIAL.sub(_ESCAPED, one_line(cell))} " for cell in cells) + "|"


def _paragraph(rows: list[str], *, has_cells: bool) -> str:
    """Lines flow together, but rows of several cells stay rows."""
    return (HARD_BREAK if has_cells else "\n").join(map(escape, rows))


def _item(rows: list[str]) -> str:
    """A list item with its bullet or number in Markdown, or a paragraph if Markdown has no such mark ("(a)")."""
    first, *rest = rows
    item = list_item(first)
    if item.mark is None:
        return _paragraph(rows, has_cells=False)
    indent = " " * (len(item.mark) + 1)
    return "\n".join((f"{item.mark} {escape(item.text)}", *(indent + escape(row) for row in rest)))
