"""Where the text lines stand."""

from dataclasses import dataclass

import cv2
import numpy as np
from rapidocr.ch_ppocr_det.utils import DBPostProcess

from pagemill.engines.rapidocr.models import Network
from pagemill.engines.rapidocr.pixels import Pixels, as_bgr, normalised, resized
from pagemill.engines.rapidocr.strips import Quad

_STRIDE = 32  # the network halves its input five times


@dataclass(frozen=True)
class DetectionLimits:
    """How large an image the detection network is given.

    Attributes:
        pixels: Most pixels after resizing; what bounds its memory, whatever the page's shape.
    """

    pixels: int = 960 * 704


class Detector:
    """Finds lines of text with RapidOCR's detection model."""

    def __init__(self, network: Network, limits: DetectionLimits) -> None:
        self._network = network
        self._limits = limits
        self._boxes_from_map = DBPostProcess(
            thresh=0.3, box_thresh=0.5, max_candidates=1000, unclip_ratio=1.6, score_mode="fast", use_dilation=True
        )

    def lines(self, pixels: Pixels) -> list[Quad]:
        """The quadrilaterals around the lines of text, in no particular order."""
        height, width = pixels.shape[:2]
        scale = min(1.0, (self._limits.pixels / (width * height)) ** 0.5)
        small_width, small_height = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = _padded(as_bgr(resized(pixels, small_width, small_height)))
        text_map = self._network(normalised(canvas))
        self._network.shrink()
        boxes, _ = self._boxes_from_map(text_map, canvas.shape[:2])
        return [
            _onto_page(np.asarray(box, dtype=np.float32), width / small_width, height / small_height, width, height)
            for box in boxes
        ]


def _padded(bgr: Pixels) -> Pixels:
    """The image on a canvas the network can halve, its edges drawn out so that no frame appears."""
    height, width = bgr.shape[:2]
    below, right = -height % _STRIDE, -width % _STRIDE
    return np.asarray(cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)


def _onto_page(box: Quad, scale_x: float, scale_y: float, width: int, height: int) -> Quad:
    scaled = box * np.array([scale_x, scale_y], dtype=np.float32)
    return np.minimum(np.maximum(scaled, 0), np.array([width, height], dtype=np.float32))
