"""HTML for reading: headings, paragraphs, lists and tables, without scripts, styles or links."""

import re
from collections.abc import Iterable
from typing import assert_never

from pagemill.documents.writers.html_table import html_table
from pagemill.documents.writers.markup import direction_attribute, language_attribute, xml_text
from pagemill.documents.writers.rows import block_cells, list_item, one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.page import Block, BlockKind, Page
from pagemill.domain.task.results import ResultHeader
from pagemill.domain.work.languages import common_language

_TAG = re.compile(r"^<\w+")


class HtmlWriter:
    """HTML 5; each page is a `section` with the id `page-N`. Nothing in it loads or runs, whatever the text says.

    Pictures of formulas are in the file.
    """

    name = "html"
    media_type = "text/html; charset=utf-8"
    extension = ".html"
    leaves_out_furniture = False

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. Head, and the document's name as its heading."""
        title = xml_text(one_line(header.document))
        return (
            f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>\n'
            f"<body>\n<h1{direction_attribute([header.document])}>{title}</h1>\n"
        ).encode()

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. A section."""
        written = (_write_in_language(block, page) for block in page.blocks if block.lines or block.picture)
        return _section(page.number, "".join(written))

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. A section with the note."""
        note = xml_text(f"Page {page_number} was not read: {one_line(message)} ({reason})")
        return _section(page_number, f"<p><strong>{note}</strong></p>\n")

    def end(self) -> bytes:
        """See `ResultWriter.end`. The closing of body and document."""
        return b"</body>\n</html>\n"


def _section(number: int, content: str) -> bytes:
    return f'<section id="page-{number}" aria-label="Page {number}">\n{content}</section>\n'.encode()


def _write_in_language(block: Block, page: Page) -> str:
    """The block; its outer element says its language, if all of it is in one that is known."""
    attribute = language_attribute(common_language(block.lines))
    return _TAG.sub(lambda tag: f"{tag[0]}{attribute}", _write_block(block, page), count=1)


def _write_block(block: Block, page: Page) -> str:
    rows = block_cells(block, page)
    match block.kind:
        case BlockKind.TITLE:
            return _element("h2", " ".join(_join_rows(rows)))
        case BlockKind.LIST:
            return _item(list(_join_rows(rows)))
        case BlockKind.TABLE:
            return html_table(block.table) if block.table is not None else _table(rows)
        case BlockKind.HEADER:
            return f"<header>{_paragraph(rows)}</header>\n"
        case BlockKind.FOOTER | BlockKind.PAGE_NUMBER:
            return f"<footer>{_paragraph(rows)}</footer>\n"
        case BlockKind.CAPTION:
            return f"<figure>{_element('figcaption', ' '.join(_join_rows(rows)))}</figure>\n"
        case BlockKind.FIGURE | BlockKind.FORMULA:
            return f"<figure>{_picture(block)}{_paragraph(rows) if rows else ''}</figure>\n"
        case BlockKind.TEXT:
            return _table(rows) if any(len(row) > 1 for row in rows) else _paragraph(rows)
        case _:
            assert_never(block.kind)


def _picture(block: Block) -> str:
    """The picture, within the file."""
    if block.picture is None:
        return ""
    shown = block.picture
    size = f'width="{shown.width_px}" height="{shown.height_px}"'
    return f'<img src="{xml_text(shown.url)}" alt="A {block.kind} that was not read" {size}>\n'


def _join_rows(rows: Iterable[list[str]]) -> Iterable[str]:
    return (" ".join(row) for row in rows)


def _element(name: str, text: str) -> str:
    return f"<{name}{direction_attribute([text])}>{xml_text(text)}</{name}>\n"


def _paragraph(rows: list[list[str]]) -> str:
    return _element("p", "\n".join(_join_rows(rows)))


def _item(rows: list[str]) -> str:
    """A list of one item, because the end of a list is unknown until the page ends."""
    item = list_item(rows[0])
    text = xml_text("\n".join((item.text, *rows[1:])))
    direction = direction_attribute(rows)
    if item.number is not None:
        return f'<ol{direction}><li value="{item.number}">{text}</li></ol>\n'
    return f"<ul{direction}><li>{text}</li></ul>\n" if item.is_bullet else f"<p{direction}>{text}</p>\n"


def _table(rows: list[list[str]]) -> str:
    is_within = runs_from_right(cell for row in rows for cell in row)
    written = ("".join(_cell(cell, is_within=is_within) for cell in row) for row in rows)
    direction = ' dir="rtl"' if is_within else ""
    return f"<table{direction}>\n" + "".join(f"<tr>{row}</tr>\n" for row in written) + "</table>\n"


def _cell(text: str, *, is_within: bool) -> str:
    return f"<td{direction_attribute([text], is_within=is_within)}>{xml_text(text)}</td>"
