import pytest

from pagemill.domain.memory import CPU, MemoryLevel, MemoryReading
from pagemill.memory.levels import Levels, Polling, Runway, next_level, poll_interval

NORMAL, SOFT, HARD, EMERGENCY = MemoryLevel


@pytest.mark.parametrize(
    ("previous", "used", "expected"),
    [
        (NORMAL, 799, NORMAL),
        (NORMAL, 800, SOFT),
        (NORMAL, 900, HARD),
        (NORMAL, 950, EMERGENCY),
        (NORMAL, 2000, EMERGENCY),
        (SOFT, 751, SOFT),
        (SOFT, 750, NORMAL),
        (HARD, 851, HARD),
        (HARD, 850, SOFT),
        (HARD, 750, NORMAL),
        (EMERGENCY, 901, EMERGENCY),
        (EMERGENCY, 900, HARD),
        (EMERGENCY, 850, SOFT),
        (EMERGENCY, 0, NORMAL),
        (SOFT, 899, SOFT),
    ],
)
def test_levels_are_entered_at_their_per_cent_and_left_five_points_below(
    previous: MemoryLevel, used: int, expected: MemoryLevel
) -> None:
    reading = MemoryReading(CPU, 1000, used, "test")
    assert next_level(previous, reading, bytes_per_s=0.0, levels=Levels(), polling=Polling()) is expected


@pytest.mark.parametrize(
    ("bytes_per_s", "expected"),
    [(0.0, NORMAL), (-1e9, NORMAL), (12_499.0, NORMAL), (12_500.0, EMERGENCY), (1e9, EMERGENCY)],
)
def test_an_emergency_is_where_two_shortest_polls_reach_the_limit(bytes_per_s: float, expected: MemoryLevel) -> None:
    reading = MemoryReading(CPU, 1000, 500, "test")  # 500 bytes in 2 polls of 20 ms are 12 500 a second
    assert next_level(NORMAL, reading, bytes_per_s=bytes_per_s, levels=Levels(), polling=Polling()) is expected


def test_a_device_without_memory_is_an_emergency() -> None:
    reading = MemoryReading(CPU, 0, 0, "test")
    assert next_level(NORMAL, reading, bytes_per_s=0.0, levels=Levels(), polling=Polling()) is EMERGENCY


@pytest.mark.parametrize(
    ("runways", "expected"),
    [
        ([], 1.0),
        ([Runway(100, 0.0)], 1.0),
        ([Runway(100, -5.0)], 1.0),
        ([Runway(100, 1.0)], 1.0),
        ([Runway(100, 500.0)], 0.1),
        ([Runway(100, 500.0), Runway(100, 1000.0)], 0.05),
        ([Runway(100, 1e6)], 0.02),
        ([Runway(0, 1.0)], 0.02),
    ],
)
def test_the_next_look_is_half_way_to_the_nearest_line(runways: list[Runway], expected: float) -> None:
    assert poll_interval(runways, Polling()) == pytest.approx(expected)


@pytest.mark.parametrize(("used", "expected"), [(1000, 250), (751, 1), (750, 0), (0, 0)])
def test_the_soft_excess_is_what_must_come_back_to_leave_the_soft_level(used: int, expected: int) -> None:
    assert Levels().soft_excess(MemoryReading(CPU, 1000, used, "test")) == expected
