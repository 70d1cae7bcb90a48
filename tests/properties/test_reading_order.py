"""Laws that hold for any page, however odd."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.page.page import Block, Line
from pagemill.domain.page.reading_order import blocks_in_reading_order

Corner = tuple[int, int, int, int]

boxes = st.tuples(
    st.sampled_from([0, 10, 100, 110, 300, 310, 320, 600]),
    st.sampled_from([0, 5, 20, 25, 30, 50, 60, 75, 90, 120]),
    st.sampled_from([1, 40, 180, 200, 290, 610]),
    st.sampled_from([1, 18, 20, 40, 200]),
)
pages = st.lists(boxes, max_size=40)


def lines(corners: list[Corner], *, scale: float = 1, shift: tuple[float, float] = (0, 0)) -> list[Line]:
    def place(x: float, y: float) -> tuple[float, float]:
        return x * scale + shift[0], y * scale + shift[1]

    return [
        Line(
            text=f"{'12.50' if index % 3 else 'line'} {index}",
            polygon=(place(x, y), place(x + width, y), place(x + width, y + height), place(x, y + height)),
        )
        for index, (x, y, width, height) in enumerate(corners)
    ]


def order_page(page: list[Line]) -> tuple[Block, ...]:
    return blocks_in_reading_order(page, width_px=1024, height_px=1024)


def texts(blocks: tuple[Block, ...]) -> list[list[str]]:
    return [[line.text for line in block.lines] for block in blocks]


@given(pages)
def test_every_line_comes_out_exactly_once(corners: list[Corner]) -> None:
    page = lines(corners)
    read = [line for block in order_page(page) for line in block.lines]
    assert Counter(line.text for line in read) == Counter(line.text for line in page)


@given(pages, st.randoms(use_true_random=False))
def test_the_order_lines_come_in_does_not_matter(corners: list[Corner], chance: random.Random) -> None:
    page = lines(corners)
    shuffled = page.copy()
    chance.shuffle(shuffled)
    assert texts(order_page(shuffled)) == texts(order_page(page))


@given(pages, st.sampled_from([0.25, 0.5, 2, 8]), st.sampled_from([(0, 0), (64, 0), (0, 128), (256, 512)]))
def test_neither_scale_nor_place_matters(corners: list[Corner], scale: float, shift: tuple[float, float]) -> None:
    assert texts(order_page(lines(corners, scale=scale, shift=shift))) == texts(order_page(lines(corners)))


@given(pages)
def test_no_block_is_empty_and_each_encloses_its_lines(corners: list[Corner]) -> None:
    for block in order_page(lines(corners)):
        assert block.lines
        xs, ys = [x for x, _ in block.polygon], [y for _, y in block.polygon]
        for line in block.lines:
            assert all(min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys) for x, y in line.polygon)
