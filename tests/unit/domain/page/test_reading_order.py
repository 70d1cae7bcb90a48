"""Pages drawn as lists of lines; what matters is the order in which they come out."""

import math

import pytest

from pagemill.domain.page.page import Block, BlockKind, Line
from pagemill.domain.page.reading_order import blocks_in_reading_order, rows_of_lines

HEIGHT = 20
PITCH = 30


def line(text: str, x: float, y: float, width: float, *, height: float = HEIGHT) -> Line:
    return Line(text=text, polygon=((x, y), (x + width, y), (x + width, y + height), (x, y + height)))


def column(name: str, *, x: float, y: float, count: int, width: float) -> list[Line]:
    """Running text: filled lines, the last one short."""
    lines = [line(f"{name}{index} words and words", x, y + index * PITCH, width) for index in range(count - 1)]
    return [*lines, line(f"{name}{count - 1} end", x, y + (count - 1) * PITCH, width / 2)]


def names(lines: list[Line]) -> list[str]:
    blocks = blocks_in_reading_order(list(reversed(lines)), width_px=1600, height_px=1200)
    return [line.text.split()[0] for block in blocks for line in block.lines]


def number_lines(name: str, count: int) -> list[str]:
    return [f"{name}{index}" for index in range(count)]


def skew(lines: list[Line], degrees: float) -> list[Line]:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return [
        entry.model_copy(
            update={"polygon": tuple((x * cosine - y * sine, x * sine + y * cosine) for x, y in entry.polygon)}
        )
        for entry in lines
    ]


@pytest.mark.parametrize("offset", [0, 7, 15])
@pytest.mark.parametrize("gutter", [15, 30, 120])
def test_columns_of_running_text_are_read_one_after_the_other(offset: int, gutter: int) -> None:
    left = column("l", x=100, y=100, count=20, width=400)
    right = column("r", x=500 + gutter, y=100 + offset, count=18, width=400)
    assert names([*left, *right]) == number_lines("l", 20) + number_lines("r", 18)


@pytest.mark.parametrize("degrees", [-3, -1, 1, 3])
def test_a_small_skew_changes_nothing(degrees: float) -> None:
    page = [
        line("title across the page", 100, 50, 850),
        *column("l", x=100, y=100, count=20, width=400),
        *column("r", x=550, y=107, count=20, width=400),
    ]
    assert names(skew(page, degrees)) == names(page) == ["title", *number_lines("l", 20), *number_lines("r", 20)]


def test_a_heading_across_parts_what_is_above_from_what_is_below() -> None:
    page = [
        line("title over both", 100, 40, 830),
        *column("a", x=100, y=100, count=6, width=400),
        *column("b", x=540, y=100, count=6, width=400),
        line("heading over both", 100, 300, 830),
        *column("c", x=100, y=350, count=6, width=400),
        *column("d", x=540, y=350, count=6, width=400),
    ]
    columns = [number_lines(name, 6) for name in "abcd"]
    assert names(page) == ["title", *columns[0], *columns[1], "heading", *columns[2], *columns[3]]


def test_three_columns() -> None:
    page = [entry for index, name in enumerate("abc") for entry in column(name, x=440 * index, y=0, count=9, width=400)]
    assert names(page) == number_lines("a", 9) + number_lines("b", 9) + number_lines("c", 9)


def test_a_heading_over_two_of_three_columns_belongs_to_these() -> None:
    page = [
        *column("a", x=0, y=0, count=12, width=400),
        line("heading over two", 440, 0, 840),
        *column("b", x=440, y=60, count=10, width=400),
        *column("c", x=880, y=60, count=10, width=400),
    ]
    assert names(page) == [*number_lines("a", 12), "heading", *number_lines("b", 10), *number_lines("c", 10)]


def test_full_width_text_above_columns() -> None:
    page = [
        *column("w", x=0, y=0, count=8, width=840),
        *column("l", x=0, y=300, count=8, width=400),
        *column("r", x=440, y=300, count=8, width=400),
    ]
    assert names(page) == number_lines("w", 8) + number_lines("l", 8) + number_lines("r", 8)


def test_sections_with_different_columns_are_read_one_after_the_other() -> None:
    page = [
        *column("a", x=0, y=0, count=10, width=620),
        *column("b", x=660, y=0, count=10, width=620),
        *column("c", x=0, y=400, count=10, width=400),
        *column("d", x=440, y=400, count=10, width=400),
        *column("e", x=880, y=400, count=10, width=400),
    ]
    assert names(page) == [entry for name in "abcde" for entry in number_lines(name, 10)]


def receipt(drift: float = 0) -> list[Line]:
    """Labels at the left, prices at the right, each price `drift` lower than its label."""
    labels = ["tea", "coffee with milk", "sandwich and a long description", "cake", "soup of the day", "total"]
    prices = ["2.50", "3.10", "11.00", "4.20", "RM 6.00", "$26.80"]
    rows = enumerate(zip(labels, prices, strict=True))
    return [
        entry
        for index, (label, price) in rows
        for entry in (
            line(label, 50, index * PITCH, 12 * len(label)),
            line(price, 600, index * PITCH + drift, 12 * len(price)),
        )
    ]


@pytest.mark.parametrize("drift", [0, 4, 8])
def test_a_receipt_is_read_row_by_row(drift: float) -> None:
    prices = ["2.50", "3.10", "11.00", "4.20", "RM", "$26.80"]
    labels = ["tea", "coffee", "sandwich", "cake", "soup", "total"]
    in_rows = [word for pair in zip(labels, prices, strict=True) for word in pair]
    assert names(receipt(drift)) == in_rows
    assert names(skew(receipt(drift), 2)) == in_rows


def test_a_table_of_words_is_read_row_by_row() -> None:
    cells = [("apple", "red", "sour"), ("pear", "green", "sweet"), ("plum", "blue", "ripe"), ("fig", "brown", "dry")]
    page = [
        line(cell, 300 * column, row * PITCH, 70)
        for row, texts in enumerate(cells)
        for column, cell in enumerate(texts)
    ]
    assert names(page) == [cell for texts in cells for cell in texts]


def test_an_index_of_short_entries_is_read_column_by_column() -> None:
    page = [
        line(f"{name}{row} entry", 140 * at, row * PITCH, 90 + 10 * (row % 3))
        for at, name in enumerate("xyz")
        for row in range(15)
    ]
    assert names(page) == number_lines("x", 15) + number_lines("y", 15) + number_lines("z", 15)


def test_lines_that_run_up_the_page_come_last() -> None:
    note = Line(text="margin note", polygon=((10, 500), (10, 100), (30, 100), (30, 500)))
    text = column("t", x=100, y=100, count=10, width=600)
    assert names([note, *text]) == [*number_lines("t", 10), "margin"]


def test_vertical_writing_is_read_from_the_right() -> None:
    page = [
        Line(text=f"{index} 春夏秋冬", polygon=((x, 0), (x + 20, 0), (x + 20, 300), (x, 300)))
        for index, x in enumerate((400, 360, 320, 280))
    ]
    assert names(page) == ["0", "1", "2", "3"]


def blocks(lines: list[Line]) -> tuple[Block, ...]:
    return blocks_in_reading_order(lines, width_px=1600, height_px=1200)


def test_a_gap_or_an_indented_line_begins_a_paragraph() -> None:
    page = [
        *column("a", x=0, y=0, count=4, width=600),
        *column("b", x=0, y=4 * PITCH + 25, count=4, width=600),
        line("c0 indented first line", 40, 8 * PITCH + 25, 560),
        *(line(f"c{index} filled", 0, (8 + index) * PITCH + 25, 600) for index in (1, 2)),
    ]
    assert [block.text.split()[0] for block in blocks(page)] == ["a0", "b0", "c0"]


def test_where_gaps_are_as_frequent_as_lines_they_part_paragraphs_all_the_same() -> None:
    gap = 1.5 * PITCH
    tops = [0, gap, 2 * gap, 2 * gap + PITCH, 3 * gap + PITCH, 3 * gap + 2 * PITCH, 4 * gap + 2 * PITCH]
    page = [line(f"l{index} of a letter", 0, top, 600) for index, top in enumerate(tops)]
    assert [len(block.lines) for block in blocks(page)] == [1, 1, 2, 2, 1]


def test_narrow_lines_elsewhere_on_the_page_do_not_part_wider_ones() -> None:
    wide = [line(f"w{index} of the text", 0, 1.5 * PITCH * index, 600) for index in range(6)]
    narrow = [line(f"n{index} of a footnote", 0, 300 + PITCH * index, 600) for index in range(4)]
    assert [len(block.lines) for block in blocks([*wide, *narrow])] == [6, 4]


def test_large_lines_are_a_title_and_marked_ones_list_items() -> None:
    page = [
        line("Report", 0, 0, 300, height=45),
        *column("a", x=0, y=100, count=5, width=600),
        line("• first item that runs on", 0, 300, 600),
        line("and ends here", 30, 300 + PITCH, 200),
        line("2. second item", 0, 300 + 2 * PITCH, 300),
    ]
    assert [(block.kind, len(block.lines)) for block in blocks(page)] == [
        (BlockKind.TITLE, 1),
        (BlockKind.TEXT, 5),
        (BlockKind.LIST, 2),
        (BlockKind.LIST, 1),
    ]


def test_rows_join_what_stands_side_by_side() -> None:
    page = [line("a", 0, 0, 50), line("b", 100, 3, 50), line("c", 0, PITCH, 50)]
    rows = rows_of_lines(page, width_px=200, height_px=100)
    assert [[entry.text for entry in row] for row in rows] == [["a", "b"], ["c"]]


def test_no_lines_make_no_blocks() -> None:
    assert blocks([]) == ()
