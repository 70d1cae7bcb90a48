"""HTML and CSV: structure for people and spreadsheets, and nothing in a document can run."""

import csv
import io
from html.parser import HTMLParser
from itertools import pairwise

from markdown_it import MarkdownIt
from tests.data.block_pictures import PICTURE

from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Table, TableCell
from pagemill.domain.task.results import ResultHeader

HEADER = ResultHeader(task_id="01TASK", document="<script>alert(1)</script>.pdf", pages_total=2)


def block(kind: BlockKind, *rows: tuple[str, ...]) -> Block:
    """A block of rows of cells."""
    lines = tuple(
        Line(text=cell, polygon=((200 * x, 20 * y), (200 * x + 100, 20 * y), (200 * x + 100, 20 * y + 12)))
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
    )
    return Block(polygon=lines[0].polygon, lines=lines, kind=kind)


def write_text(name: str, *blocks: Block) -> str:
    """Page 1 of these blocks, and an unread page 2."""
    page = Page(number=1, width_px=600, height_px=800, dpi=200, source=PageSource.OCR, blocks=blocks)
    writer = ResultWriters()[name]
    unread = writer.mark_unread(2, TaskFailureReason.TIMEOUT, "Too <slow>.")
    return b"".join([writer.begin(HEADER), writer.page(page), unread, writer.end()]).decode("utf-8-sig")


class Outline(HTMLParser):
    """Collects tags, and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str | None] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value for name, value in attrs if name == "src"]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_has_structure_and_nothing_that_runs_or_is_loaded() -> None:
    text = write_text(
        "html",
        block(BlockKind.TITLE, ("Annual",), ("<img src=x onerror=alert(1)>",)),
        block(BlockKind.LIST, ("3. third",), ("goes on",)),
        block(BlockKind.LIST, ("• one",)),
        block(BlockKind.TABLE, ("tea", "2.50"), ("coffee", "3.10")),
        *(block(kind, ("javascript:alert(1)",)) for kind in BlockKind),
        Block(polygon=((0, 0), (40, 0), (40, 10)), kind=BlockKind.FORMULA, picture=PICTURE),
    )
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    assert outline.seen <= {
        "html",
        "head",
        "meta",
        "title",
        "body",
        "h1",
        "h2",
        "section",
        "p",
        "ul",
        "ol",
        "li",
        "table",
        "tr",
        "td",
        "header",
        "footer",
        "figure",
        "figcaption",
        "strong",
        "img",
    }
    assert outline.attributes == {"charset", "id", "aria-label", "value", "src", "alt", "width", "height"}
    assert outline.sources == [f"data:image/png;base64,{PICTURE.base64}"]
    assert "<h2>Annual &lt;img src=x onerror=alert(1)&gt;</h2>" in text
    assert '<ol><li value="3">third\ngoes on</li></ol>' in text
    assert "<ul><li>one</li></ul>" in text
    assert "<tr><td>coffee</td><td>3.10</td></tr>" in text
    assert '<section id="page-2" aria-label="Page 2">' in text
    assert "Too <slow>. (timeout)" in "".join(outline.texts)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_holds_the_tables_of_a_page() -> None:
    text = write_text(
        "csv",
        block(BlockKind.TEXT, ("beside",)),
        block(BlockKind.TABLE, ("tea, green", '2"50'), ("coffee",)),
        block(BlockKind.TABLE, ("last", "one")),
    )
    assert rows(text) == [
        ["page", "table", "cells"],
        ["1", "1", "tea, green", '2"50'],
        ["1", "1", "coffee"],
        ["1", "2", "last", "one"],
        ["2", "", "was not read: Too <slow>. (timeout)"],
    ]


def test_csv_holds_the_rows_of_a_page_without_tables() -> None:
    text = write_text(
        "csv", block(BlockKind.TITLE, ("receipt",)), block(BlockKind.TEXT, ("tea", "2.50"), ("sum", "2.50"))
    )
    assert rows(text)[1:4] == [["1", "0", "receipt"], ["1", "0", "tea", "2.50"], ["1", "0", "sum", "2.50"]]


def test_csv_cells_are_no_formulas() -> None:
    cells = ("=1+1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "+49 30 1234", "-12.50", "+3 %", "--")
    text = write_text("csv", *(block(BlockKind.TEXT, (cell,)) for cell in cells))
    found = [row[2] for row in rows(text)[1:-1]]
    assert found == ["'=1+1", "'@SUM(A1)", "'-2+3+cmd|' /C calc'!A0", "+49 30 1234", "-12.50", "+3 %", "'--"]


def grid(*cells: tuple[int, int, str] | tuple[int, int, str, int, int]) -> Block:
    """A table whose structure is known: row, column, text, rows and columns taken."""
    made = [
        TableCell(row=row, column=column, text=text, **(dict(zip(("row_span", "column_span"), spans, strict=False))))
        for row, column, text, *spans in cells
    ]
    rows = max(cell.row + cell.row_span for cell in made)
    columns = max(cell.column + cell.column_span for cell in made)
    outline = ((0, 0), (100, 0), (100, 50), (0, 50))
    lines = tuple(Line(text=cell.text, polygon=outline) for cell in made if cell.text)
    table = Table(rows=rows, columns=columns, cells=tuple(made))
    return Block(polygon=outline, lines=lines, kind=BlockKind.TABLE, table=table)


PLAIN = grid((0, 0, "name"), (0, 1, "a|b <i>"), (1, 0, "=1+1"), (1, 1, ""), (2, 1, "- x\ny"))
SPANNED = grid((0, 0, "<b>wide", 1, 2), (0, 2, "tall", 2, 1), (1, 0, "a"), (1, 1, "b"))


def markdown_cells(text: str) -> list[list[str]]:
    """The cells of every row of every table, as a reader of Markdown shows them."""
    found: list[list[str]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            found.append([])
        if before.type in ("th_open", "td_open"):
            found[-1].append("".join(child.content for child in token.children or ()))
    return found


def test_markdown_has_a_table_of_pipes() -> None:
    assert markdown_cells(write_text("markdown", PLAIN)) == [["name", "a|b <i>"], ["=1+1", ""], ["", "- x y"]]


def test_markdown_has_spans_as_html() -> None:
    text = write_text("markdown", SPANNED)
    assert '<tr><td colspan="2">&lt;b&gt;wide</td><td rowspan="2">tall</td></tr>\n<tr><td>a</td><td>b</td></tr>' in text
    assert "<b>" not in text


def test_html_has_spans_and_empty_cells() -> None:
    text = write_text("html", SPANNED, PLAIN)
    assert '<tr><td colspan="2">&lt;b&gt;wide</td><td rowspan="2">tall</td></tr>\n<tr><td>a</td><td>b</td></tr>' in text
    assert "<tr><td>=1+1</td><td></td></tr>" in text
    outline = Outline()
    outline.feed(text)
    assert outline.open == []


def test_csv_has_every_place_of_the_grid() -> None:
    assert rows(write_text("csv", SPANNED, PLAIN))[1:-1] == [
        ["1", "1", "<b>wide", "", "tall"],
        ["1", "1", "a", "b", ""],
        ["1", "2", "name", "a|b <i>"],
        ["1", "2", "'=1+1", ""],
        ["1", "2", "", "'- x y"],
    ]


def test_text_has_a_row_for_each_row() -> None:
    assert write_text("text", SPANNED).startswith("<b>wide  tall\na  b\n\f")
