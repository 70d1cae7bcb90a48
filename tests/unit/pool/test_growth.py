from collections.abc import Callable

import pytest

from pagemill.domain.memory import MIB
from pagemill.pool.growth import Growth

BASE = 200 * MIB


def read(size: Callable[[int], int], *, pages: int, chunk: int = 4) -> Growth:
    growth = Growth()
    for number in range(chunk, pages + 1, chunk):
        growth.note(chunk, size(number))
    return growth


def climb(number: int) -> int:
    return BASE + min(number, 40) * 15 * MIB


def sawtooth(number: int) -> int:
    return BASE + number * 7 % 32 * MIB


def flat(_number: int) -> int:
    return BASE


def shrink(number: int) -> int:
    return 10 * BASE - number * MIB


@pytest.mark.parametrize("per_page", [MIB, 5 * MIB])
@pytest.mark.parametrize("chunk", [1, 4, 32])
def test_a_steady_leak_is_measured(per_page: int, chunk: int) -> None:
    growth = read(lambda number: BASE + number * per_page, pages=320, chunk=chunk)
    assert per_page <= growth.bytes_per_page <= 2.1 * per_page


@pytest.mark.parametrize("size", [climb, sawtooth, flat, shrink])
def test_caches_that_fill_and_sizes_that_go_up_and_down_are_no_leak(size: Callable[[int], int]) -> None:
    assert all(read(size, pages=pages).bytes_per_page < 0.3 * MIB for pages in range(4, 400, 12))


def test_nothing_is_said_of_the_first_pages() -> None:
    assert read(lambda number: BASE + number * 9 * MIB, pages=188).bytes_per_page == 0
    assert read(lambda number: BASE + number * 9 * MIB, pages=192).bytes_per_page > 8 * MIB


def test_what_is_kept_is_bounded_by_the_window() -> None:
    assert len(read(sawtooth, pages=10_000, chunk=1).sizes) <= Growth().window + 1
