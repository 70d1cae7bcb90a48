"""The lowest straight line above all points, from which the peak of a page is learned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """`intercept + slope · x`, never falling."""

    intercept: float
    slope: float

    def at(self, x: float) -> float:
        """Its height at x."""
        return self.intercept + self.slope * x


def lowest_line_above(points: Sequence[Point]) -> Line:
    """The line with the smallest sum of distances among all lines that do not fall and have no point above them.

    That sum is smallest if the line is lowest at the mean of x. There, the lowest line above all points is the edge of
    their upper convex hull. (This is quantile regression for the quantile 1, solved exactly.)
    """
    mean = fmean(x for x, _ in points)
    hull = _upper_hull(points)
    for (left, below), (right, above) in pairwise(hull):
        if left <= mean <= right and above > below:
            slope = (above - below) / (right - left)
            return Line(below - slope * left, slope)
    return Line(max(y for _, y in points), 0.0)


def envelope(points: Sequence[Point], *, exceptions: int = 0) -> Line:
    """The lowest line above all points except this many; it drops one point at a time, the most influential first."""
    line = lowest_line_above(points)
    if exceptions <= 0 or len(points) <= exceptions + 1:
        return line
    mean = fmean(x for x, _ in points)
    rests = [_without_point(points, point) for point in _find_touched(points, line)]
    return envelope(min(rests, key=lambda rest: lowest_line_above(rest).at(mean)), exceptions=exceptions - 1)


def _find_touched(points: Sequence[Point], line: Line) -> Iterable[Point]:
    slack = 1e-9 * max(1.0, max(y for _, y in points))
    return {(x, y) for x, y in points if line.at(x) - y <= slack}


def _without_point(points: Sequence[Point], left_out: Point) -> Sequence[Point]:
    index = points.index(left_out)
    return [*points[:index], *points[index + 1 :]]


def _upper_hull(points: Sequence[Point]) -> list[Point]:
    """The upper hull from left to right (Andrew's monotone chain); of points with equal x, only the highest counts."""
    highest: dict[float, float] = {}
    for x, y in points:
        highest[x] = max(y, highest.get(x, y))
    hull: list[Point] = []
    for point in sorted(highest.items()):
        while len(hull) >= 2 and not _turns_right(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_right(first: Point, second: Point, third: Point) -> bool:
    cross = (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])
    return cross < 0
