from collections.abc import Mapping

import pytest

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Word
from pagemill.engines.assembly import ReadImage
from pagemill.engines.upright import find_upright, read_upright

LEVEL = ((0.0, 0.0), (90.0, 0.0), (90.0, 9.0), (0.0, 9.0))
DOWN = ((9.0, 0.0), (9.0, 90.0), (0.0, 90.0), (0.0, 0.0))


def lines(confidence: float, *, down: bool = False, text: str = "twelve letters and more") -> list[Line]:
    polygon = DOWN if down else LEVEL
    return [Line(text=text, polygon=polygon, confidence=confidence, words=(Word(text=text, polygon=polygon),))]


class Readings:
    """What a page reads as at each turn; a turn that is not named must not be asked for."""

    def __init__(self, by_degrees: Mapping[int, list[Line]]) -> None:
        self._by_degrees = by_degrees
        self.asked: list[int] = []

    def __call__(self, degrees: int) -> list[Line]:
        self.asked.append(degrees)
        return self._by_degrees[degrees]


@pytest.mark.parametrize(
    ("readings", "degrees"),
    [
        ({0: lines(0.9)}, 0),
        ({0: lines(0.4), 180: lines(0.9)}, 180),
        ({0: lines(0.6), 180: lines(0.65)}, 0),
        ({0: lines(0.9, down=True), 270: lines(0.9)}, 270),
        ({0: lines(0.4, down=True), 90: lines(0.9)}, 90),
        ({0: lines(0.7, down=True), 90: lines(0.3), 270: lines(0.7)}, 270),
        ({0: lines(0.3, down=True), 90: lines(0.35)}, 0),
        ({0: lines(0.9, text="7")}, 0),
        ({0: lines(0.1, text="7"), 180: lines(0.9, text="L")}, 0),
        ({0: lines(0.1, text="L u7"), 180: lines(0.9)}, 180),
        ({0: lines(0.6, text="7", down=True), 90: lines(0.9, text="7")}, 0),
        ({0: []}, 0),
    ],
)
def test_turns_by(readings: Mapping[int, list[Line]], degrees: int) -> None:
    asked = Readings(readings)
    assert find_upright(asked) == (degrees, readings[degrees])
    assert set(asked.asked) == set(readings)


@pytest.mark.parametrize(("rotation", "turned", "size"), [(None, 270, (2, 3)), (180, 180, (3, 2)), (90, 90, (2, 3))])
def test_a_page_is_as_large_as_it_stands_and_turned_as_was_asked(
    rotation: int | None, turned: int, size: tuple[int, int]
) -> None:
    readings = {0: lines(0.9, down=True), 90: lines(0.5), 180: lines(0.6), 270: lines(0.9)}
    asked = Readings(readings)
    image = PageImage(memoryview(bytes(6)), 3, 2, 1, 72.0)
    read, page = read_upright(asked, image, number=4, rotation=rotation)
    assert (read, page) == (readings[turned], ReadImage(4, *size, 72.0, turned))
    assert asked.asked == ([0, 270] if rotation is None else [rotation])
