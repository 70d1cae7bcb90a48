"""Formulas are pictures in the result: what a recogniser invented for them is left out, and what is known stays."""

import pytest

from pagemill.domain.page.formulas import MOST_PICTURES, MOST_WARNINGS, UNREAD, with_formula_pictures
from pagemill.domain.page.page import (
    Block,
    BlockKind,
    BlockPicture,
    Line,
    Page,
    PageSource,
    PageWarning,
    Polygon,
    Rectangle,
    WarningKind,
    Word,
)

PROSE = "The force on a body is its mass times its acceleration, as everyone has learnt."
PLACE = (100.0, 200.0, 400.0, 260.0)


def around(place: Rectangle) -> Polygon:
    left, top, right, bottom = place
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(text: str, place: Rectangle, *, confidence: float | None = 0.95, source: PageSource | None = None) -> Line:
    words = tuple(Word(text=word, polygon=around(place), confidence=confidence, source=source) for word in text.split())
    return Line(text=text, polygon=around(place), confidence=confidence, words=words)


def picture(box: Rectangle) -> BlockPicture:
    left, top, right, bottom = box
    return BlockPicture(media_type="image/png", width_px=int(right - left), height_px=int(bottom - top), base64="QUJD")


def page(
    *lines: Line,
    source: PageSource = PageSource.OCR,
    places: tuple[Rectangle, ...] = (PLACE,),
    warnings: tuple[PageWarning, ...] = (),
) -> Page:
    formulas = (Block(polygon=around(place), lines=lines, kind=BlockKind.FORMULA) for place in places)
    before = Block(polygon=around((0, 0, 900, 40)), lines=(line(PROSE, (0, 0, 900, 40), source=source),))
    return Page(
        number=1,
        width_px=1000,
        height_px=1400,
        dpi=None,
        source=source,
        blocks=(before, *formulas),
        warnings=warnings,
    )


@pytest.mark.parametrize("confidence", [0.99, 0.5, None])
@pytest.mark.parametrize("source", PageSource)
@pytest.mark.parametrize("of_words", [None, PageSource.OCR, PageSource.TEXT_LAYER])
def test_what_was_recognised_goes_and_what_was_typed_stays(
    source: PageSource, of_words: PageSource | None, confidence: float | None
) -> None:
    read = line("F = m a", PLACE, confidence=confidence, source=of_words)
    found = with_formula_pictures(page(read, source=source), picture)
    assert found.blocks[1].lines == (() if (of_words or source) is PageSource.OCR else (read,))
    assert found.blocks[1].picture == picture(PLACE)
    assert found.blocks[0] == page(read, source=source).blocks[0]
    assert [(each.kind, each.message, each.box) for each in found.warnings] == [(WarningKind.FORMULA, UNREAD, PLACE)]


def test_a_line_without_words_is_from_the_source_of_its_page() -> None:
    bare = Line(text="F = m a", polygon=around(PLACE))
    assert with_formula_pictures(page(bare), picture).blocks[1].lines == ()
    assert with_formula_pictures(page(bare, source=PageSource.TEXT_LAYER), picture).blocks[1].lines == (bare,)


def test_a_warning_about_unread_ink_in_the_formula_gives_way_and_others_stay() -> None:
    inside = PageWarning(kind=WarningKind.UNREAD_INK, message="Unread.", box=(150, 210, 200, 250))
    outside = PageWarning(kind=WarningKind.UNREAD_INK, message="Unread.", box=(150, 810, 200, 850))
    other = PageWarning(kind=WarningKind.STRUCTURE, message="None.", box=None)
    found = with_formula_pictures(page(warnings=(inside, outside, other)), picture)
    assert [each.kind for each in found.warnings] == ["unread_ink", "structure", "formula"]
    assert outside in found.warnings


def test_a_page_without_formulas_is_the_same_page() -> None:
    plain = page(places=())
    assert with_formula_pictures(plain, picture) is plain


def test_pictures_and_warnings_of_a_page_are_limited() -> None:
    places = tuple((10.0, 10.0 * at, 20.0, 10.0 * at + 2) for at in range(MOST_PICTURES + 5))
    found = with_formula_pictures(page(places=places), picture)
    assert sum(block.picture is not None for block in found.blocks) == MOST_PICTURES
    assert len(found.warnings) <= MOST_WARNINGS


def test_a_page_with_pictures_survives_its_json() -> None:
    found = with_formula_pictures(page(), picture)
    assert Page.from_json(found.to_json()) == found
    assert b"picture" not in page().to_json()
