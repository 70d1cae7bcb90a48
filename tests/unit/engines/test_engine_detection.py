import pytest

from pagemill.engines.rapidocr.detection import MOST_PIXELS, DetectionLimits, scale_within

PIXELS = DetectionLimits().pixels
FINE = DetectionLimits().fine_pixels


@pytest.mark.parametrize("size", [(1654, 2339), (2339, 1654), (1000, 2000), (6000, 6000), (2550, 3300)], ids=str)
def test_a_page_of_usual_shape_is_looked_at_within_the_limit(size: tuple[int, int]) -> None:
    width, height = size
    scale = scale_within(width, height, PIXELS)
    assert width * height * scale**2 == pytest.approx(min(width * height, PIXELS))


@pytest.mark.parametrize("size", [(700, 9000), (9000, 700), (1100, 12000)], ids=str)
def test_a_long_receipt_is_looked_at_as_closely_as_a_short_one(size: tuple[int, int]) -> None:
    short = min(size)
    for pixels in (PIXELS, FINE):
        assert scale_within(*size, pixels) == pytest.approx(scale_within(short, 2 * short, pixels))


@pytest.mark.parametrize("size", [(1200, 33000), (6000, 6600), (30000, 1300), (3, 13_000_000)], ids=str)
def test_no_shape_makes_it_grow_without_bounds(size: tuple[int, int]) -> None:
    width, height = size
    for pixels in (PIXELS, FINE):
        assert width * height * scale_within(width, height, pixels) ** 2 <= MOST_PIXELS * 1.0001


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (300, 400)], ids=str)
def test_nothing_is_enlarged(size: tuple[int, int]) -> None:
    assert scale_within(*size, PIXELS) == 1
