from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pagemill.engines.rapidocr.orientation import turn_to_upright
from pagemill.engines.rapidocr.recognition import ReadLine, ReadWord
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


JAPANESE, LATIN = "吾輩は猫である名前はまだ無い", "a line in Latin"


def read_letters(text: str, again: Callable[[str, int], str]) -> tuple[int, int]:
    """The turn of a page with lines that run down and say this, and how many letters were read again."""
    line = ReadLine(text, 0.99, (ReadWord(text, 0.0, 1.0, 0.99),))
    asked = 0

    def read(strips: Sequence[LineStrip]) -> list[ReadLine]:
        nonlocal asked
        asked += len(strips)
        assert all(not strip.runs_down for strip in strips)
        letters = text[:: max(1, len(text) // 4)][:4] * 3
        return [ReadLine(again(letter, at), 0.9, ()) for at, letter in enumerate(letters)]

    return turn_to_upright([DOWN] * 3, [line] * 3, read), asked


@pytest.mark.parametrize(
    ("again", "degrees"),
    [
        (lambda letter, _: letter, 0),
        (lambda letter, at: letter if at % 3 else "x", 0),
        (lambda letter, at: "x" if at % 3 else letter, 270),
        (lambda _, __: "", 270),
    ],
)
def test_vertical_writing_stays_if_its_letters_stand_upright(again: Callable[[str, int], str], degrees: int) -> None:
    assert read_letters(JAPANESE, again) == (degrees, 12)


def test_only_letters_of_east_asian_scripts_are_looked_at_one_by_one() -> None:
    assert read_letters(LATIN, lambda letter, _: letter) == (270, 0)


def test_a_page_with_any_level_line_is_judged_by_most() -> None:
    lines = [ReadLine(JAPANESE, 0.99, (ReadWord(JAPANESE, 0.0, 1.0, 0.99),))] * 3
    assert turn_to_upright([LEVEL, DOWN, DOWN], lines, lambda strips: [ReadLine("", 0.0, ())] * len(strips)) == 270
