"""Ink that looks like text, and ink that does not."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, ImageOps
from tests.data.pictures import draw_rules, photo, write_lines

from pagemill.documents.ink import Gray, InkLine, _find_marks, _median, ink_lines

TEXTS = ("Invoice number 2026-0417", "Total amount due 148.50 EUR")


def find_lines(image: Image.Image, words: Sequence[tuple[tuple[float, float], ...]] = ()) -> list[InkLine]:
    return ink_lines(pixels(image), words)


def pixels(image: Image.Image) -> Gray:
    return np.asarray(image.convert("L"), dtype=np.uint8)


def share_found(image: Image.Image, lines: Sequence[InkLine]) -> float:
    """Share of the columns and rows with ink that lie in a line."""
    dark = pixels(image) < 128
    inside = np.zeros_like(dark)
    for line in lines:
        left, top, right, bottom = map(round, line.rect)
        inside[top:bottom, left:right] = True
    return float((dark & inside).sum() / dark.sum())


@pytest.mark.parametrize("font", [9, 14, 24, 40, 90])
@pytest.mark.parametrize("turns", [0, 90, 180, 270])
def test_writing_of_every_size_is_found_level_and_upended(font: int, turns: int) -> None:
    page = write_lines(TEXTS, font=font, size=(1400, 1000)).rotate(turns, expand=True)
    assert share_found(page, find_lines(page)) > 0.85


@pytest.mark.parametrize(
    ("ink", "paper"), [(0, 255), (110, 255), (0, 200), (110, 200), (255, 200), (110, 20), (255, 20), (255, 90)]
)
def test_it_may_be_darker_or_lighter_than_its_paper(ink: int, paper: int) -> None:
    lines = find_lines(write_lines(TEXTS, ink=ink, paper=paper))
    assert len(lines) >= 2
    assert sum(line.marks for line in lines) > 20


def test_an_inverted_page_is_found_alike() -> None:
    page = write_lines(TEXTS)
    assert len(find_lines(ImageOps.invert(page))) >= 2


@pytest.mark.parametrize("seed", range(5))
def test_photos_are_no_writing(seed: int) -> None:
    assert sum(line.marks for line in find_lines(photo((600, 500), seed=seed))) < 8


@pytest.mark.parametrize("zoom", [1, 2])
def test_rules_boxes_and_codes_are_no_writing(zoom: int) -> None:
    page = draw_rules()
    assert find_lines(page.resize((page.width * zoom, page.height * zoom))) == []


@pytest.mark.parametrize("lean", [-5, 0, 5])
@pytest.mark.parametrize("length", [12, 16, 30])
def test_hatching_is_no_writing(lean: int, length: int) -> None:
    page = Image.new("L", (400, 300), 255)
    for at in range(20, 360, 7):
        ImageDraw.Draw(page).line((at, 50, at + lean, 50 + length), fill=0, width=2)
    assert find_lines(page) == []


@pytest.mark.parametrize("font", [10, 14, 24])
@pytest.mark.parametrize("text", ["0171 2233445", "2026-04-17", "Tel. 0171 47 11"])
def test_digits_of_equal_height_and_width_are_writing(font: int, text: str) -> None:
    assert find_lines(write_lines([text], font=font)) != []


def test_what_lies_under_a_word_is_not_told() -> None:
    page = write_lines(TEXTS)
    first, second = sorted(find_lines(page), key=lambda line: line.rect[1])[:2]
    left, top, right, bottom = first.rect
    word = ((left, top), (right, top), (right, bottom), (left, bottom))
    rest = find_lines(page, [word])
    assert [line.rect[1] for line in rest] == [second.rect[1]]


def test_a_blank_page_has_none() -> None:
    assert find_lines(Image.new("L", (850, 1100), 255)) == []
    assert find_lines(Image.new("L", (3, 2), 0)) == []


@pytest.mark.parametrize("density", [0.002, 0.03, 0.25])
@pytest.mark.parametrize("shape", [(40, 1), (1, 40), (700, 900)])
def test_marks_are_counted_whatever_their_number(shape: tuple[int, int], density: float) -> None:
    """Noise of a quarter of all points begins more runs than a short label can tell apart."""
    ink = (np.random.default_rng(4).random(shape) < density).astype(np.uint8) * 255
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    assert np.array_equal(_find_marks(ink), stats[1:])


@given(st.lists(st.sampled_from([0, 1, 7, 128, 254, 255]), min_size=1, max_size=9))
def test_a_median_of_counts_is_that_of_the_values(values: list[int]) -> None:
    counts = np.bincount(values, minlength=256)
    assert _median(np.arange(256, dtype=np.float64), counts) == np.median(values)


@pytest.mark.parametrize("seed", range(12))
def test_a_panel_with_writing_on_a_photo_is_found(seed: int) -> None:
    """The edge of a bright panel stands out from dark clouds as a tall mark, right beside the first letter."""
    chance = np.random.default_rng(seed)
    rough = Image.fromarray(chance.integers(40, 220, (9, 12), dtype=np.uint8))
    picture = rough.resize((556, 417), Image.Resampling.BICUBIC)
    draw, left, top = ImageDraw.Draw(picture), int(chance.integers(20, 150)), int(chance.integers(20, 300))
    draw.rectangle((left, top, left + 360, top + 56), fill=int(chance.integers(200, 255)))
    font = ImageFont.load_default(int(chance.integers(14, 24)))
    draw.text((left + int(chance.integers(4, 30)), top + 12), "IBAN DE02 1203 0000 2020 51", font=font, fill=20)
    assert sum(line.marks for line in find_lines(picture)) >= 4
