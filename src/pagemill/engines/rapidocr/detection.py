"""Finds text lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from rapidocr.ch_ppocr_det.utils import DBPostProcess

from pagemill.engines.pixels import Pixels, as_bgr, resize
from pagemill.engines.rapidocr.marks import marks_outside
from pagemill.engines.rapidocr.models import DetectionNetwork, Tensor
from pagemill.engines.rapidocr.strips import Quad
from pagemill.engines.rapidocr.tiles import tiles

_STRIDE = 32  # the network halves its input five times
_MOST_LINES = 5000
_FEW_MARKS = 20
_CERTAIN = 0.8  # text reaches 0.9 and more; an empty tile is undecided all over, at up to 0.48, in bfloat16 to 0.78
_FAINTEST = 8  # gray levels between paper and the faintest writing


@dataclass(frozen=True)
class DetectionLimits:
    """The size of the page image for finding lines.

    Attributes:
        pixels: Most pixels of the first pass, for any shape, and of any run of the network.
        fine_pixels: Most pixels of the second pass.
        small_print: If three quarters of the lines are at least this high, in pixels, the writing is large enough.
        overlooked: If this share of letter-sized marks is outside all lines, the first pass overlooked lines.
    """

    pixels: int = 960 * 704
    fine_pixels: int = 4 * 960 * 704
    small_print: float = 14.0
    overlooked: float = 0.35


class Detector:
    """Finds lines of text with RapidOCR's detection model.

    The first pass uses a small image, which suits print of ordinary size. If its lines are low, or letter-sized marks
    lie outside them, a second pass uses a larger one. A large image is cut into tiles, whose maps are joined before
    lines are made: it needs the memory of one tile.
    """

    def __init__(self, network: DetectionNetwork, limits: DetectionLimits) -> None:
        self._network = network
        self._limits = limits
        self._quads_from_map = DBPostProcess(
            thresh=0.3,
            box_thresh=0.5,
            max_candidates=_MOST_LINES,
            unclip_ratio=1.6,
            score_mode="fast",
            use_dilation=True,
        )

    def lines(self, pixels: Pixels) -> list[Quad]:
        """The quadrilaterals around the text lines, in any order, in pixels of the image."""
        area = pixels.shape[0] * pixels.shape[1]
        scale = min(1.0, math.sqrt(self._limits.pixels / area))
        finer = min(1.0, math.sqrt(self._limits.fine_pixels / area))
        quads = self._at_scale(pixels, scale)
        if finer > scale and self._too_small(pixels, quads, scale, finer):
            quads = self._at_scale(pixels, finer)
        self._network.shrink()
        return quads

    def _too_small(self, pixels: Pixels, quads: Sequence[Quad], scale: float, finer: float) -> bool:
        if quads and _low_height(quads) * scale < self._limits.small_print:
            return True
        marks, outside = marks_outside(pixels, quads, scale=finer)
        return outside >= _FEW_MARKS and outside > self._limits.overlooked * marks

    def _at_scale(self, pixels: Pixels, scale: float) -> list[Quad]:
        height, width = pixels.shape[:2]
        small_width, small_height = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = _pad(as_bgr(resize(pixels, small_width, small_height)))
        quads, _ = self._quads_from_map(self._text_map(canvas)[None, None], canvas.shape[:2])
        enlarged = np.array([width / small_width, height / small_height], dtype=np.float32)
        corner = np.array([width, height], dtype=np.float32)
        return [np.clip(np.asarray(quad, dtype=np.float32) * enlarged, 0, corner) for quad in quads]

    def _text_map(self, canvas: Pixels) -> Tensor:
        """How likely each pixel of the canvas belongs to a line."""
        joined: Tensor = np.zeros(canvas.shape[:2], dtype=np.float32)
        for columns, rows in tiles(canvas.shape[1], canvas.shape[0], most_pixels=self._limits.pixels):
            tile = _pad(canvas[rows.start : rows.stop, columns.start : columns.stop])
            if np.ptp(tile) < _FAINTEST:
                continue
            part = self._network(tile)
            if part.max() < _CERTAIN:
                continue
            kept = part[
                rows.keep_from - rows.start : rows.keep_to - rows.start,
                columns.keep_from - columns.start : columns.keep_to - columns.start,
            ]
            joined[rows.keep_from : rows.keep_to, columns.keep_from : columns.keep_to] = kept
        return joined


def _low_height(quads: Sequence[Quad]) -> float:
    """The height that three quarters of the lines exceed."""
    heights = [min(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[1] - quad[2])) for quad in quads]
    return float(np.quantile(heights, 0.25))


def _pad(bgr: Pixels) -> Pixels:
    """The image on a canvas that the network can halve, with extended edges so that no frame appears."""
    height, width = bgr.shape[:2]
    below, right = -height % _STRIDE, -width % _STRIDE
    return np.asarray(cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
