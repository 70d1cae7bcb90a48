"""Pictures of single lines, cut from the page on demand: all at once would need more memory than the page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidocr.utils.process_img import get_rotate_crop_image

from pagemill.engines.pixels import Pixels

Quad = NDArray[np.float32]
"""Corners of a line, shape (4, 2), clockwise from the top left, in pixels of the page image."""

LONGEST = 64
"""Aspect from which a strip is read in pieces: a line of some 130 letters."""

_LAID_DOWN_FROM = 1.5  # get_rotate_crop_image turns a crop on its side from this ratio of height to width on


@dataclass(frozen=True)
class LineStrip:
    """One line of text on a page image.

    Attributes:
        page: The whole page.
        quad: The line's corners on the page.
        upside_down: Whether to turn its picture by 180 degrees.
    """

    page: Pixels
    quad: Quad
    upside_down: bool = False

    @cached_property
    def runs_down(self) -> bool:
        """Whether the line is taller than wide, so that its picture is turned with its top to the left."""
        width, height = self._sides
        return height >= _LAID_DOWN_FROM * width

    @property
    def length(self) -> int:
        """Longer side, page pixels."""
        return max(self._sides)

    @property
    def aspect(self) -> float:
        """Width over height of the picture."""
        width, height = self._sides
        return height / width if self.runs_down else width / height

    def picture(self) -> Pixels:
        """The rectified line, level."""
        crop = np.asarray(get_rotate_crop_image(self.page, self.quad.copy()), dtype=np.uint8)
        return crop[::-1, ::-1] if self.upside_down else crop

    def part(self, start: float, end: float) -> Quad:
        """The stretch between two fractions of the line's length, corners clockwise from the top left."""
        top_left, top_right, bottom_right, bottom_left = self.quad
        if self.runs_down:
            left, right = bottom_left - top_left, bottom_right - top_right
            corners = (
                top_left + left * start,
                top_right + right * start,
                top_right + right * end,
                top_left + left * end,
            )
        else:
            top, bottom = top_right - top_left, bottom_right - bottom_left
            corners = (
                top_left + top * start,
                top_left + top * end,
                bottom_left + bottom * end,
                bottom_left + bottom * start,
            )
        return np.array(corners, dtype=np.float32)

    def cut(self, start: float, end: float) -> "LineStrip":
        """The stretch between two fractions of the line's length as a strip of its own."""
        return LineStrip(self.page, self.part(start, end))

    def flip(self) -> "LineStrip":
        """The same line with its picture turned by 180 degrees."""
        return replace(self, upside_down=not self.upside_down)

    @cached_property
    def _sides(self) -> tuple[int, int]:
        top, right, bottom, left = (float(np.linalg.norm(self.quad[i] - self.quad[(i + 1) % 4])) for i in range(4))
        return max(1, int(max(top, bottom))), max(1, int(max(left, right)))


def pieces(strip: LineStrip) -> Iterator[LineStrip]:
    """The strip itself or, if it is too long for one run of the model, its parts, cut between words."""
    count = math.ceil(strip.aspect / LONGEST)
    cuts = _gaps(strip.picture(), count) if count > 1 else []
    for start, end in pairwise([0.0, *cuts, 1.0]):
        yield replace(strip, quad=strip.part(start, end)) if cuts else strip


def _gaps(picture: Pixels, count: int) -> list[float]:
    """Where to cut a picture into `count` parts: near equal lengths, where a stretch as wide as a space is emptiest."""
    height, width = picture.shape[:2]
    samples = picture.reshape(height, width, -1)
    contrast = np.ptp(samples, axis=(0, 2)).astype(np.float64)
    ink = np.convolve(contrast, np.ones(max(1, height // 4)), mode="same")
    cuts = []
    for index in range(1, count):
        first = max(0, index * width // count - 3 * height)
        cuts.append((first + int(np.argmin(ink[first : index * width // count + 3 * height]))) / width)
    return cuts
