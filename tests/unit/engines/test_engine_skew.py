import math
from collections.abc import Sequence

import pytest
from PIL import Image
from tests.data import make_pages

from pagemill.domain.page.page import Line, Word
from pagemill.engines.skew import MOST_DEGREES, read_level, skew_degrees

PAGE = make_pages.text_page(make_pages.ENGLISH * 3, width=1000, height=1400)


def askew(degrees: float, page: Image.Image = PAGE) -> Image.Image:
    """The page turned clockwise."""
    return page.rotate(-degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)


@pytest.mark.parametrize("degrees", [-11, -5, -2.5, 0, 1, 3, 8, 11])
def test_the_skew_of_a_page_is_found(degrees: float) -> None:
    found = skew_degrees(askew(degrees))
    assert found == pytest.approx(degrees, abs=0.3) or (abs(degrees) <= 1 and abs(found) <= 1.3)


def test_white_letters_lie_askew_as_black_ones_do() -> None:
    assert skew_degrees(Image.eval(askew(6), lambda level: 255 - level)) == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize(
    "picture",
    [make_pages.blank_page(), PAGE.rotate(90, expand=True), Image.new("L", (1, 1)), Image.new("L", (1, 9000))],
    ids=["blank", "on its side", "a pixel", "a strip"],
)
def test_where_no_lines_run_nothing_is_turned(picture: Image.Image) -> None:
    assert skew_degrees(picture) == 0


def test_a_page_upside_down_is_askew_as_much() -> None:
    assert skew_degrees(askew(7).rotate(180)) == pytest.approx(7, abs=0.3)


@pytest.mark.parametrize("degrees", [-9, 5, MOST_DEGREES - 1])
def test_places_are_those_of_the_page_as_it_was_given(degrees: float) -> None:
    """A mark on the page is found where it was, by a reader that knows only the level page."""
    given = askew(degrees)
    seen: list[tuple[int, int]] = []

    def reads_the_middle(level: Image.Image) -> Sequence[Line]:
        seen.append(level.size)
        x, y = level.width / 2, level.height / 2
        corners = ((x - 100, y - 10), (x + 100, y - 10), (x + 100, y + 10), (x - 100, y + 10))
        return [Line(text="middle", polygon=corners, words=(Word(text="middle", polygon=corners),))]

    (line,) = read_level(given, reads_the_middle)
    assert seen != [given.size]
    left, right = line.polygon[0], line.polygon[1]
    slope = (right[1] - left[1]) / (right[0] - left[0])
    assert slope == pytest.approx(math.tan(math.radians(degrees)), abs=0.01)
    middle = [sum(corner[axis] for corner in line.polygon) / 4 for axis in (0, 1)]
    assert middle == pytest.approx([given.width / 2, given.height / 2])
    assert line.words[0].polygon == line.polygon


def test_a_level_page_is_read_as_it_is() -> None:
    given: list[Image.Image] = []

    def reads_nothing(picture: Image.Image) -> Sequence[Line]:
        given.append(picture)
        return ()

    assert read_level(PAGE, reads_nothing) == []
    assert given == [PAGE]
