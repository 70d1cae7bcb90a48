"""What each format means to those who read it."""

import json

from tests.data.block_pictures import PICTURE

from pagemill.documents.writers import ResultWriters
from pagemill.documents.writers.markdown import escape
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource
from pagemill.domain.task.results import ResultHeader

HEADER = ResultHeader(task_id="01TASK", document="scan_1.pdf", pages_total=2)


def block(kind: BlockKind, *rows: tuple[str, ...]) -> Block:
    """A block of rows of cells."""
    lines = tuple(
        Line(text=cell, polygon=((200 * x, 20 * y), (200 * x + 100, 20 * y), (200 * x + 100, 20 * y + 12)))
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
    )
    polygon = lines[0].polygon if lines else ((0, 0), (100, 0), (100, 12))
    return Block(polygon=polygon, lines=lines, kind=kind)


def page(number: int, *blocks: Block) -> Page:
    return Page(number=number, width_px=600, height_px=800, dpi=200, source=PageSource.OCR, blocks=blocks)


def write_text(name: str, *pages: Page, unread: int | None = None) -> str:
    writer = ResultWriters()[name]
    parts = [writer.begin(HEADER), *map(writer.page, pages)]
    if unread is not None:
        parts.append(writer.mark_unread(unread, TaskFailureReason.TIMEOUT, "Too slow."))
    return b"".join([*parts, writer.end()]).decode()


PARAGRAPH = block(BlockKind.TEXT, ("first line",), ("second line",))
RECEIPT = block(BlockKind.TEXT, ("tea", "2.50"), ("coffee", "3.10"))


def test_json_is_one_object_with_the_pages_as_they_are_stored() -> None:
    result = json.loads(write_text("json", page(1, PARAGRAPH), unread=2))
    assert result["schema"] == "pagemill/result/1"
    assert result["document"]["name"] == "scan_1.pdf"
    read, unread = result["pages"]
    assert unread == {"status": "unread", "number": 2, "reason": "timeout", "message": "Too slow."}
    assert read.pop("status") == "read"
    assert Page.model_validate_json(json.dumps(read)) == page(1, PARAGRAPH)


def test_json_without_pages_is_still_json() -> None:
    assert json.loads(write_text("json"))["pages"] == []


def test_text_parts_pages_by_form_feeds_and_keeps_rows() -> None:
    text = write_text("text", page(1, PARAGRAPH, RECEIPT), page(2), unread=3)
    assert text.split("\f") == [
        "first line\nsecond line\n\ntea  2.50\ncoffee  3.10\n",
        "",
        "[Page 3 was not read: Too slow. (timeout)]\n",
        "",
    ]


def test_a_form_feed_in_the_text_parts_no_page() -> None:
    assert write_text("text", page(1, block(BlockKind.TEXT, ("a\fb\r\nc",)))) == "a b c\n\f"


def test_markdown_has_headings_lists_and_page_marks() -> None:
    text = write_text(
        "markdown",
        page(
            1,
            block(BlockKind.TITLE, ("Annual",), ("report",)),
            PARAGRAPH,
            RECEIPT,
            block(BlockKind.LIST, ("• one",), ("goes on",)),
            block(BlockKind.LIST, ("12. twelve",)),
            block(BlockKind.LIST, ("(a) letter",)),
            block(BlockKind.FORMULA, ("read",)),
            block(BlockKind.FORMULA, ("F = m a",)).model_copy(update={"picture": PICTURE}),
            block(BlockKind.FORMULA).model_copy(update={"picture": PICTURE}),
        ),
        unread=2,
    )
    assert text.split("\n\n") == [
        "# scan\\_1.pdf",
        "<!-- page 1 -->",
        "## Annual report",
        "first line\nsecond line",
        "tea  2.50\\\ncoffee  3.10",
        "- one\n  goes on",
        "12. twelve",
        "(a) letter",
        "read",
        "<!-- formula: not read -->",
        "F = m a",
        "<!-- formula: not read -->",
        "<!-- page 2 -->",
        "> **Page 2 was not read:** Too slow. (timeout)\n",
    ]


def test_markdown_escapes_what_would_mean_something() -> None:
    cases = {
        "# one": r"\# one",
        "#hash": "#hash",
        "1. item": r"1\. item",
        "1.5 litres": "1.5 litres",
        "12) item": r"12\) item",
        "- dash": r"\- dash",
        "---": r"\---",
        "-5 degrees": r"\-5 degrees",
        "+ plus": r"\+ plus",
        "===": r"\===",
        "> quote": r"\> quote",
        "a_b*c": r"a\_b\*c",
        "<b>&amp;": r"\<b\>\&amp;",
        "[x](y)": r"\[x\](y)",
        "C:\\dir": r"C:\\dir",
        "`code` ~x~ | $": r"\`code\` \~x\~ \| \$",
        "plain - text + more # here 1. no": "plain - text + more # here 1. no",
    }
    assert {text: escape(text) for text in cases} == cases
