import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.engines.rapidocr.tiles import OVERLAP, stretches, tiles

BUDGET = 1024 * 660


@given(length=st.sampled_from([1, 2, 63, 64, 65, 255, 256, 257, 1000, 8000]), most=st.sampled_from([256, 257, 1000]))
def test_stretches_keep_every_pixel_once(length: int, most: int) -> None:
    parts = list(stretches(length, most=most))
    kept = [pixel for part in parts for pixel in range(part.keep_from, part.keep_to)]
    assert kept == list(range(length))
    assert all(0 <= part.start <= part.keep_from < part.keep_to <= part.stop <= length for part in parts)


@given(length=st.sampled_from([1, 256, 257, 1000, 8000]), most=st.sampled_from([256, 257, 1000]))
def test_no_stretch_is_longer_than_allowed(length: int, most: int) -> None:
    assert all(part.stop - part.start <= most + 1 for part in stretches(length, most=most))


def test_neighbours_overlap() -> None:
    first, second = stretches(500, most=300)
    assert first.stop - second.start >= OVERLAP


@pytest.mark.parametrize("size", [(1, 1), (30, 8000), (8000, 30), (40000, 200), (1654, 2339), (6000, 6000)], ids=str)
def test_tiles_cover_the_image_and_stay_within_the_budget(size: tuple[int, int]) -> None:
    width, height = size
    times_kept = np.zeros((height, width), dtype=np.uint8)
    for columns, rows in tiles(width, height, most_pixels=BUDGET):
        times_kept[rows.keep_from : rows.keep_to, columns.keep_from : columns.keep_to] += 1
        assert (columns.stop - columns.start) * (rows.stop - rows.start) <= BUDGET * 1.01
    assert (times_kept == 1).all()
