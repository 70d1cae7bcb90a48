"""Measures how the lines of a photographed page bend, and flattens its picture. Runs in workers only.

small picture ── strips, each compared with the next one, row by row ── slopes ── a smooth surface ── Bend
page ── straightened along the curves of the Bend ── engine ── places ── back along the curves
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pagemill.documents.ink import Gray
from pagemill.domain.page.page import Point, Rectangle

LEAST_BEND = 4.0
"""Pixels of a small picture (about 1400 rows) by which lines may differ from straight ones: engines read those well."""

MUCH = 10.0
"""Pixels of a small picture by which lines bend so much that words are lost, beyond doubt about the measurement."""

_Floats = NDArray[np.float64]

_STRIPS = 32
_STEEPEST = 8
"""Pixels by which a line may rise or fall from one strip to the next."""

_SKEW_DOUBT = 6.0
"""How much less is known of a skewed page: at 8 degrees straight lines seem to bend by 5 pixels."""

_LEVEL = 0.5
"""Pixels by which lines of a level page may rise or fall from one strip to the next."""

_AROUND = 31
_STANDS_OUT = 20
_WINDOW = 96
"""Rows that are compared at once: some five lines."""

_EVERY = 24
_ALIKE = 0.45
"""Correlation of neighbouring strips above which they show the same lines."""

_FAINT = 4.0
"""Ink, squared, below which a correlation is chance."""

_FEWEST = 60
"""Slopes that are needed to know a page's shape."""

_OUTLIER = 0.03
"""Rise over run by which a slope may differ from the surface."""

_AGREE = 0.6
"""Share of slopes that must agree with the surface."""

_ROUNDS = 8
_POWERS = tuple((i, j) for i in range(6) for j in range(3))
_OUTERMOST = 0.02
"""Share of the slopes at each side beyond which the surface is not known, and goes on at the same slope."""

_CURVES = 65
_TESTED = 9
_BESIDE = 0.08
_FEW = 12
_UNBENT: NDArray[np.float32] = np.repeat(np.linspace(0, 1, _CURVES, dtype=np.float32)[:, None], _CURVES, axis=1)
_MANY = 300
"""Slopes of a page full of writing."""

_WAVY = 0.12
"""Half of the slopes of a page in waves differ by more than this; on straight pages by up to 0.06."""

_ALIKE_BELOW = 0.4
_STRIPE = 256
_PASSES = 3
"""How often a page that bends much is flattened further: steep lines show little of their shape at first."""


@dataclass(frozen=True)
class Bend:
    """The curves that the lines of a page follow from left to right.

    Attributes:
        width_px: Width of the page.
        height_px: Height of the page.
        rows: Shape (curves, columns): the heights of curves that run through evenly spaced places in the middle of the
            page, as shares of its height. Columns are evenly spaced.
        box: Where the writing is that shows it, pixels of the page.
        most: The most that a line differs from a straight one, pixels of the small picture.
        is_straight: Whether lines are nearly straight on the flattened picture.
    """

    width_px: int
    height_px: int
    rows: NDArray[np.float32]
    box: Rectangle
    most: float
    is_straight: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the curves were found; of paper in waves, only that its lines bend is known."""
        return self.rows is not _UNBENT

    def flatten(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of the page, of any size, with straight lines; made in stripes to save memory."""
        flat = np.empty_like(pixels)
        height, width = pixels.shape[:2]
        across = np.arange(width, dtype=np.float32)
        for top in range(0, height, _STRIPE):
            rows = self._rows_between(top, min(height, top + _STRIPE), (height, width))
            columns = np.ascontiguousarray(np.broadcast_to(across, rows.shape))
            flat[top : top + _STRIPE] = cv2.remap(
                pixels, columns, rows * height, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        return flat

    def place(self, point: Point) -> Point:
        """A place on the flattened page, on the page as it was given."""
        curves, columns = self.rows.shape
        row = min(max(point[1] / self.height_px * (curves - 1), 0.0), curves - 1.001)
        column = min(max(point[0] / self.width_px * (columns - 1), 0.0), columns - 1.001)
        at, beside = int(row), int(column)
        upper, lower = self.rows[at : at + 2, beside : beside + 2] @ (1 - (column - beside), column - beside)
        return point[0], round(self.height_px * float(upper + (lower - upper) * (row - at)), 1)

    def then(self, other: "Bend") -> "Bend":
        """Both in one: the other one is that of the picture which this one flattened."""
        curves, columns = self.rows.shape
        across = np.ascontiguousarray(np.broadcast_to(np.arange(columns, dtype=np.float32), self.rows.shape))
        rows = cv2.remap(
            self.rows, across, other.rows * (curves - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return replace(self, rows=np.asarray(rows, dtype=np.float32))

    def _rows_between(self, top: int, bottom: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """The height on the page that each pixel of a stripe of a flattened picture shows."""
        (height, width), (curves, columns) = size, self.rows.shape
        down = np.arange(top, bottom, dtype=np.float32)[:, None] / height * (curves - 1)
        across = np.arange(width, dtype=np.float32)[None] / width * (columns - 1)
        shape = bottom - top, width
        column, row = (np.ascontiguousarray(np.broadcast_to(one, shape)) for one in (across, down))
        return np.asarray(cv2.remap(self.rows, column, row, cv2.INTER_LINEAR), dtype=np.float32)


def find_bend(gray: Gray, width_px: int, height_px: int) -> Bend | None:
    """How the lines of an upright page bend; None if they are straight or the picture does not show it.

    Args:
        gray: A small picture of the page, of some 1400 rows.
        width_px: Width of the page.
        height_px: Height of the page.
    """
    bend = _measure_bend(gray, width_px, height_px)
    if bend is None or not bend.is_known:
        return bend
    for _ in range(_PASSES):
        rest = _measure_bend(bend.flatten(gray), width_px, height_px)
        if rest is None:
            return replace(bend, is_straight=True)
        if not rest.is_known:
            return bend
        bend = bend.then(rest)
    rest = _measure_bend(bend.flatten(gray), width_px, height_px)
    return replace(bend, is_straight=rest is None or rest.most < MUCH)


def _measure_bend(gray: Gray, width_px: int, height_px: int) -> Bend | None:
    height, width = gray.shape
    if min(height, width) < 4 * _WINDOW:
        return None
    seen = _slopes(gray)
    surface = _Surface.fit(seen) if len(seen.slope) >= _FEWEST else None
    if surface is None:
        whole = 0.0, 0.0, float(width_px), float(height_px)
        return Bend(width_px, height_px, _UNBENT, whole, math.inf) if seen.are_of_waves else None
    doubt = 1 + _SKEW_DOUBT * abs(float(np.median(seen.slope)))
    most = surface.most_bend(seen, width / 2)
    if most < LEAST_BEND * doubt:
        return None
    rows = (_follow(surface, width / height) + 1) / 2
    left, top, right, bottom = ((one + 1) / 2 for one in surface.known)
    box = left * width_px, top * height_px, right * width_px, bottom * height_px
    return Bend(width_px, height_px, rows.astype(np.float32), box, most)


@dataclass(frozen=True)
class _Slopes:
    """Rise over run of the writing at places of a small picture; places from -1 to 1.

    `apart` is the typical difference of two slopes above each other that share no line.
    """

    x: _Floats
    y: _Floats
    slope: _Floats
    apart: float

    @property
    def are_of_waves(self) -> bool:
        """Whether slopes differ along lines, but not between a line and the next ones: paper in waves, no photo."""
        if len(self.slope) < _MANY:
            return False
        low, high = np.quantile(self.slope, (0.25, 0.75))
        return bool(high - low > _WAVY and self.apart < _ALIKE_BELOW * (high - low))


@dataclass(frozen=True)
class _Surface:
    """The slope at every place, as a polynomial; `known` is where slopes were seen: left, top, right, bottom."""

    weights: _Floats
    known: Rectangle

    @classmethod
    def fit(cls, seen: _Slopes) -> Self | None:
        """The polynomial with which most slopes agree; None if too few do."""
        terms, trust = _terms(seen.x, seen.y), np.ones(len(seen.slope))
        weights: _Floats = np.zeros(len(_POWERS))
        for _ in range(_ROUNDS):
            trusted = terms * trust[:, None]
            square, right = trusted.T @ terms + 0.01 * np.eye(len(_POWERS)), trusted.T @ seen.slope
            weights = np.asarray(np.linalg.solve(square, right), dtype=np.float64)
            trust = 1 / (1 + ((terms @ weights - seen.slope) / (_OUTLIER / 2)) ** 2)
        agree = np.abs(terms @ weights - seen.slope) < _OUTLIER
        if agree.mean() < _AGREE:
            return None
        edges = (_OUTERMOST, 1 - _OUTERMOST)
        (left, end), (top, bottom) = (np.quantile(one[agree], edges) for one in (seen.x, seen.y))
        return cls(weights, (float(left), float(top), float(end), float(bottom)))

    def slope(self, x: _Floats, y: _Floats) -> _Floats:
        """Rise over run at places."""
        left, top, right, bottom = self.known
        return _terms(np.clip(x, left, right), np.clip(y, top, bottom)) @ self.weights

    def most_bend(self, seen: _Slopes, unit: float) -> float:
        """The most that a line differs from a straight one where slopes were seen.

        Args:
            seen: The slopes.
            unit: What a distance of 1 is worth.
        """
        return unit * max(self._bend_at(y, seen) for y in np.linspace(self.known[1], self.known[3], _TESTED))

    def _bend_at(self, y: float, seen: _Slopes) -> float:
        near = seen.x[np.abs(seen.y - y) < _BESIDE]
        if len(near) < _FEW:
            return 0.0
        left, right = map(float, np.quantile(near, (_OUTERMOST, 1 - _OUTERMOST)))
        xs = np.linspace(left, right, _CURVES)
        rows = np.cumsum(self.slope(xs, np.full(_CURVES, y))) * (xs[1] - xs[0])
        return float(np.ptp(rows - np.linspace(rows[0], rows[-1], _CURVES)))


def _terms(x: _Floats, y: _Floats) -> _Floats:
    return np.stack([x**i * y**j for i, j in _POWERS], axis=-1)


def _follow(surface: _Surface, ratio: float) -> _Floats:
    """The curves through evenly spaced places in the middle; `ratio` is the page's width over its height."""
    xs, starts = np.linspace(-1, 1, _CURVES), np.linspace(-1, 1, _CURVES)
    rows, middle, step = np.empty((_CURVES, _CURVES)), _CURVES // 2, (xs[1] - xs[0])
    rows[:, middle] = starts
    for way in (1, -1):
        y: _Floats = starts
        for at in range(middle, _CURVES - 1 if way > 0 else 0, way):
            half = y + way * step / 2 * ratio * surface.slope(np.full(_CURVES, xs[at]), y)
            y = y + way * step * ratio * surface.slope(np.full(_CURVES, xs[at] + way * step / 2), half)
            rows[:, at + way] = y
    return rows


def _slopes(gray: Gray) -> _Slopes:
    """Slopes between neighbouring strips, where both clearly show the same lines; a skewed page is levelled first."""
    strips, step = _profiles(gray), gray.shape[1] // _STRIPS
    level = np.zeros(_STRIPS, dtype=np.intp)
    seen = _compare_strips(strips, level, gray.shape[1])
    fall = float(np.median(seen.slope)) * step if len(seen.slope) else 0.0
    if abs(fall) < _LEVEL:
        return seen
    lower = np.round(fall * (np.arange(_STRIPS) - _STRIPS / 2)).astype(np.intp)
    return _compare_strips(strips, lower, gray.shape[1])


def _compare_strips(strips: NDArray[np.float32], lower: NDArray[np.intp], width: int) -> _Slopes:
    """The slopes, after every strip was moved up by its number of rows in `lower`."""
    height, step = len(strips), width // _STRIPS
    if lower.any():
        places = (np.arange(height)[:, None] + lower) % height
        strips = np.take_along_axis(strips, places, axis=0)
    energy = np.asarray(cv2.blur(strips * strips, (1, _WINDOW)), dtype=np.float32)
    shifts = range(-_STEEPEST, _STEEPEST + 1)
    alike = np.stack([_compare(strips, energy, shift) for shift in shifts])
    best = np.clip(alike.argmax(axis=0), 1, len(shifts) - 2)
    before, at, after = (np.take_along_axis(alike, (best + by)[None], axis=0)[0] for by in (-1, 0, 1))
    kept = (at > _ALIKE) & (at >= before) & (at >= after)
    bow = np.minimum(before - 2 * at + after, -1e-9)
    exact = best - _STEEPEST + 0.5 * (before - after) / bow + np.diff(lower)
    grid = np.where(kept, exact / step, np.nan)
    beyond = _WINDOW // _EVERY
    apart = np.abs(grid[beyond:] - grid[:-beyond])
    rows, pairs = np.nonzero(kept)
    x, y = (pairs + 1) * step / width, (rows * _EVERY + _EVERY / 2 + lower[pairs]) / height
    typical = float(np.nanmedian(apart)) if np.isfinite(apart).any() else 0.0
    return _Slopes(2 * x - 1, 2 * y - 1, grid[kept].astype(np.float64), typical)


def _profiles(gray: Gray) -> NDArray[np.float32]:
    """Shape (rows, strips): ink in each row of each strip, less its surroundings'."""
    around = cv2.blur(gray, (_AROUND, _AROUND))
    ink = np.clip(cv2.absdiff(gray, around), _STANDS_OUT, _STANDS_OUT + 60) - _STANDS_OUT
    step = gray.shape[1] // _STRIPS
    strips = cv2.resize(
        ink[:, : step * _STRIPS].astype(np.float32), (_STRIPS, gray.shape[0]), interpolation=cv2.INTER_AREA
    )
    return np.asarray(strips - cv2.blur(strips, (1, _AROUND)), dtype=np.float32)


def _compare(strips: NDArray[np.float32], energy: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """How alike strips and their right neighbours are, these taken `shift` rows lower; shape (windows, pairs)."""
    right, its_energy = (np.roll(one[:, 1:], -shift, axis=0) for one in (strips, energy))
    both = cv2.blur(np.ascontiguousarray(strips[:, :-1] * right), (1, _WINDOW))
    windows = slice(_EVERY // 2, None, _EVERY)
    norm = np.sqrt(energy[windows, :-1] * its_energy[windows] + _FAINT)
    return np.asarray(both[windows] / norm, dtype=np.float32)
