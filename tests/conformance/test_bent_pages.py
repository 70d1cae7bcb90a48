"""A page whose lines bend is flattened or has a warning, through the whole way of a page."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.bent import SHAPES, WAVES, bend, typed_lines, typed_page
from tests.fixtures.reading import open_reader, read_picture

from pagemill.domain.page.page import Block, Line, Page, PageSource, WarningKind
from pagemill.pool.flat_reading import BENT, reads_less
from pagemill.pool.page_reader import PageReader

LINES = typed_lines(7, count=14, words=7)
SIZE = (1000, 900)
_SURE = 0.98
"""Share of letters that must be right: a recogniser may misread one on a slant."""


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    with open_reader() as reader:
        yield reader


@pytest.fixture(scope="module")
def level() -> Image.Image:
    return typed_page(LINES, size=SIZE, font=24)


def ink_of(image: Image.Image, left: float, top: float, right: float, bottom: float) -> float:
    """The share of dark pixels in a rectangle."""
    part = np.asarray(image.convert("L"))[max(0, round(top)) : round(bottom), max(0, round(left)) : round(right)]
    return float((part < 128).mean())


@pytest.mark.parametrize(("shape", "mode"), list(zip(SHAPES, cycle(["L", "RGB"]), strict=False)))
def test_bent_lines_are_read_and_their_words_are_where_their_ink_is(
    reader: PageReader, level: Image.Image, tmp_path: Path, shape: str, mode: str
) -> None:
    picture = bend(level, shape, 70).convert(mode)
    page = read_picture(reader, picture, tmp_path, rotation=0)
    texts = [line.text for line in page.lines]
    assert len(texts) == len(LINES)
    assert all(SequenceMatcher(None, *pair).ratio() > _SURE for pair in zip(texts, LINES, strict=True))
    assert page.warnings == ()
    assert (page.width_px, page.height_px) == picture.size
    for line in page.lines:
        ys = [y for _, y in line.polygon]
        for word in line.words:
            (left, top), (right, _), (_, bottom), _ = word.polygon
            assert ink_of(picture, left, min(top, bottom - 30), right, bottom) > 0.06, (line.text, word)
            assert min(ys) - 1 <= top
            assert bottom <= max(ys) + 1


@pytest.mark.parametrize("turn", [90, 180])
def test_a_turned_page_is_flattened_upright(reader: PageReader, level: Image.Image, tmp_path: Path, turn: int) -> None:
    picture = bend(level, "bulge", 50).rotate(turn, expand=True)
    page = read_picture(reader, picture, tmp_path, rotation=turn)
    assert [line.text for line in page.lines] == LINES
    assert (page.rotation, page.width_px, page.height_px) == (turn, *level.size)


def test_flat_and_skewed_pages_are_read_once(reader: PageReader, level: Image.Image, tmp_path: Path) -> None:
    for picture in (level, level.rotate(3, Image.Resampling.BICUBIC, fillcolor=255)):
        page = read_picture(reader, picture, tmp_path, rotation=0)
        assert [line.text for line in page.lines] == LINES
        assert page.warnings == ()


@pytest.mark.parametrize(("shape", "pixels"), [(WAVES, 30), ("bulge", 300)])
def test_a_page_that_cannot_be_flattened_has_a_warning_with_the_place(
    reader: PageReader, tmp_path: Path, shape: str, pixels: int
) -> None:
    full = typed_page(typed_lines(3, count=24, words=11), size=(1000, 1300), font=20)
    page = read_picture(reader, bend(full, shape, pixels), tmp_path, rotation=0)
    (warning,) = [warning for warning in page.warnings if warning.kind is WarningKind.BENT_LINES]
    assert warning.box is not None
    assert warning.message == BENT


def test_a_reading_with_clearly_fewer_letters_is_not_taken() -> None:
    many, most, few = (_page_of("a" * count) for count in (100, 98, 90))
    assert reads_less(few, many)
    assert not reads_less(most, many)
    assert not reads_less(many, few)


def _page_of(text: str) -> Page:
    line = Line(text=text, polygon=((0, 0), (9, 0), (9, 9), (0, 9)), confidence=0.9)
    block = Block(polygon=line.polygon, lines=(line,))
    return Page(number=1, width_px=10, height_px=10, dpi=None, source=PageSource.OCR, blocks=(block,))
