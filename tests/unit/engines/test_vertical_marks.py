"""Marks of vertical lines, on drawn pictures: letters are boxes of strokes, on their sides."""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr.models import COLUMN, Letters
from pagemill.engines.rapidocr.vertical_marks import add_marks

ALPHABET = ["blank", *"のは猫人a、。", " "]
PITCH = 5
CELL = PITCH * COLUMN


def draw(text: str, *, extra: Iterable[tuple[int, int, int]] = (), dark: int = 20, light: int = 250) -> Pixels:
    """The picture of a vertical line, turned on its side; `extra` are squares: left, top and size."""
    picture = np.full((48, CELL * len(text), 3), light, dtype=np.uint8)
    for at, letter in enumerate(text):
        left = at * CELL
        if letter == "。":
            cv2.circle(picture, (left + 9, 14), 5, (dark,) * 3, 2)
        elif letter == "、":
            cv2.line(picture, (left + 5, 10), (left + 13, 18), (dark,) * 3, 3)
        elif letter != "　":
            cv2.rectangle(picture, (left + 5, 5), (left + CELL - 5, 43), (dark,) * 3, 2)
    for left, top, size in extra:
        cv2.rectangle(picture, (left, top), (left + size, top + size), (dark,) * 3, -1)
    return picture


def letters(text: str) -> Letters:
    """What the network makes of it: letters in the middles of their cells, and no marks."""
    indices = np.zeros(PITCH * len(text), dtype=np.int64)
    for at, letter in enumerate(text):
        if letter not in "、。　":
            indices[at * PITCH + PITCH // 2] = ALPHABET.index(letter)
    certain = np.where(indices > 0, 0.99, 0.999).astype(np.float32)
    return Letters(indices, certain, np.zeros(len(indices), dtype=np.float32))


def read(text: str, picture: Pixels | None = None) -> str:
    found = add_marks(letters(text), draw(text) if picture is None else picture, ALPHABET)
    return "".join(ALPHABET[index] for index in found.indices if index)


@pytest.mark.parametrize("text", ["猫は、人の猫は。", "猫は人。猫は人", "猫、人、猫の、", "は猫人", "猫人猫。"])
@pytest.mark.parametrize(("dark", "light"), [(20, 250), (240, 10)])
def test_marks_are_found_between_letters_and_at_the_end(text: str, dark: int, light: int) -> None:
    assert read(text, draw(text, dark=dark, light=light)) == text


def test_a_line_without_kana_gets_no_comma_because_chinese_has_another() -> None:
    assert read("猫人、猫人。") == "猫人猫人。"


def test_latin_on_its_side_gets_no_marks() -> None:
    assert read("aaa、aaa。") == "aaaaaa"


@pytest.mark.parametrize(
    "extra",
    [(), ((3 * CELL + 8, 28, 9),), ((3 * CELL + 8, 6, 26),), ((3 * CELL + 10, 10, 1),), ((3 * CELL + 4, 8, 8),) * 1],
)
def test_a_wide_gap_with_anything_but_one_mark_stays_a_gap(extra: tuple[tuple[int, int, int], ...]) -> None:
    text = "猫は人　猫の人"
    beside = ((3 * CELL + 22, 8, 8),) if extra == ((3 * CELL + 4, 8, 8),) else ()
    assert read(text, draw(text, extra=(*extra, *beside))) == "猫は人猫の人"


def test_a_model_without_the_marks_stays_as_it_is() -> None:
    line = letters("猫は、人")
    assert add_marks(line, draw("猫は、人"), ["blank", *"のは猫人a", " "]) is line


@pytest.mark.parametrize("text", ["", "猫", "猫は"])
def test_a_line_of_few_letters_stays_as_it_is(text: str) -> None:
    line = letters(text or "　")
    assert add_marks(line, draw(text or "　"), ALPHABET) is line
