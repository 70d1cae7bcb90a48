"""Separates the inks of a coloured picture: black without the colour, and the colour without the black.

    picture ──▶ optical densities ──▶ black ink     text under a stamp, as if the stamp were not there
                                  └─▶ coloured ink  the stamp, as if the text were not there

Densities of inks that are printed on each other add up, so each pixel is a sum of both inks on the paper, which three
channels determine. A background counts as an ink: light letters on it are gaps in that ink. Runs in workers only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pagemill.documents.page_frame import Rect
from pagemill.domain.page.regions import join_rects

Gray = NDArray[np.uint8]
"""Shape (rows, columns)."""

Colours = NDArray[np.uint8]
"""Shape (rows, columns, 3): red, green, blue."""

_Numbers = NDArray[np.float32]

COLOURFUL = 45
"""A pixel has a colour if its strongest and weakest channels differ by at least this many levels, on white paper."""

MOST_TINT, LEAST_LIGHT = 70, 120
"""Paper is tinted by at most this many levels, and no darker than this level."""

_SAMPLED = 20_000
_MOST_JUDGED = 100_000
"""Coloured pixels from which a separation is made; memory does not grow with a region."""

LEAST_PIXELS = 60
"""Fewest coloured pixels of a region that may hold letters, at the resolution of the search."""

_REACH = 15
"""Pixels between parts of one region."""

MOST_REGIONS = 6
_ROWS_AT_ONCE = 128
_DARKEST = 16.0
"""Levels of the darkest ink: without it, grain in black would count as much as colour in white."""

_DENSITIES = np.log((255.0 + _DARKEST) / (np.arange(256) + _DARKEST)).astype(np.float32)
_GRAY_INK = np.full(3, 1 / np.sqrt(3), dtype=np.float32)
_INKED = 0.3
"""A pixel is under the coloured ink if it has at least this share of the ink's full density."""

_COLOUR_OF_BLACK = 0.25
"""How much of black ink may seem coloured."""

_FULL_BLACK = 2.0
"""Density of black ink where nothing covers it, at the least."""

_LEAST_BLACK, _MOST_GAIN = 0.12, 12.0
"""Opaque ink lets little of the black under it through; less than this is grain, not a letter."""


@dataclass(frozen=True)
class Separation:
    """How to separate the inks of pixels.

    Attributes:
        parts: Shape (3, 2): the amount of each ink per density in each channel.
        paper: Density of the paper in each channel.
        full: Density of the coloured ink where it is full.
        gain: Factor for black under the coloured ink.
    """

    parts: _Numbers
    paper: _Numbers
    full: float
    gain: float

    def inks(self, pixels: Colours) -> tuple[Gray, Gray]:
        """Two pictures on white paper: black ink alone, and coloured ink alone, in black."""
        black = np.empty(pixels.shape[:2], dtype=np.uint8)
        colour = np.empty(pixels.shape[:2], dtype=np.uint8)
        for top in range(0, pixels.shape[0], _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            black[rows], colour[rows] = self._inks(pixels[rows])
        return black, colour

    def _inks(self, pixels: Colours) -> tuple[Gray, Gray]:
        amounts = np.maximum((_DENSITIES[pixels] - self.paper) @ self.parts, 0)
        black, colour = amounts[..., 0], amounts[..., 1]
        colour = np.maximum(colour - _COLOUR_OF_BLACK * black, 0)
        if self.gain > 1:
            black = np.where(colour > _INKED * self.full, black * self.gain, black)
        return _as_gray(black / np.sqrt(3)), _as_gray(colour * (_FULL_BLACK / self.full))


def separation_of(pixels: Colours) -> Separation | None:
    """How to separate black and the most frequent colour of a picture; None if it has no colour."""
    flat = pixels.reshape(-1, 3)
    paper = np.asarray(_DENSITIES[_paper_levels(flat)], dtype=np.float32)
    with_colour = flat[coloured_pixels(pixels).reshape(-1) > 0]
    if not len(with_colour):
        return None
    sample = with_colour[:: max(1, len(with_colour) // _MOST_JUDGED)]
    coloured = np.maximum(_DENSITIES[sample] - paper, 0)
    ink = _most_frequent(coloured)
    full = float(np.linalg.norm(ink))
    ink /= full
    parts = np.linalg.pinv(np.stack([_GRAY_INK, ink], axis=1)).T.astype(np.float32)
    amounts = coloured @ parts
    under = amounts[amounts[:, 1] > _INKED * full, 0]
    black = float(np.quantile(under, 0.98)) if len(under) else 0.0
    gain = min(_MOST_GAIN, max(1.0, _FULL_BLACK / black)) if black > _LEAST_BLACK else 1.0
    return Separation(parts, paper, full, gain)


def coloured_pixels(pixels: Colours) -> Gray:
    """1 where a picture has colour, 0 elsewhere; gray and the tint of the paper do not count as colour."""
    _, tinted = cv2.threshold(_spread(pixels), COLOURFUL * LEAST_LIGHT // 255 - 1, 1, cv2.THRESH_BINARY)
    if cv2.countNonZero(tinted) < LEAST_PIXELS:
        return np.zeros(pixels.shape[:2], dtype=np.uint8)  # a short way for gray pages, whatever their tint
    light = _paper_levels(pixels.reshape(-1, 3))
    whole = np.minimum(pixels.astype(np.uint16) * 255 // light, 255).astype(np.uint8)
    return (_spread(whole) >= COLOURFUL).astype(np.uint8)


def regions_of(coloured: Gray) -> list[Rect]:
    """A few rectangles around these pixels; none on gray pages, at almost no cost."""
    if cv2.countNonZero(coloured) < LEAST_PIXELS:
        return []
    near = cv2.dilate(coloured, np.ones((_REACH, _REACH), dtype=np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    rects = list(_large_enough(coloured, stats[1:count].tolist()))
    return join_rects(rects, gap=_REACH, most=MOST_REGIONS)


def _large_enough(coloured: Gray, stats: list[list[int]]) -> Iterator[Rect]:
    for left, top, width, height, _ in stats:
        if cv2.countNonZero(coloured[top : top + height, left : left + width]) >= LEAST_PIXELS:
            yield left, top, left + width, top + height


def _spread(pixels: Colours) -> Gray:
    """Levels between the strongest and the weakest channel, one for each pixel."""
    red, green, blue = cv2.split(pixels)
    strongest, weakest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return np.asarray(cv2.subtract(strongest, weakest), dtype=np.uint8)


def _paper_levels(flat: Colours) -> NDArray[np.uint16]:
    """The levels of the lightest pixels, if they are paper; otherwise white."""
    sample = flat[:: max(1, len(flat) // _SAMPLED)]
    light = np.quantile(sample, 0.9, axis=0).astype(np.uint16)
    is_paper = int(light.max()) - int(light.min()) < MOST_TINT and int(light.min()) > LEAST_LIGHT
    return light if is_paper else np.full(3, 255, dtype=np.uint16)


def _most_frequent(densities: _Numbers) -> _Numbers:
    """The colour that most of the pixels have: the median of those that are nearest to it."""
    steps = np.minimum((densities / 0.25).astype(np.int32), 31)
    codes = (steps[:, 0] * 32 + steps[:, 1]) * 32 + steps[:, 2]
    values, counts = np.unique(codes, return_counts=True)
    return np.asarray(np.median(densities[codes == values[np.argmax(counts)]], axis=0), dtype=np.float32)


def _as_gray(densities: _Numbers) -> Gray:
    return np.asarray(255 * np.exp(-densities), dtype=np.uint8)
