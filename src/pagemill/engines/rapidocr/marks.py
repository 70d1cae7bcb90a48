"""Counts marks of a letter's size on a page, to see whether text lines were overlooked."""

from collections.abc import Sequence

import cv2
import numpy as np

from pagemill.engines.pixels import Pixels, resize
from pagemill.engines.rapidocr.strips import Quad

_NEIGHBOURHOOD = 31
_DARKER_BY = 20  # gray levels below the neighbourhood's mean from which a pixel is ink and not noise
_SMALLEST = 4
_LARGEST = 40
_LEAST_AREA = 8


def marks_outside(pixels: Pixels, quads: Sequence[Quad], *, scale: float) -> tuple[int, int]:
    """The number of letter-sized marks, and how many of them lie outside the quadrilaterals.

    Args:
        pixels: The page.
        quads: Text lines found on it, in its pixels.
        scale: The scale of the search; letters smaller than 4 pixels at this scale are ignored.
    """
    gray = _gray(resize(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))))
    ink = cv2.adaptiveThreshold(
        gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _NEIGHBOURHOOD, _DARKER_BY
    )
    _, _, sizes, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    width, height, area = sizes[1:, cv2.CC_STAT_WIDTH], sizes[1:, cv2.CC_STAT_HEIGHT], sizes[1:, cv2.CC_STAT_AREA]
    like_letters = (height >= _SMALLEST) & (np.maximum(width, height) <= _LARGEST) & (area >= _LEAST_AREA)
    covered = np.zeros(gray.shape, dtype=np.uint8)
    for quad in quads:
        cv2.fillPoly(covered, [np.round(quad * scale).astype(np.int32)], (1,))
    columns, rows = centres[1:][like_letters].astype(int).T
    return int(like_letters.sum()), int((covered[rows, columns] == 0).sum())


def _gray(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
