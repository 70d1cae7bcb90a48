"""A white strip across columns ends them only where all tells of it; what was decided once stays so."""

import pytest

from pagemill.domain.page.page import Line, Polygon
from pagemill.domain.page.reading_order import blocks_in_reading_order

HEIGHT = 20
PITCH = 24
TEXT = "of words that go on from the line before to the next one"


def line(text: str, x: float, y: float, width: float, *, height: float = HEIGHT) -> Line:
    polygon: Polygon = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Line(text=text, polygon=polygon)


def column(name: str, x: float, y: float, count: int, *, width: float = 400) -> list[Line]:
    return [line(f"{name}{row} {TEXT}", x, y + PITCH * row, width) for row in range(count)]


def names(lines: list[Line]) -> list[str]:
    blocks = blocks_in_reading_order(list(reversed(lines)), width_px=1600, height_px=1600)
    return [entry.text.split()[0] for block in blocks for entry in block.lines]


def number_lines(*parts: tuple[str, int]) -> list[str]:
    return [f"{name}{at}" for name, count in parts for at in range(count)]


def paragraphs(names: str, x: float, y: float, count: int, *, apart: float) -> list[Line]:
    """One below the other, `apart` pixels of white between them."""
    high = PITCH * (count - 1) + HEIGHT + apart
    return [entry for at, name in enumerate(names) for entry in column(name, x, y + high * at, count)]


@pytest.mark.parametrize("apart", [4, 14, 30])
def test_white_between_paragraphs_that_happens_to_be_level_ends_no_columns(apart: float) -> None:
    left = [*paragraphs("abc", 100, 100, 6, apart=apart), *paragraphs("d", 100, 100 + 3 * (140 + apart), 8, apart=0)]
    right = [
        *paragraphs("e", 530, 100, 6, apart=apart),
        *paragraphs("fg", 530, 100 + 140 + apart, 8, apart=apart),
        *paragraphs("h", 530, 100 + 140 + 2 * 188 + 3 * apart, 5, apart=0),
    ]
    assert names([*left, *right]) == number_lines(
        ("a", 6), ("b", 6), ("c", 6), ("d", 8), ("e", 6), ("f", 8), ("g", 8), ("h", 5)
    )


@pytest.mark.parametrize("first", [2, 3, 4])
@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_bands_of_unlike_columns_are_read_one_after_the_other(first: int, second: int) -> None:
    if first == second:
        return
    page, expected = list[Line](), list[tuple[str, int]]()
    for top, count, letters in ((100, first, "abcd"), (420, second, "efgh"), (740, first, "ijkl")):
        wide = (1400 - 40 * (count - 1)) / count
        for at in range(count):
            page += column(letters[at], 100 + at * (wide + 40), top, 11, width=wide)
            expected.append((letters[at], 11))
    assert names(page) == number_lines(*expected)


def test_a_picture_at_the_head_of_a_column_leaves_the_other_one_whole() -> None:
    left = [line("c0 what the picture shows", 100, 420, 300), *column("a", 100, 470, 20)]
    right = [*column("b", 530, 100, 13), *column("d", 530, 100 + PITCH * 13 + 8, 20)]
    assert names([*left, *right]) == ["c0", *number_lines(("a", 20), ("b", 13), ("d", 20))]


def test_a_short_row_at_the_edge_of_a_column_is_of_that_column() -> None:
    left = column("a", 100, 100, 30)
    right = [*column("b", 515, 100, 14), line("short", 516, 100 + PITCH * 14, 45), *column("c", 514, 475, 14)]
    assert names([*left, *right]) == [*number_lines(("a", 30), ("b", 14)), "short", *number_lines(("c", 14))]


@pytest.mark.parametrize("top", [180, 300, 420])
def test_panels_with_heads_of_their_own_are_read_one_after_the_other(top: float) -> None:
    left = [line("One", 100, 100, 120, height=32), *column("a", 100, 144, 9)]
    left += [line("Two", 100, 430, 120, height=32), *column("b", 100, 474, 12)]
    right = [line("Three", 590, top, 120, height=32), *column("c", 590, top + 44, 9)]
    assert names([*left, *right]) == [
        "One",
        *number_lines(("a", 9)),
        "Two",
        *number_lines(("b", 12)),
        "Three",
        *number_lines(("c", 9)),
    ]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("apart", [30, 45, 60])
def test_panels_far_apart_stay_panels_though_their_heads_are_level(apart: float, count: int) -> None:
    page, expected = list[Line](), list[str]()
    wide = 1200 / count
    for at in range(count):
        x = 100 + at * (wide + 60)
        for part, top in (("x", 100), ("y", 100 + 36 + 5 * PITCH + apart)):
            page.append(line(f"head{at}{part} of it", x, top, 200, height=32))
            page += column(f"{'abc'[at]}{part}", x, top + 36, 5 + at, width=wide)
            expected += [f"head{at}{part}", *number_lines((f"{'abc'[at]}{part}", 5 + at))]
    assert names(page) == expected


def test_a_quotation_over_the_gutter_hides_no_columns() -> None:
    left = [*column("a", 100, 100, 12), *column("b", 100, 398, 5), *column("c", 100, 398 + 5 * PITCH, 6, width=200)]
    left += column("d", 100, 398 + 11 * PITCH, 12)
    right = [*column("e", 530, 100, 12), *column("f", 530, 398, 5), *column("g", 730, 398 + 5 * PITCH, 6, width=200)]
    right += column("h", 530, 398 + 11 * PITCH, 12)
    quotation = [line(f"q{row} quoted in large type", 330, 540 + 40 * row, 370, height=32) for row in range(2)]
    read = [name for name in names([*left, *right, *quotation]) if name[0] != "q"]
    assert read == number_lines(("a", 12), ("b", 5), ("c", 6), ("d", 12), ("e", 12), ("f", 5), ("g", 6), ("h", 12))


def test_authors_side_by_side_are_no_columns_that_go_on_past_the_abstract() -> None:
    authors = [line(f"A{at}{row} of it", 150 + 420 * at, 100 + PITCH * row, 180) for at in range(2) for row in range(3)]
    abstract = [line("Abstract", 420, 220, 90), *column("s", 180, 246, 4, width=660)]
    page = [*authors, *abstract, *column("a", 100, 390, 20), *column("b", 530, 390, 20)]
    assert names(page)[6:] == ["Abstract", *number_lines(("s", 4), ("a", 20), ("b", 20))]


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("spans", [2, 3])
@pytest.mark.parametrize("white", [16, 24, 40])
@pytest.mark.parametrize("has_deck", [False, True])
def test_a_headline_shorter_than_its_article_parts_it_from_the_article_above(
    count: int, spans: int, white: int, has_deck: bool
) -> None:
    lefts = [100 + at * 280 for at in range(count)]
    page = [entry for at, left in enumerate(lefts) for entry in column("abcde"[at], left, 100, 14, width=260)]
    top = 100 + 13 * PITCH + HEIGHT + white
    page.append(line("head of the lower article", 100, top, 280 * spans - 60, height=40))
    top += 48
    if has_deck:
        page.append(line("deck says in a line what it tells", 100, top, 280 * spans - 140))
        top += HEIGHT + 8
    page += [entry for at, left in enumerate(lefts) for entry in column("fghij"[at], left, top, 15, width=260)]
    upper, lower = ([(name, rows) for name in letters[:count]] for letters, rows in (("abcde", 14), ("fghij", 15)))
    middle = ["head", "deck"] if has_deck else ["head"]
    assert names(page) == [*number_lines(*upper), *middle, *number_lines(*lower)]


def test_a_head_within_a_column_ends_no_columns() -> None:
    left = [*column("a", 100, 100, 10), line("head of a part", 100, 352, 240, height=28), *column("b", 100, 390, 12)]
    right = [*column("c", 530, 100, 10), *column("d", 530, 390, 12)]
    assert names([*left, *right]) == [*number_lines(("a", 10)), "head", *number_lines(("b", 12), ("c", 10), ("d", 12))]
