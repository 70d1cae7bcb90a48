"""Upright boxes around text lines, corrected for the page's skew."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pagemill.domain.page.page import Line, Point, Polygon, Word

STEEPEST_SKEW = 0.2
"""Rise over run beyond which a slope means a rotated line and not a skewed page."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle around one line of text; x to the right, y down, in pixels."""

    line: Line
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.y1 - self.y0

    @property
    def middle(self) -> float:
        """Halfway between top and bottom."""
        return (self.y0 + self.y1) / 2

    @property
    def size(self) -> float:
        """The height of the writing: the box's height, or its width if the line runs up or down the page."""
        return min(self.width, self.height) if len(self.line.text) > 1 else self.height

    @property
    def is_upended(self) -> bool:
        """Whether the line runs up or down the page: its outline begins so, or it is far higher than wide."""
        return self._leads_down or (self.height > 2 * self.width and len(self.line.text) > 1)

    @property
    def runs_up(self) -> bool:
        """Whether an upended line reads from bottom to top."""
        return self._leads_down and self.line.polygon[1][1] < self.line.polygon[0][1]

    @property
    def _leads_down(self) -> bool:
        (ax, ay), (bx, by) = self.line.polygon[:2]
        return abs(by - ay) > abs(bx - ax)

    def shares_row(self, other: "Box") -> bool:
        """Whether the two are side by side: they overlap by half of the lower one's height."""
        top, bottom, other_top, other_bottom = self.y0, self.y1, other.y0, other.y1
        height, other_height = bottom - top, other_bottom - other_top
        lower = height if height < other_height else other_height
        shared = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
        return shared > 0.5 * lower

    def gap_beside(self, other: "Box") -> float:
        """White space between the two along x; negative if they overlap."""
        after, before = other.x0 - self.x1, self.x0 - other.x1
        return after if after > before else before


def typical_size(boxes: Iterable[Box]) -> float:
    """Median height of the writing, pixels; never zero."""
    return median(box.size for box in boxes) or 1.0


def upright_boxes(lines: Sequence[Line], *, width_px: int, height_px: int, slope: float | None = None) -> list[Box]:
    """Boxes of the lines after turning the page about its centre until its lines are level.

    Lines with upright rectangles only are corrected: their words give the slope, and a rectangle around a slanting line
    is reduced to the height of its writing. `slope` defaults to `page_slope`.
    """
    slope = page_slope(lines) if slope is None else slope
    if slope == 0:
        return [_box(line, line.polygon) for line in lines]
    cosine, sine = math.cos(math.atan(slope)), math.sin(math.atan(slope))
    centre_x, centre_y = width_px / 2, height_px / 2

    def turn_point(point: Point) -> Point:
        x, y = point[0] - centre_x, point[1] - centre_y
        return x * cosine + y * sine + centre_x, y * cosine - x * sine + centre_y

    boxes = []
    for line in lines:
        box = _box(line, tuple(turn_point(point) for point in line.polygon))
        boxes.append(_slim(box, abs(sine)) if _is_upright(line.polygon) else box)
    return boxes


def _slim(box: Box, sine: float) -> Box:
    """The size of a rectangle before the page was turned: as long as its line, without the height the slant adds."""
    (ax, ay), (bx, _), (_, _), (_, dy) = box.line.polygon
    width, height = abs(bx - ax), abs(dy - ay)
    less = sine * width if width > height else 0.0
    high, middle_x, middle_y = max(0.4 * height, height - less), (box.x0 + box.x1) / 2, box.middle
    wide = max(0.4 * width, width - sine * high)
    return Box(box.line, middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2)


def _is_upright(polygon: Polygon) -> bool:
    if len(polygon) != 4:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = polygon
    return ay == by and cy == dy and ax == dx and bx == cx


def enclosing_polygon(lines: Iterable[Line | Word]) -> Polygon:
    """The upright rectangle around some lines or words, with the page's skew."""
    points = [point for line in lines for point in line.polygon]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _box(line: Line, polygon: Polygon) -> Box:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return Box(line, min(xs), min(ys), max(xs), max(ys))


def page_slope(lines: Sequence[Line]) -> float:
    """Rise over run: the median of the long lines, because short ones say little about the page's skew."""
    slopes = [slope for slope in map(_line_slope, lines) if slope is not None]
    return median(slopes) if slopes else 0.0


def _line_slope(line: Line) -> float | None:
    """The page's skew according to this line; an upended line leans to the side as much as level ones rise or fall."""
    if len(line.polygon) != 4:
        return None
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = line.polygon
    run, rise = bx + cx - ax - dx, by + cy - ay - dy
    thickness = abs(cy + dy - ay - by)
    if abs(rise) > abs(run):
        run, rise, thickness = abs(rise), math.copysign(run, -run * rise), abs(cx + dx - ax - bx)
    if run <= 4 * thickness or abs(rise) > STEEPEST_SKEW * run:
        return None
    return _slope_of_words(line) if rise == 0 else rise / run


def _slope_of_words(line: Line) -> float | None:
    """The slope of a line with an upright outline: from its first word to its last; 0 if it has only a few."""
    if len(line.words) < 3:
        return None if line.words else 0.0
    (first_x, first_y), (last_x, last_y) = _centre(line.words[0].polygon), _centre(line.words[-1].polygon)
    run, rise = last_x - first_x, last_y - first_y
    return rise / run if run > 0 and abs(rise) <= STEEPEST_SKEW * run else None


def _centre(polygon: Polygon) -> Point:
    return sum(x for x, _ in polygon) / len(polygon), sum(y for _, y in polygon) / len(polygon)
