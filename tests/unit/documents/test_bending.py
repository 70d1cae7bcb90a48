"""How lines bend is measured in the picture, and places map back exactly."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.bent import SHAPES, WAVES, bend, typed_lines, typed_page

from pagemill.documents.bending import Bend, find_bend

LINES = typed_lines(3, count=28, words=8)
LEVEL = typed_page(LINES, size=(990, 1400), font=19)


def bend_of(picture: Image.Image) -> Bend | None:
    return find_bend(np.asarray(picture.convert("L")), *picture.size)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [30, 60, 120])
def test_bent_lines_are_straight_once_flattened(shape: str, pixels: int) -> None:
    picture = bend(LEVEL, shape, pixels)
    found = bend_of(picture)
    assert found is not None
    assert found.is_straight
    flat = Image.fromarray(found.flatten(np.asarray(picture)))
    assert bend_of(flat) is None


@pytest.mark.parametrize("pixels", [20, 30])
def test_paper_in_waves_is_known_to_bend(pixels: int) -> None:
    page = typed_page(typed_lines(3, count=28, words=12), size=(990, 1400), font=19)
    found = bend_of(bend(page, WAVES, pixels))
    assert found is not None
    assert not found.is_known
    assert not found.is_straight


def test_the_texture_of_a_photo_is_no_writing() -> None:
    noise = np.random.default_rng(1).normal(size=(1400, 990)).astype(np.float32)
    for blur in (3, 6, 15):
        soft = cv2.GaussianBlur(noise, (0, 0), blur)
        gray = (soft - soft.min()) / np.ptp(soft) * 255
        assert bend_of(Image.fromarray(gray.astype(np.uint8))) is None


@pytest.mark.parametrize("degrees", [-8, -3, -1, 0, 1, 3, 8])
@pytest.mark.parametrize("size", [(990, 1400), (1400, 1000)])
@pytest.mark.parametrize("count", [10, 28])
def test_straight_lines_are_left_alone(degrees: float, size: tuple[int, int], count: int) -> None:
    page = typed_page(LINES[:count], size=size, font=19)
    assert bend_of(page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)) is None


def test_a_page_photographed_at_an_angle_is_left_alone() -> None:
    corners = np.array([[0, 0], [990, 0], [990, 1400], [0, 1400]], dtype=np.float32)
    seen = np.array([[60, 40], [940, 0], [990, 1400], [0, 1330]], dtype=np.float32)
    turned = cv2.warpPerspective(
        np.asarray(LEVEL), cv2.getPerspectiveTransform(corners, seen), (990, 1400), borderValue=255
    )
    assert bend_of(Image.fromarray(turned)) is None


@pytest.mark.parametrize("size", [(990, 1400), (300, 200), (2000, 40), (40, 2000), (1, 1)])
def test_a_page_without_lines_is_left_alone(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 255, size[::-1], dtype=np.uint8)
    for picture in (Image.new("L", size, 255), Image.fromarray(noise)):
        assert bend_of(picture) is None


def test_places_map_back_to_what_the_flattened_picture_shows() -> None:
    picture = bend(LEVEL, "bulge", 60)
    dotted = np.asarray(picture).copy()
    found = bend_of(picture)
    assert found is not None
    for place in ((200.0, 300.0), (500.0, 700.0), (700.0, 1200.0)):
        x, y = map(round, found.place(place))
        dotted[y - 3 : y + 4, x - 3 : x + 4] = 128
        flat = found.flatten(dotted)
        assert abs(int(flat[round(place[1]), round(place[0])]) - 128) < 8
        dotted = np.asarray(picture).copy()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.0, 1.0, 494.5, 988.0, 990.0, 1500.0, -3.0]),
    st.sampled_from([0.0, 1.0, 700.0, 1400.0, 1e5, -9.0]),
)
def test_every_place_maps_to_a_place(x: float, y: float) -> None:
    rows = np.linspace(-0.05, 1.1, 65, dtype=np.float32)[:, None] + np.zeros((1, 65), dtype=np.float32)
    bent = Bend(990, 1400, rows, (0.0, 0.0, 990.0, 1400.0), 5.0)
    at, down = bent.place((x, y))
    assert at == x
    assert -0.05 * 1400 <= down <= 1.1 * 1400
