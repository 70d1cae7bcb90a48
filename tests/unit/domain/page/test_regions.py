"""Rectangles that stand close together are one region."""

import time

import hypothesis.strategies as st
from hypothesis import given

from pagemill.domain.page.page import Rectangle
from pagemill.domain.page.regions import enclose, join_rects

places = st.sampled_from([0.0, 1.0, 5.0, 9.0, 40.0, 41.0, 90.0])
rects = st.builds(
    lambda x, y, width, height: (x, y, x + width, y + height), places, places, st.sampled_from([1.0, 9.0]), places
)


@given(st.lists(rects, max_size=12), st.sampled_from([0.0, 3.0]), st.integers(1, 4))
def test_they_cover_all_and_are_apart_and_few(given_: list[Rectangle], gap: float, most: int) -> None:
    regions = join_rects(given_, gap=gap, most=most)
    assert len(regions) <= most
    assert bool(regions) is bool(given_)
    for left, top, right, bottom in given_:
        assert any(at[0] <= left and at[1] <= top and at[2] >= right and at[3] >= bottom for at in regions)


@given(st.lists(rects, max_size=12), st.sampled_from([0.0, 3.0]))
def test_no_two_are_near(given_: list[Rectangle], gap: float) -> None:
    regions = join_rects(given_, gap=gap, most=100)
    for at, one in enumerate(regions):
        for other in regions[:at]:
            across = max(one[0], other[0]) - min(one[2], other[2])
            down = max(one[1], other[1]) - min(one[3], other[3])
            assert across > gap or down > gap
    assert regions == sorted(regions, key=lambda region: (region[1], region[0]))


def test_thousands_are_joined_at_once() -> None:
    """5000 rectangles compared with each other would take several seconds."""
    scattered = [(x * 20.0, y * 30.0, x * 20 + 3.0, y * 30 + 4.0) for x in range(100) for y in range(50)]
    started = time.process_time()
    regions = join_rects(scattered, gap=1, most=1000)
    assert time.process_time() - started < 1
    assert enclose(regions) == enclose(scattered)
    assert len(regions) <= 17 * 17
