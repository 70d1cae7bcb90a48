import pytest

from pagemill.memory.envelope import Line, Point, envelope, lowest_line_above


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([(5, 7)], Line(7, 0), id="one point"),
        pytest.param([(5, 7), (5, 9), (5, 8)], Line(9, 0), id="one size"),
        pytest.param([(0, 1), (1, 3), (2, 5)], Line(1, 2), id="on a line"),
        pytest.param([(0, 1), (1, 0), (2, 5)], Line(1, 2), id="one below the line"),
        pytest.param([(0, 5), (1, 3), (2, 1)], Line(5, 0), id="it never falls"),
        pytest.param([(0, 0), (2, 4), (4, 4)], Line(0, 2), id="the edge at the mean"),
        pytest.param([(0, 0), (1, 4), (3, 8), (3, 8)], Line(2, 2), id="the edge above most points"),
    ],
)
def test_the_lowest_line_above(points: list[Point], expected: Line) -> None:
    assert lowest_line_above(points) == expected


def test_so_many_exceptions_are_left_above() -> None:
    steady: list[Point] = [(x, 10.0 + x) for x in range(20)]
    wild: list[Point] = [(3, 500.0), (12, 900.0)]
    assert envelope([*steady, *wild], exceptions=2) == Line(10.0, 1.0)
    one_left = envelope([*steady, *wild], exceptions=1)
    assert one_left.at(3) >= 500
    assert one_left.at(12) < 900


def test_exceptions_never_leave_nothing() -> None:
    assert envelope([(1, 5), (2, 5)], exceptions=5) == Line(5, 0)
