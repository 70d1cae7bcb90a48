"""How long tasks have still to go."""

from datetime import timedelta

import pytest

from pagemill.domain.reports.snapshot import TaskInLine
from pagemill.tasks.decisions.forecast import forecasts


def inside(name: str, pages: int) -> TaskInLine:
    return TaskInLine(name, waits=False, pages_left=pages)


def outside(name: str, pages: int) -> TaskInLine:
    return TaskInLine(name, waits=True, pages_left=pages)


def seconds_left(*line: TaskInLine, page_seconds: float | None = 1.0, places: int = 1) -> list[float | None]:
    told = forecasts(line, page_seconds=page_seconds, places=places)
    assert [forecast.task_id for forecast in told] == [task.task_id for task in line]
    return [None if each.time_left is None else each.time_left.total_seconds() for each in told]


def test_nobody_in_line_expects_nothing() -> None:
    assert seconds_left() == []


def test_one_alone_takes_as_long_as_its_pages() -> None:
    assert seconds_left(inside("a", 10), page_seconds=3.0, places=2) == [15.0]


def test_those_inside_share_the_places_and_end_when_all_of_the_work_is_done() -> None:
    assert seconds_left(inside("short", 2), inside("long", 10)) == [4.0, 12.0]


def test_who_waits_comes_after_all_that_stand_before() -> None:
    assert seconds_left(inside("a", 4), outside("b", 3), outside("c", 1)) == [4.0, 7.0, 8.0]


def test_places_in_the_line_are_counted_among_those_who_wait() -> None:
    told = forecasts([inside("a", 1), outside("b", 1), outside("c", 1)], page_seconds=1.0, places=1)
    assert [(forecast.position, forecast.pages_left) for forecast in told] == [(0, 1), (1, 1), (2, 1)]


def test_without_a_pace_nothing_is_said() -> None:
    assert seconds_left(inside("a", 4), outside("b", 3), page_seconds=None) == [None, None]


@pytest.mark.parametrize("places", [0, 1])
def test_no_places_are_no_division_by_zero(places: int) -> None:
    (told,) = forecasts([inside("a", 4)], page_seconds=2.0, places=places)
    assert told.time_left == timedelta(seconds=8)
