"""Columns are seen where they are, whatever stands elsewhere on the page."""

import math
import string

import pytest

from pagemill.domain.page.page import Line, Polygon, Word
from pagemill.domain.page.reading_order import blocks_in_reading_order

HEIGHT = 20
PITCH = 24
TEXT = "of words that go on from the line before to the next one"


def line(text: str, x: float, y: float, width: float, *, height: float = HEIGHT) -> Line:
    """A line whose words stand evenly, a third of its height apart."""
    names = text.split()
    room = (width - (len(names) - 1) * height / 3) / sum(map(len, names))
    words, left = [], x
    for name in names:
        words.append(Word(text=name, polygon=box(left, y, room * len(name), height)))
        left += room * len(name) + height / 3
    return Line(text=text, polygon=box(x, y, width, height), words=tuple(words))


def box(x: float, y: float, width: float, height: float) -> Polygon:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def column(name: str, x: float, y: float, count: int, *, width: float = 400) -> list[Line]:
    return [line(f"{name}{row} {TEXT}", x, y + PITCH * row, width) for row in range(count)]


def fuse(left: Line, right: Line) -> Line:
    """What a detector makes of two lines that stand close together."""
    (ax, ay), _, _, (dx, dy) = left.polygon
    _, (bx, by), (cx, cy), _ = right.polygon
    return Line(
        text=f"{left.text} {right.text}",
        polygon=((ax, ay), (bx, by), (cx, cy), (dx, dy)),
        words=(*left.words, *right.words),
    )


def turn(entry: Line, degrees: float, *, upright: bool) -> Line:
    def shape(polygon: Polygon) -> Polygon:
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        points = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in polygon]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)) if upright else tuple(points)

    words = tuple(word.model_copy(update={"polygon": shape(word.polygon)}) for word in entry.words)
    return entry.model_copy(update={"polygon": shape(entry.polygon), "words": words})


def names(lines: list[Line]) -> list[str]:
    """The first words of what comes out."""
    blocks = blocks_in_reading_order(list(reversed(lines)), width_px=1600, height_px=1200)
    return [entry.text.split()[0] for block in blocks for entry in block.lines]


def number_lines(name: str, count: int, first: int = 0) -> list[str]:
    return [f"{name}{at}" for at in range(first, first + count)]


LEFT, RIGHT = column("l", 100, 100, 30), column("r", 530, 107, 30)
COLUMNS = number_lines("l", 30) + number_lines("r", 30)


@pytest.mark.parametrize(
    ("more", "before", "after"),
    [
        ([line("17", 505, 900, 20)], [], ["17"]),
        ([line("journal", 100, 40, 120), line("paper", 830, 40, 100)], ["journal", "paper"], []),
        ([line("title of it", 100, 30, 700, height=45)], ["title"], []),
        ([line("figure shows nothing at all here", 300, 860, 500)], [], ["figure"]),
    ],
)
def test_what_crosses_the_gutter_elsewhere_changes_nothing(
    more: list[Line], before: list[str], after: list[str]
) -> None:
    assert names([*LEFT, *RIGHT, *more]) == [*before, *COLUMNS, *after]


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("degrees", [-3, -2, -1, 1, 2, 3])
def test_skew_changes_nothing(degrees: float, upright: bool) -> None:
    assert names([turn(entry, degrees, upright=upright) for entry in (*LEFT, *RIGHT)]) == COLUMNS


@pytest.mark.parametrize("every", [1, 2, 5])
def test_lines_that_run_over_both_columns_are_parted(every: int) -> None:
    right = column("r", 516, 100, 30)
    page: list[Line] = []
    for row, (one, other) in enumerate(zip(LEFT, right, strict=True)):
        page += [one, other] if row % every else [fuse(one, other)]
    assert names(page) == COLUMNS


def test_a_line_that_is_parted_loses_none_of_its_words() -> None:
    right = column("r", 516, 100, 30)
    page = [fuse(one, other) for one, other in zip(LEFT, right, strict=True)]
    blocks = blocks_in_reading_order(page, width_px=1600, height_px=1200)
    read = [word for block in blocks for entry in block.lines for word in entry.words]
    assert sorted(map(repr, read)) == sorted(repr(word) for entry in page for word in entry.words)
    assert all(" ".join(word.text for word in entry.words) == entry.text for block in blocks for entry in block.lines)


def test_columns_in_part_of_the_page_only() -> None:
    page = [
        *column("w", 100, 0, 8, width=830),
        *column("a", 100, 230, 8),
        *column("b", 530, 230, 8),
        *column("v", 100, 460, 8, width=830),
        *column("c", 100, 700, 8, width=260),
        *column("d", 385, 700, 8, width=260),
        *column("e", 670, 700, 8, width=260),
    ]
    assert names(page) == [entry for name in "wabvcde" for entry in number_lines(name, 8)]


def test_text_goes_on_beside_a_quotation_over_the_gutter() -> None:
    left = [*column("l", 100, 100, 10), *column("m", 100, 340, 6, width=250), *column("n", 100, 484, 10)]
    right = [*column("r", 530, 100, 10), *column("s", 680, 340, 6, width=250), *column("t", 530, 484, 10)]
    quotation = [line(f"q{row} quoted in large type", 380, 352 + 40 * row, 270, height=32) for row in range(3)]
    read = [name for name in names([*left, *right, *quotation]) if name[0] != "q"]
    assert read == [
        entry for name, count in (("l", 10), ("m", 6), ("n", 10), ("r", 10), ("s", 6), ("t", 10))
        for entry in number_lines(name, count)
    ]  # fmt: skip


def test_words_far_apart_in_a_justified_line_stay_in_their_column() -> None:
    pieces = [line("between", 100, 340, 90), line("wide", 260, 340, 60), line("spaces", 420, 340, 80)]
    left = [*column("l", 100, 100, 10), *pieces, *column("m", 100, 364, 10)]
    read = names([*left, *column("r", 530, 100, 21)])
    assert read == [*number_lines("l", 10), "between", "wide", "spaces", *number_lines("m", 10), *number_lines("r", 21)]


def test_a_form_is_read_row_by_row() -> None:
    labels = ["First name:", "Last name:", "Birthday:", "Nationality:", "Town:"]
    values = ["Alice", "Hollow", "12 May 1987", "British", "Leeds"]
    page = [
        entry
        for row, (label, value) in enumerate(zip(labels, values, strict=True))
        for entry in (
            line(label, 100, 100 + 50 * row, 12 * len(label)),
            line(value, 450, 100 + 50 * row, 12 * len(value)),
        )
    ]
    in_rows = [text.split()[0] for pair in zip(labels, values, strict=True) for text in pair]
    assert names(page) == in_rows


def test_bullets_are_no_column() -> None:
    page = [
        *(entry for row in range(6) for entry in (line("•", 100, 100 + PITCH * row, 8), item(row))),
    ]
    assert names(page) == [name for row in range(6) for name in ("•", f"item{row}")]


def item(row: int) -> Line:
    return line(f"item{row} {TEXT}", 130, 100 + PITCH * row, 500)


def test_a_table_on_its_side_is_read_row_by_row() -> None:
    page = [
        Line(text=f"{name}{row}", polygon=((x, y), (x, y + 60), (x - 20, y + 60), (x - 20, y)))
        for row, x in enumerate((800, 760, 720, 680))
        for name, y in (("a", 100), ("b", 400), ("c", 700))
    ]
    assert names(page) == [f"{name}{row}" for row in range(4) for name in "abc"]


def mirror(entry: Line) -> Line:
    """In Hebrew letters, on the other side of the page."""
    text = entry.text.translate({ord(letter): chr(0x05D0 + ord(letter) % 26) for letter in string.ascii_lowercase})
    polygon = tuple((1600 - entry.polygon[at][0], entry.polygon[at][1]) for at in (1, 0, 3, 2))
    return Line(text=text, polygon=polygon)


def test_scripts_from_right_to_left_are_read_in_a_mirror() -> None:
    heading = line("title over both of them", 100, 40, 830, height=40)
    table = [line(f"{name}{row}", x, 900 + 40 * row, 60) for row in range(4) for name, x in (("a", 100), ("b", 700))]
    page = [heading, *LEFT, *RIGHT, *table]
    there = [mirror(entry) for entry in page]
    assert names(there) == [mirror(line(name, 0, 0, 10)).text for name in names(page)]
    assert names(page)[:61] == ["title", *COLUMNS]


def test_a_page_has_the_same_order_at_any_size_and_place() -> None:
    page = [*LEFT, *RIGHT, line("17", 505, 900, 20)]

    def move(entry: Line) -> Line:
        return entry.model_copy(update={"polygon": shift(entry.polygon), "words": tuple(map(word, entry.words))})

    def word(entry: Word) -> Word:
        return entry.model_copy(update={"polygon": shift(entry.polygon)})

    assert names(list(map(move, page))) == names(page)


def shift(polygon: Polygon) -> Polygon:
    return tuple((2 * x + 512, 2 * y + 64) for x, y in polygon)


def test_columns_go_on_past_a_caption_over_all_of_them() -> None:
    caption = [line("c0 what the picture over both columns shows", 100, 620, 830)]
    left, below_left = column("a", 100, 100, 10), column("d", 100, 700, 10)
    right, below_right = column("b", 530, 100, 10), column("e", 530, 700, 10)
    ended = below_left[-1].model_copy(update={"text": "d9 where a sentence ends."})
    begun = right[0].model_copy(update={"text": "B0 begins another"})
    read = names([*left, begun, *right[1:], *caption, *below_left[:-1], ended, *below_right])
    assert [name for name in read if name != "c0"] == [
        *number_lines("a", 10), *number_lines("d", 10), "B0", *number_lines("b", 9, 1), *number_lines("e", 10)
    ]  # fmt: skip
