"""ALTO is valid by its schema and hOCR by its specification, whatever stands on the pages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.data.block_pictures import PICTURE
from tests.fixtures.standards import alto_faults, hocr_faults, xhtml_faults

from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, Table, TableCell, Word
from pagemill.domain.task.results import ResultHeader

HEADERS = {
    "full": ResultHeader(
        task_id="01TASK",
        document='a "quoted"; name & <tag> \x07 笔记.pdf',
        pages_total=3,
        finished_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        pagemill_version="1.2.3",
    ),
    "running": ResultHeader(task_id="01TASK", document="\x00\n", pages_total=1),
}


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


BOX = rectangle(10, 20, 90.55, 40)
SIDEWAYS: Polygon = ((40, 10), (40, 90), (20, 90), (20, 10))
UPSIDE_DOWN: Polygon = ((90, 40), (10, 40), (10, 20), (90, 20))
ASKEW: Polygon = ((10, 20), (90, 26), (89, 46), (9, 40))


def line(text: str, polygon: Polygon = BOX, *, confidence: float | None = None) -> Line:
    """A line with a word for each run of characters."""
    words = tuple(Word(text=each, polygon=polygon, confidence=confidence) for each in text.split())
    return Line(text=text, polygon=polygon, words=words, confidence=confidence)


def block(*lines: Line, kind: BlockKind = BlockKind.TEXT, table: Table | None = None) -> Block:
    return Block(polygon=BOX, lines=lines, kind=kind, table=table)


def cell(row: int, column: int, *lines: int, rows: int = 1, columns: int = 1) -> TableCell:
    return TableCell(row=row, column=column, row_span=rows, column_span=columns, lines=lines)


SPANS = Table(rows=3, columns=3, cells=(cell(0, 0, 0, rows=2), cell(0, 1, 1, 2, columns=2), cell(1, 2), cell(2, 0, 3)))
HOLLOW = Table(rows=2, columns=2, cells=(cell(0, 0),))
GAP = Table(rows=3, columns=1, cells=(cell(2, 0, 0),))
CELLS = (line("in two rows"), line("one", confidence=1), line("two", confidence=0), line("合计"))

PAGES: dict[str, tuple[Block, ...]] = {
    "empty": (),
    "one figure": (block(kind=BlockKind.FIGURE),),
    "formulas": (
        block(kind=BlockKind.FORMULA).model_copy(update={"picture": PICTURE}),
        block(line("F = m a"), kind=BlockKind.FORMULA).model_copy(update={"picture": PICTURE}),
    ),
    "layout": tuple(block(line(f"a {kind}", confidence=0.5), kind=kind) for kind in BlockKind),
    "layout without lines": tuple(block(kind=kind) for kind in BlockKind),
    "turned": (block(line("a side", SIDEWAYS), line("on its head", UPSIDE_DOWN), line("not level", ASKEW)),),
    "Chinese": (block(line("合同编号 2026日期", confidence=0.987), line("été 한글 שלום 😀")),),
    "right to left": (block(line("שלום 25 Pagemill"), line("السلام", SIDEWAYS)),),
    "a table from right to left": (
        block(line("סכום"), line("42"), kind=BlockKind.TABLE, table=Table(rows=1, columns=2, cells=(cell(0, 0, 0),))),
    ),
    "tables": tuple(block(*CELLS, kind=BlockKind.TABLE, table=table) for table in (SPANS, HOLLOW, GAP)),
    "a table without lines": (block(kind=BlockKind.TABLE, table=HOLLOW),),
    "control characters": (block(line("bell\x07 \x00\x1b[0m \ufffe \ud83d"), line("\x0b")), block(line("\x1f"))),
    "markup": (block(line("<b> & \"quotes\" 'apostrophes' ]]> <!-- --> &amp;")),),
    "no words": (block(Line(text="as one", polygon=BOX)), block(Line(text="", polygon=BOX)), block(line(" \t "))),
    "odd places": (
        block(line("outside", rectangle(-20, -0.04, 1e7, 1e-7)), line("nothing", ((5, 5), (5, 5), (5, 5)))),
        block(line("many corners", ((0, 0), (5, -1), (10, 0), (9, 4), (1, 4)))),
    ),
}


def page(number: int, blocks: tuple[Block, ...]) -> Page:
    return Page(number=number, width_px=600, height_px=800, dpi=199.6, source=PageSource.OCR, blocks=blocks)


def write_file(name: str, header: ResultHeader, *pages: tuple[Block, ...]) -> bytes:
    """These pages, from page 2 on, after an unread one."""
    writer = ResultWriters()[name]
    unread = writer.mark_unread(1, TaskFailureReason.TIMEOUT, 'Too "slow" <1 s>\x00,\nand more.')
    parts = (writer.page(page(number, blocks)) for number, blocks in enumerate(pages, 2))
    return b"".join([writer.begin(header), unread, *parts, writer.end()])


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("kind", PAGES)
def test_alto_is_valid_by_its_schema(kind: str, header: str) -> None:
    assert alto_faults(write_file("alto", HEADERS[header], PAGES[kind])) == []


@pytest.mark.parametrize("header", HEADERS)
def test_alto_of_many_pages_is_valid_by_its_schema(header: str) -> None:
    assert alto_faults(write_file("alto", HEADERS[header], *PAGES.values())) == []


def test_hocr_is_valid_by_its_specification(tmp_path: Path) -> None:
    documents = [(header, pages) for header in HEADERS.values() for pages in [*map(_alone, PAGES), PAGES.values()]]
    paths = [tmp_path / f"{at}.hocr" for at in range(len(documents))]
    for path, (header, pages) in zip(paths, documents, strict=True):
        path.write_bytes(write_file("hocr", header, *pages))
    assert hocr_faults(*paths) == []


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("kind", PAGES)
def test_hocr_is_valid_xhtml(kind: str, header: str) -> None:
    assert xhtml_faults(write_file("hocr", HEADERS[header], PAGES[kind])) == []


def test_what_breaks_a_standard_is_seen(tmp_path: Path) -> None:
    alto, hocr = (write_file(name, HEADERS["full"], PAGES["layout"]) for name in ("alto", "hocr"))
    (tmp_path / "broken.hocr").write_bytes(hocr.replace(b"x_wconf 50", b"x_wconf 101"))
    assert alto_faults(alto.replace(b'WC="0.500"', b'WC="1.500"'))
    assert alto_faults(alto.replace(b'ID="word_2_2_1_1"', b'ID="word_2_1_1_1"'))
    assert hocr_faults(tmp_path / "broken.hocr")
    assert xhtml_faults(hocr.replace(b"</p>", b"<div></div></p>"))


def _alone(kind: str) -> list[tuple[Block, ...]]:
    return [PAGES[kind]]
