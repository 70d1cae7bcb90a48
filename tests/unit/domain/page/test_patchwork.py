"""A page put together of known words and of parts that were recognised."""

import pytest

from pagemill.domain.page.page import Block, Line, Page, PageSource, Point, Word
from pagemill.domain.page.patchwork import Patch, patch_page

WIDTH, HEIGHT = 600, 800


def box(left: float, top: float, right: float, bottom: float) -> tuple[Point, ...]:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(text: str, left: float, top: float, *, height: float = 20) -> Line:
    words, at = [], left
    for word in text.split():
        words.append(Word(text=word, polygon=box(at, top, at + 10 * len(word), top + height)))
        at += 10 * len(word) + 10
    return Line(text=text, polygon=box(left, top, at - 10, top + height), words=tuple(words))


def page(
    *lines: Line, size: tuple[int, int] = (WIDTH, HEIGHT), rotation: int = 0, source: PageSource = PageSource.OCR
) -> Page:
    block = Block(polygon=box(0, 0, 1, 1), lines=lines)
    engine = "e" if source is PageSource.OCR else None
    return Page(
        number=2,
        width_px=size[0],
        height_px=size[1],
        dpi=100,
        rotation=rotation,
        source=source,
        engine=engine,
        blocks=(block,) if lines else (),
    )


def make_known(*lines: Line, rotation: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Page:
    return page(*lines, rotation=rotation, size=size, source=PageSource.TEXT_LAYER)


def test_what_was_recognised_stands_between_what_was_known_and_each_word_says_which() -> None:
    typed = make_known(line("typed above", 50, 100), line("typed below", 50, 500))
    part = page(line("IBAN DE44", 10, 5), size=(300, 40))
    whole = patch_page(typed, [Patch(part, 40, 300)])
    assert [each.text for each in whole.lines] == ["typed above", "IBAN DE44", "typed below"]
    assert (whole.source, whole.engine) == (PageSource.MIXED, "e")
    assert {word.text: word.source for word in whole.words} == {
        "typed": PageSource.TEXT_LAYER,
        "above": PageSource.TEXT_LAYER,
        "below": PageSource.TEXT_LAYER,
        "IBAN": PageSource.OCR,
        "DE44": PageSource.OCR,
    }
    assert next(word for word in whole.words if word.text == "IBAN").polygon == box(50, 305, 90, 325)


def test_a_known_word_that_was_read_again_is_there_once() -> None:
    typed = make_known(line("total 148.50", 50, 100))
    part = page(line("total 148.50 EUR", 52, 101), line("total", 51, 99))
    whole = patch_page(typed, [Patch(part)])
    assert sorted(word.text for word in whole.words) == ["148.50", "EUR", "total"]


@pytest.mark.parametrize("parts", [[], [Patch(page())]])
def test_where_nothing_was_recognised_the_page_is_the_known_one(parts: list[Patch]) -> None:
    typed = make_known(line("typed", 50, 100))
    assert patch_page(typed, parts) is typed


def test_without_known_words_the_page_was_recognised() -> None:
    assert patch_page(make_known(), [Patch(page(line("read", 5, 5)))]).source is PageSource.OCR


def test_a_line_without_words_is_one_word_with_a_source() -> None:
    bare = Line(text="no words", polygon=box(5, 5, 85, 25))
    (word,) = patch_page(make_known(), [Patch(page(bare))]).words
    assert (word.text, word.source) == ("no words", PageSource.OCR)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("of_part", [0, 90, 180, 270])
def test_a_part_may_stand_otherwise_than_the_page(rotation: int, of_part: int) -> None:
    """Whatever way both stand, a word that covers a corner of the stored picture covers it on the whole page."""
    upright = (WIDTH, HEIGHT) if rotation % 180 == 0 else (HEIGHT, WIDTH)
    typed = make_known(
        line("more known words than there are others on this page", 5, 5), rotation=rotation, size=upright
    )
    size = (200, 100) if of_part % 180 == 0 else (100, 200)
    part = page(Line(text="x", polygon=box(0, 0, 10, 10)), size=size, rotation=of_part)
    whole = patch_page(typed, [Patch(part, 30, 40)])
    assert (whole.rotation, whole.width_px, whole.height_px) == (rotation, *upright)
    (word,) = (word for word in whole.words if word.text == "x")
    stored = {0: (30, 40), 90: (30, 130), 180: (220, 130), 270: (220, 40)}[of_part]
    left, top = stored
    expected = {
        0: (left, top),
        90: (HEIGHT - top - 10, left),
        180: (WIDTH - left - 10, HEIGHT - top - 10),
        270: (top, WIDTH - left - 10),
    }[rotation]
    assert (min(x for x, _ in word.polygon), min(y for _, y in word.polygon)) == expected


def test_a_page_of_few_known_words_stands_as_what_was_recognised() -> None:
    part = page(line("a scan that lies on its side, under a stamp", 5, 5), size=(HEIGHT, WIDTH), rotation=90)
    whole = patch_page(make_known(line("stamp", 5, 5)), [Patch(part)])
    assert (whole.rotation, whole.width_px, whole.height_px) == (90, HEIGHT, WIDTH)
    assert {word.source for word in whole.words} == {PageSource.OCR, PageSource.TEXT_LAYER}
