"""What a second look at single inks adds to a page, and what it replaces."""

import pytest

from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, Table, TableCell
from pagemill.domain.page.second_reading import SecondReading


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(
    text: str, top: float, *, confidence: float | None = 0.9, left: float = 100, bottom: float | None = None
) -> Line:
    outline = box(left, top, left + 10 * len(text), bottom or top + 20)
    return Line(text=text, polygon=outline, confidence=confidence)


def page(*lines: Line, kind: BlockKind = BlockKind.TEXT, table: Table | None = None) -> Page:
    blocks = (Block(polygon=box(0, 0, 900, 900), lines=lines, kind=kind, table=table),) if lines else ()
    return Page(number=1, width_px=900, height_px=900, dpi=None, source=PageSource.OCR, blocks=blocks)


def texts(page: Page) -> list[str]:
    return [line.text for line in page.lines]


FIRST = (line("Invoice 2026", 100), line("Total 148.50", 200))


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (line("Customer", 150), ["Invoice 2026", "Customer", "Total 148.50"]),
        (line("Invoice 2025", 100, confidence=0.95), ["Invoice 2025", "Total 148.50"]),
        (line("Invoice 2025", 100, confidence=0.85), ["Invoice 2026", "Total 148.50"]),
        (line("Invoice 2025", 100, confidence=None), ["Invoice 2026", "Total 148.50"]),
        (line("Invoice 2026-0417 paid", 100, confidence=0.85), ["Invoice 2026-0417 paid", "Total 148.50"]),
        (line("Inv", 100, confidence=0.99), ["Invoice 2026", "Total 148.50"]),
        (line("M", 150, confidence=0.99), ["Invoice 2026", "Total 148.50"]),
        (line("~ -", 150, confidence=0.99), ["Invoice 2026", "Total 148.50"]),
    ],
)
def test_a_line_without_the_colour_replaces_a_worse_one_and_fills_a_gap(second: Line, expected: list[str]) -> None:
    reading = SecondReading(page(*FIRST))
    reading.add_black([second])
    assert texts(reading.merge()) == expected


def test_the_box_of_a_slanted_line_does_not_hold_its_neighbours_back() -> None:
    slanted = line("Delivery of 25RAID MAY", 135, confidence=0.8, bottom=235)
    reading = SecondReading(page(line("Custome", 120, confidence=0.984), slanted))
    reading.add_black(
        [line("Customer", 120, confidence=0.993), line("Delivery of 25 kg rye flour", 175, confidence=0.99)]
    )
    assert texts(reading.merge()) == ["Customer", "Delivery of 25 kg rye flour"]


@pytest.mark.parametrize(
    ("text", "confidence", "is_added"),
    [("PAID 12 MAY", 0.95, True), ("PAID 12 MAY", 0.7, False), ("Invoice", 0.99, False), ("I", 0.99, False)],
)
def test_a_stamp_comes_beside_what_it_covers_and_what_is_known_does_not(
    text: str, confidence: float, *, is_added: bool
) -> None:
    reading = SecondReading(page(*FIRST))
    reading.add_colour([line(text, 95, confidence=confidence)])
    assert texts(reading.merge()) == [*texts(page(*FIRST)), *([text] if is_added else [])]


@pytest.mark.parametrize("kind", [kind for kind in BlockKind if kind not in (BlockKind.TEXT, BlockKind.TITLE)])
def test_blocks_that_an_engine_found_are_kept(kind: BlockKind) -> None:
    reading = SecondReading(page(*FIRST, kind=kind))
    reading.add_black([line("Customer", 150), line("Invoice 2025", 100, confidence=0.95)])
    merged = reading.merge()
    assert [block.kind for block in merged.blocks] == [kind, BlockKind.TEXT, BlockKind.TEXT]
    assert sorted(texts(merged)) == ["Customer", "Invoice 2025", "Total 148.50"]


def test_a_table_keeps_the_lines_that_its_cells_count() -> None:
    cells = (TableCell(row=0, column=0, lines=(0,)), TableCell(row=1, column=0, lines=(1,)))
    table = Table(rows=2, columns=1, cells=cells)
    reading = SecondReading(page(*FIRST, kind=BlockKind.TABLE, table=table))
    reading.add_black([line("Invoice 2025", 100, confidence=0.95)])
    assert texts(reading.merge())[:2] == ["Invoice 2026", "Total 148.50"]


def test_where_nothing_is_added_the_page_is_the_same() -> None:
    first = page(*FIRST)
    assert SecondReading(first).merge() is first
