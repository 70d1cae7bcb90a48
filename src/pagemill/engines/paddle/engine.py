"""The engine: one page image in, one `Page` out. Runs in a worker, under the interpreter of Paddle's environment."""

import gc
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.layout import Region, blocks_by_layout
from pagemill.domain.page.page import Block, BlockKind, Line, Page
from pagemill.domain.page.tables import table_block
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import assemble
from pagemill.engines.failures import engine_errors
from pagemill.engines.paddle.layout import table_cells
from pagemill.engines.paddle.lines import page_lines
from pagemill.engines.paddle.models import STRUCTURE, Pipeline, how_to_get
from pagemill.engines.paddle.pipelines import RawPage, Reading, make_reader
from pagemill.engines.pixels import Pixels, as_bgr, pixels_of, turn
from pagemill.engines.upright import read_upright

_SMALLEST_SIDE = 32
_LOOKED_AT_PIXELS = 1536 * 1088
"""Most pixels of the image for finding lines: an A4 page at 130 dpi."""
_SAME_TABLE = 0.7
"""Cells belong to a region if this much of the smaller is inside the larger."""


class PaddleEngine:
    """A pipeline of PaddleOCR and the path of a page through it."""

    reads_ink = True

    def __init__(self, config: EngineConfig, pipeline: Pipeline) -> None:
        folder = Path(sys.prefix) / "models"
        if remedy := how_to_get(pipeline, config.options, folder):
            raise EngineFailed(remedy)
        self._name = pipeline.engine
        self._profile = config.profile
        self._has_layout = pipeline is STRUCTURE
        self._trim = allocator_trim()
        self._reader: Reading | None = make_reader(pipeline, config, folder)

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. Lines are read one by one, so `batch_size` has no effect."""
        del batch_size
        with engine_errors(doing=f"Reading page {number}"):
            return self._read(image, number, rotation)

    def trim(self) -> None:
        """See `Engine.trim`."""
        self._trim()

    def close(self) -> None:
        """See `Engine.close`."""
        self._reader = None
        gc.collect()
        self._trim()

    def _read(self, image: PageImage, number: int, rotation: int | None) -> Page:
        stored = pixels_of(image)
        seen: dict[int, RawPage] = {}

        def lines_at(degrees: int) -> list[Line]:
            seen[degrees] = self._look(turn(stored, degrees))
            return page_lines(seen[degrees].lines)

        read = read_upright(lines_at, image, number=number, rotation=rotation)
        page = assemble(*read, engine=self._name, profile=self._profile)
        return _with_layout(page, seen[page.rotation]) if self._has_layout else page

    def _look(self, pixels: Pixels) -> RawPage:
        if self._reader is None:
            raise EngineFailed("The engine was closed. Load it again.")
        height, width = pixels.shape[:2]
        scale = min(1.0, math.sqrt(_LOOKED_AT_PIXELS / (height * width)))
        return self._reader(_pad(as_bgr(pixels)), max(_SMALLEST_SIDE, round(max(height, width) * scale)))


def _pad(bgr: Pixels) -> Pixels:
    """The image, padded with white at the right and bottom if it is too thin for the models."""
    below, beside = (max(0, _SMALLEST_SIDE - side) for side in bgr.shape[:2])
    if not (below or beside):
        return bgr
    return np.pad(bgr, ((0, below), (0, beside), (0, 0)), constant_values=255)


def _with_layout(page: Page, seen: RawPage) -> Page:
    """The page with the kinds of its blocks and its tables."""

    def table(place: Region, lines: Sequence[Line]) -> Block | None:
        for cells in map(table_cells, seen.tables):
            if cells and place.shared_part(_enclose_cells(cells)) >= _SAME_TABLE:
                return table_block(cells, lines, polygon=place.polygon)
        return None

    blocks = blocks_by_layout(
        tuple(page.lines), seen.regions, width_px=page.width_px, height_px=page.height_px, table=table
    )
    return page.model_copy(update={"blocks": blocks})


def _enclose_cells(cells: Sequence[GridCell]) -> Region:
    return Region(
        BlockKind.TABLE,
        min(cell.left for cell in cells),
        min(cell.top for cell in cells),
        max(cell.right for cell in cells),
        max(cell.bottom for cell in cells),
    )
