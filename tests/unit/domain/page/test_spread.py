"""How durations are spread."""

from datetime import timedelta

import pytest

from pagemill.domain.reports.snapshot import Spread


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], (0, 0, 0, 0)),
        ([7], (1, 7, 7, 7)),
        ([3, 1, 2], (3, 2, 3, 3)),
        ([*range(1, 101)], (100, 50, 90, 99)),
        ([*range(200, 0, -1)], (200, 100, 180, 198)),
    ],
)
def test_so_many_of_a_hundred_are_no_longer(seconds: list[int], expected: tuple[int, int, int, int]) -> None:
    spread = Spread.of(timedelta(seconds=each) for each in seconds)
    told = (spread.p50.total_seconds(), spread.p90.total_seconds(), spread.p99.total_seconds())
    assert (spread.count, *told) == expected
