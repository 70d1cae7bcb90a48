"""A page as shells and notebooks show it."""

import warnings

import pytest
from pydantic import BaseModel

from pagemill.domain.page.figure import PageFigure
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource
from pagemill.wire.status_wire import FormatWire

BOX = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0))


def page_of(kind: type[Page], *texts: str, confidence: float | None = 0.934) -> Page:
    lines = tuple(Line(text=text, polygon=BOX, confidence=confidence) for text in texts)
    block = Block(kind=BlockKind.TEXT, polygon=BOX, lines=lines)
    return kind(number=3, width_px=12, height_px=34, dpi=None, source=PageSource.OCR, blocks=(block,))


@pytest.mark.parametrize("kind", [Page, PageFigure])
def test_a_page_is_one_short_line(kind: type[Page]) -> None:
    page = page_of(kind, "Dear\tMadam", "it's " * 100)
    start = "Dear Madam " + "it's " * 9
    assert repr(page) == f'<Page 3: 12 × 34 px, 2 lines, confidence 93%, "{start.rstrip()}…">'
    assert str(page) == repr(page)
    assert repr(page_of(kind, "a", confidence=None)) == "<Page 3: 12 × 34 px, 1 lines, 'a'>"


@pytest.mark.parametrize("shown", [page_of(PageFigure, "a"), FormatWire(name="a", media_type="b", extension="c")])
def test_what_pydantic_has_deprecated_is_not_offered(shown: BaseModel) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        offered = [name for name in dir(shown) if not name.startswith("__")]
        for name in set(offered) - {"model_fields", "model_computed_fields"}:
            member = getattr(shown, name)
            assert not hasattr(member, "__deprecated__"), name
    assert told == []
    assert {"model_dump", "model_dump_json"} <= set(offered)
