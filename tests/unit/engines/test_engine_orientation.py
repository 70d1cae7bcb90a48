from collections.abc import Sequence

import numpy as np
import pytest

from pagemill.engines.rapidocr.orientation import turn_to_upright
from pagemill.engines.rapidocr.recognition import ReadLine
from pagemill.engines.rapidocr.strips import LineStrip

PAGE = np.zeros((800, 800), dtype=np.uint8)


def strip(width: int, height: int) -> LineStrip:
    corners = [[10, 10], [10 + width, 10], [10 + width, 10 + height], [10, 10 + height]]
    return LineStrip(PAGE, np.array(corners, dtype=np.float32))


LEVEL, DOWN, LETTER = strip(400, 30), strip(30, 400), strip(30, 50)


def turn(strips: Sequence[LineStrip], *, as_is: float, flipped: float) -> int:
    def read(again: Sequence[LineStrip]) -> list[ReadLine]:
        return [ReadLine("text", flipped if strip.upside_down else as_is, ()) for strip in again]

    return turn_to_upright(strips, read(strips), read)


@pytest.mark.parametrize(
    ("strips", "as_is", "flipped", "degrees"),
    [
        ([LEVEL] * 3, 0.99, 0.60, 0),
        ([LEVEL] * 3, 0.60, 0.99, 180),
        ([LEVEL] * 3, 0.80, 0.85, 0),
        ([LEVEL] * 3, 0.60, 0.70, 0),
        ([DOWN] * 3, 0.99, 0.60, 270),
        ([DOWN] * 3, 0.60, 0.99, 90),
        ([DOWN] * 3, 0.80, 0.60, 270),
        ([DOWN] * 3, 0.40, 0.45, 0),
        ([LETTER] * 3, 0.99, 0.30, 0),
        ([LEVEL, LEVEL, DOWN], 0.99, 0.60, 0),
        ([LEVEL, DOWN, DOWN], 0.99, 0.60, 270),
        ([], 0.0, 0.0, 0),
    ],
)
def test_turns_by(strips: list[LineStrip], as_is: float, flipped: float, degrees: int) -> None:
    assert turn(strips, as_is=as_is, flipped=flipped) == degrees


def test_an_upright_page_is_not_read_twice() -> None:
    def never(_: Sequence[LineStrip]) -> list[ReadLine]:
        raise AssertionError("read again")

    assert turn_to_upright([LEVEL], [ReadLine("text", 0.95, ())], never) == 0
