"""Levels skewed pages for engines that need level lines. Runs in a worker.

picture ── skew ── turned level ── engine ── lines ── turned back: places in the page as it was given
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pagemill.domain.page.page import Line, Point, Polygon, Word

LEAST_DEGREES = 2.0
"""Skew that engines tolerate: Tesseract lost nothing at 2 degrees, 0.4 % of the letters at 4, all at 8."""

MOST_DEGREES = 12.0
_LOOKED_AT = 1000
_LEAST_CONTRAST = 12
_INK = 0.4
"""Share of the highest contrast from which a pixel is part of a letter."""

_CLEARLY_LEVELLER = 1.3


def read_level(picture: Image.Image, read: Callable[[Image.Image], Sequence[Line]]) -> list[Line]:
    """Level a gray picture, and return the lines that `read` finds, in coordinates of the original picture."""
    degrees = skew_degrees(picture)
    if abs(degrees) < LEAST_DEGREES:
        return list(read(picture))
    level = picture.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    return [_turned_back(line, degrees, level.size, picture.size) for line in read(level)]


def skew_degrees(picture: Image.Image) -> float:
    """How far the writing runs down to the right, clockwise degrees; 0 if unknown.

    Rows of a level page are full or empty: of all angles tried, the page's own separates them best.
    """
    down, across = _ink(picture)
    if not len(down):
        return 0.0
    coarse = np.arange(-MOST_DEGREES, MOST_DEGREES + 0.25, 0.5)
    best = _find_best(coarse, down, across)
    best = _find_best(best + np.arange(-0.4, 0.45, 0.1), down, across)
    is_clear = _measure_parting(best, down, across) > _CLEARLY_LEVELLER * _measure_parting(0.0, down, across)
    return best if is_clear and abs(best) <= MOST_DEGREES else 0.0


def _ink(picture: Image.Image) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pixels that contrast with their surroundings, on a small copy of the picture."""
    small = picture.reduce(max(1, math.ceil(max(picture.size) / _LOOKED_AT)))
    around = small.filter(ImageFilter.BoxBlur(12))
    darker = np.asarray(around, dtype=np.int16) - np.asarray(small, dtype=np.int16)
    written = darker if darker.max() >= -darker.min() else -darker  # letters stand out more than the paper beside them
    rows, columns = np.nonzero(written > max(_LEAST_CONTRAST, _INK * int(written.max())))
    return rows, columns


def _find_best(degrees: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    return float(max(degrees, key=lambda one: _measure_parting(one, rows, columns)))


def _measure_parting(degrees: float, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    """How unevenly the ink falls into rows at that angle."""
    slanted = rows - columns * math.tan(math.radians(degrees))
    counts = np.bincount((slanted - slanted.min()).astype(np.intp))
    return float((counts.astype(np.float64) ** 2).sum())


def _turned_back(line: Line, degrees: float, level: tuple[int, int], size: tuple[int, int]) -> Line:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def point(at: Point) -> Point:
        x, y = at[0] - level[0] / 2, at[1] - level[1] / 2
        return x * cosine - y * sine + size[0] / 2, x * sine + y * cosine + size[1] / 2

    def polygon(corners: Polygon) -> Polygon:
        return tuple(map(point, corners))

    words = tuple(Word(text=one.text, polygon=polygon(one.polygon), confidence=one.confidence) for one in line.words)
    return line.model_copy(update={"polygon": polygon(line.polygon), "words": words})
