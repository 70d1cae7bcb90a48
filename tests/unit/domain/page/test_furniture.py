"""Headers, footers and page numbers of made documents."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from random import Random

import pytest

from pagemill.domain.page.furniture import FURNITURE, SPAN, FurnitureFinder, with_furniture, without_furniture
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Table, TableCell
from pagemill.domain.page.reading_order import blocks_in_reading_order

WIDTH, HEIGHT, SIZE = 1000, 1400, 20
BODY = (
    "the harbour was full of boats on that morning and",
    "nobody could say where they all had come from so",
    "early in the year when storms were still to be",
    "expected from the west and the pilots stayed in",
    "their houses by the fire with the windows closed",
)
Made = list[Line]


def line(text: str, x: float, y: float, *, size: float = SIZE) -> Line:
    right = x + 0.5 * size * len(text)
    return Line(text=text, polygon=((x, y), (right, y), (right, y + size), (x, y + size)))


def body(number: int, *, top: float = 200, pitch: float = 1.4) -> Made:
    """Text that differs from page to page."""
    chance = Random(number)  # noqa: S311 - test pages, not secrets
    words = " ".join(BODY).split()
    rows = [" ".join(chance.choices(words, k=9)) for _ in range(30)]
    return [line(text, 100, top + pitch * SIZE * at) for at, text in enumerate(rows)]


def page(number: int, lines: Sequence[Line]) -> Page:
    return Page(
        number=number,
        width_px=WIDTH,
        height_px=HEIGHT,
        dpi=150,
        source=PageSource.OCR,
        blocks=blocks_in_reading_order(lines, width_px=WIDTH, height_px=HEIGHT),
    )


def book(pages: int, furniture: Callable[[int], Made], **given: float) -> list[Page]:
    return [page(number, [*body(number, **given), *furniture(number)]) for number in range(1, pages + 1)]


def find_furniture_of(pages: Sequence[Page]) -> list[set[tuple[BlockKind, str]]]:
    """What each page has of furniture."""
    return [
        {(block.kind, line.text) for block in one.blocks if block.kind in FURNITURE for line in block.lines}
        for one in with_furniture(pages)
    ]


def same_on(pages: int, *furniture: tuple[BlockKind, str]) -> list[set[tuple[BlockKind, str]]]:
    return [set(furniture)] * pages


def running_head(_number: int) -> Made:
    return [line("The Harbour in Winter", 400, 60)]


def page_number(number: int) -> Made:
    return [line(str(number + 10), 490, 1330)]


@pytest.mark.parametrize("pages", [3, 4, 2 * SPAN + 2, 25])
def test_what_repeats_and_stands_apart_is_a_header(pages: int) -> None:
    assert find_furniture_of(book(pages, running_head)) == same_on(pages, (BlockKind.HEADER, "The Harbour in Winter"))


@pytest.mark.parametrize("pages", [2, 3, 25])
def test_numbers_that_go_on_from_page_to_page_are_page_numbers(pages: int) -> None:
    assert find_furniture_of(book(pages, page_number)) == [
        {(BlockKind.PAGE_NUMBER, str(number + 11))} for number in range(pages)
    ]


FORMS = {
    "plain": "{n}",
    "dashes": "- {n} -",
    "word": "Page {n}",
    "of": "Page {n} of 90",
    "slash": "{n}/90",
    "German": "Seite {n} von 90",
    "Chinese": "第 {n} 页",
    "Japanese": "{n}ページ",
}


@pytest.mark.parametrize(("form", "y"), list(product(FORMS.values(), (50, 1330))))
def test_page_numbers_have_many_forms(form: str, y: float) -> None:
    pages = book(4, lambda n: [line(form.format(n=n), 490, y)])
    assert find_furniture_of(pages) == [{(BlockKind.PAGE_NUMBER, form.format(n=n))} for n in range(1, 5)]


def test_roman_numbers_are_numbers() -> None:
    roman = ["iii", "iv", "v", "vi"]
    pages = book(4, lambda n: [line(roman[n - 1], 490, 1330)])
    assert find_furniture_of(pages) == [{(BlockKind.PAGE_NUMBER, number)} for number in roman]


def test_left_and_right_pages_differ() -> None:
    def furniture(number: int) -> Made:
        if number % 2:
            return [line("Chapter 3: Storms", 300, 60), line(str(number), 880, 60)]
        return [line(str(number), 100, 60), line("A. Writer", 600, 60)]

    assert find_furniture_of(book(6, furniture)) == [
        {(BlockKind.HEADER, "Chapter 3: Storms" if n % 2 else "A. Writer"), (BlockKind.PAGE_NUMBER, str(n))}
        for n in range(1, 7)
    ]


def test_a_misread_header_is_still_one() -> None:
    said = ["The Harbour in Winter", "The Harb0ur in Winter", "Tbe Harbour in Wlnter", "The Harbour in Winter"]
    assert find_furniture_of(book(4, lambda n: [line(said[n - 1], 400, 60 + 10 * (n % 2))])) == [
        {(BlockKind.HEADER, text)} for text in said
    ]


def test_header_and_footer_of_several_rows() -> None:
    def furniture(number: int) -> Made:
        head = [line("Annual report 2026", 100, 50), line("Harbour Board", 100, 76)]
        return [*head, line("Confidential", 100, 1300), line(str(number), 490, 1330)]

    assert find_furniture_of(book(3, furniture)) == [
        {
            (BlockKind.HEADER, "Annual report 2026"),
            (BlockKind.HEADER, "Harbour Board"),
            (BlockKind.FOOTER, "Confidential"),
            (BlockKind.PAGE_NUMBER, str(n)),
        }
        for n in range(1, 4)
    ]


def nothing(_number: int) -> Made:
    return []


def table_head(_number: int) -> Made:
    return [line("Date", 100, 172), line("Description", 300, 172), line("Amount", 700, 172)]


def amount_due(number: int) -> Made:
    return [line(f"Total amount due {number * 37}.50 EUR", 100, 1300)]


def letterhead(_number: int) -> Made:
    said = ("Harbour Bakery Ltd", "12 Quay Street", "Newhaven", "Telephone 555 0100", "bakery@example.com")
    return [line(text, 100, 40 + 26 * at) for at, text in enumerate(said)]


def large_title(_number: int) -> Made:
    return [line("INVOICE", 100, 40, size=44)]


def in_the_middle(_number: int) -> Made:
    return [line("to be continued", 100, 1150)]


@pytest.mark.parametrize("made", [nothing, table_head, amount_due, letterhead, large_title, in_the_middle])
@pytest.mark.parametrize("pages", [1, 2, 3, 12])
def test_what_else_repeats_stays_text(made: Callable[[int], Made], pages: int) -> None:
    assert find_furniture_of(book(pages, made)) == [set()] * pages


def test_a_table_head_below_a_header_stays() -> None:
    pages = book(4, lambda n: [*running_head(n), *table_head(n)])
    assert find_furniture_of(pages) == same_on(4, (BlockKind.HEADER, "The Harbour in Winter"))


def test_two_letters_with_one_head_keep_it() -> None:
    assert find_furniture_of(book(2, running_head)) == [set(), set()]


def test_slides_of_a_line_each_keep_it() -> None:
    assert find_furniture_of([page(n, [line(f"Slide {n}", 100, 60)]) for n in range(1, 6)]) == [set()] * 5
    assert find_furniture_of([page(n, [line(str(n), 100, 60)]) for n in range(1, 6)]) == [set()] * 5


def test_the_same_form_many_times_keeps_its_first_rows() -> None:
    form = [line(text, 100, 60 + 60 * at) for at, text in enumerate(BODY * 3)]
    assert find_furniture_of([page(n, form) for n in range(1, 6)]) == [set()] * 5


def test_a_receipt_of_one_page_keeps_all() -> None:
    lines = [line("12", 100, 40), *body(1), line("7", 100, 1350)]
    assert find_furniture_of([page(1, lines)]) == [set()]


def test_one_page_that_says_its_number() -> None:
    assert find_furniture_of(book(1, lambda _: [line("Page 3 of 7", 400, 1330)])) == [
        {(BlockKind.PAGE_NUMBER, "Page 3 of 7")}
    ]
    beside = find_furniture_of(book(1, lambda _: [line("Page 1 of 1", 700, 1330), line("Invoice 4711", 100, 1330)]))
    assert beside == [set()]


def test_rows_of_a_table_are_never_furniture() -> None:
    def with_table(number: int) -> Page:
        rows = [line("The Harbour in Winter", 400, 60), line("boats", 400, 100)]
        cells = (TableCell(row=0, column=0, lines=(0,)), TableCell(row=1, column=0, lines=(1,)))
        table = Block(
            polygon=rows[0].polygon,
            lines=tuple(rows),
            kind=BlockKind.TABLE,
            table=Table(rows=2, columns=1, cells=cells),
        )
        made = page(number, body(number))
        return made.model_copy(update={"blocks": (table, *made.blocks)})

    assert find_furniture_of([with_table(n) for n in range(1, 5)]) == [set()] * 4


def test_every_line_stays_in_its_place() -> None:
    pages = book(6, lambda n: [*running_head(n), *page_number(n)])
    for before, after in zip(pages, with_furniture(pages), strict=True):
        assert list(before.lines) == list(after.lines)
        assert without_furniture(after).text == page(before.number, body(before.number)).text


def test_it_holds_a_few_pages_only() -> None:
    finder, held = FurnitureFinder(), 0
    ready: list[Page] = []

    def pages() -> Iterator[Page]:
        for number in range(1, 200):
            yield page(number, [*running_head(number), line("text", 100, 600)])

    for given, each in enumerate(pages(), 1):
        ready += finder.add(each)
        held = max(held, given - len(ready))
    assert held == SPAN
    ready += finder.rest()
    assert [each.number for each in ready] == list(range(1, 200))


@pytest.mark.parametrize("missing", [{3}, {2, 3}, {1, 5}])
def test_pages_that_were_not_read_leave_the_count_right(missing: set[int]) -> None:
    pages = [each for each in book(9, page_number) if each.number not in missing]
    assert find_furniture_of(pages) == [{(BlockKind.PAGE_NUMBER, str(each.number + 10))} for each in pages]
