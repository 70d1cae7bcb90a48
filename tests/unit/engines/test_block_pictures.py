"""Pictures of blocks show what is in their place on the page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pagemill.domain.page.page import BlockPicture, Rectangle
from pagemill.engines.structure.pictures import LONGEST, MARGIN, picture_of


def open_image(picture: BlockPicture | None) -> Image.Image:
    assert picture is not None
    shown = Image.open(io.BytesIO(base64.b64decode(picture.base64)))
    assert (shown.size, shown.get_format_mimetype()) == ((picture.width_px, picture.height_px), picture.media_type)
    return shown


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_the_pixels_of_its_place_and_a_margin(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (60, 80), dtype=np.uint8)
    image = pixels if channels == 1 else np.repeat(pixels[:, :, None], 3, axis=2)
    shown = np.asarray(open_image(picture_of(image, (20, 30, 50, 40))))
    assert np.array_equal(shown, pixels[30 - MARGIN : 40 + MARGIN, 20 - MARGIN : 50 + MARGIN])


@pytest.mark.parametrize("box", [(-5.0, -5.0, 20.0, 10.0), (70.0, 50.0, 300.0, 300.0), (0.0, 0.0, 80.0, 60.0)])
def test_a_picture_ends_at_the_edge_of_the_page(box: Rectangle) -> None:
    shown = open_image(picture_of(np.zeros((60, 80), dtype=np.uint8), box))
    assert shown.width <= 80
    assert shown.height <= 60


def test_nothing_is_shown_outside_the_page() -> None:
    assert picture_of(np.zeros((60, 80), dtype=np.uint8), (200, 200, 300, 300)) is None


@pytest.mark.parametrize("shape", [(3000, 500), (500, 4000), (1, 4000)])
def test_a_large_picture_is_reduced(shape: tuple[int, int]) -> None:
    shown = open_image(picture_of(np.zeros(shape, dtype=np.uint8), (0, 0, shape[1], shape[0])))
    assert max(shown.size) == LONGEST
