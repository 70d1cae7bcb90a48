"""HTML and CSV: structure for people and spreadsheets, and nothing in a document can run."""

import csv
import io
from html.parser import HTMLParser

from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page import Block, BlockKind, Line, Page, PageSource
from pagemill.domain.results import ResultHeader

HEADER = ResultHeader(task_id="01TASK", document="<script>alert(1)</script>.pdf", pages_total=2)


def block(kind: BlockKind, *rows: tuple[str, ...]) -> Block:
    """A block of rows of cells."""
    lines = tuple(
        Line(text=cell, polygon=((200 * x, 20 * y), (200 * x + 100, 20 * y), (200 * x + 100, 20 * y + 12)))
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
    )
    return Block(polygon=lines[0].polygon, lines=lines, kind=kind)


def written(name: str, *blocks: Block) -> str:
    """Page 1 of these blocks, and an unread page 2."""
    page = Page(number=1, width_px=600, height_px=800, dpi=200, source=PageSource.OCR, blocks=blocks)
    writer = ResultWriters()[name]
    unread = writer.unread(2, TaskFailureReason.TIMEOUT, "Too <slow>.")
    return b"".join([writer.begin(HEADER), writer.page(page), unread, writer.end()]).decode("utf-8-sig")


class Outline(HTMLParser):
    """Collects tags, and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_has_structure_and_nothing_that_runs_or_is_loaded() -> None:
    text = written(
        "html",
        block(BlockKind.TITLE, ("Annual",), ("<img src=x onerror=alert(1)>",)),
        block(BlockKind.LIST, ("3. third",), ("goes on",)),
        block(BlockKind.LIST, ("• one",)),
        block(BlockKind.TABLE, ("tea", "2.50"), ("coffee", "3.10")),
        *(block(kind, ("javascript:alert(1)",)) for kind in BlockKind),
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
    }
    assert outline.attributes == {"charset", "id", "aria-label", "value"}
    assert "<h2>Annual &lt;img src=x onerror=alert(1)&gt;</h2>" in text
    assert '<ol><li value="3">third\ngoes on</li></ol>' in text
    assert "<ul><li>one</li></ul>" in text
    assert "<tr><td>coffee</td><td>3.10</td></tr>" in text
    assert '<section id="page-2" aria-label="Page 2">' in text
    assert "Too <slow>. (TIMEOUT)" in "".join(outline.texts)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_holds_the_tables_of_a_page() -> None:
    text = written(
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
        ["2", "", "could not be read: Too <slow>. (TIMEOUT)"],
    ]


def test_csv_holds_the_rows_of_a_page_without_tables() -> None:
    text = written("csv", block(BlockKind.TITLE, ("receipt",)), block(BlockKind.TEXT, ("tea", "2.50"), ("sum", "2.50")))
    assert rows(text)[1:4] == [["1", "0", "receipt"], ["1", "0", "tea", "2.50"], ["1", "0", "sum", "2.50"]]


def test_csv_cells_are_no_formulas() -> None:
    cells = ("=1+1", "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "+49 30 1234", "-12.50", "+3 %", "--")
    text = written("csv", *(block(BlockKind.TEXT, (cell,)) for cell in cells))
    found = [row[2] for row in rows(text)[1:-1]]
    assert found == ["'=1+1", "'@SUM(A1)", "'-2+3+cmd|' /C calc'!A0", "+49 30 1234", "-12.50", "+3 %", "'--"]
