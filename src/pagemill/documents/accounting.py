"""Adds a warning to a page for each place with ink that looks like text and has no word. Runs in workers only."""

import math
from statistics import median

import cv2
import numpy as np

from pagemill.documents.ink import Gray, InkLine, ink_lines
from pagemill.documents.overprint import overprinted_lines
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageWarning, Point, WarningKind
from pagemill.domain.page.regions import join_rects

UNREAD = "Something here looks like text and could not be read."
LEAST_MARKS = 5
"""Letters, or runs of letters, in a line that is worth a warning."""

_APART = 2.5
_MOST_PLACES = 16
_DPI = 100
_MOST_PIXELS = 4_000_000
_SIDE = 1400
"""Pixels of the longer side of a picture of unknown resolution."""


def with_warnings(page: Page, image: PageImage) -> Page:
    """The page, with a warning for each place where ink looks like text and has no word.

    Args:
        page: As it was read.
        image: The picture that it was read from, as stored; known words may have been left out of it.
    """
    gray = turn_upright(image, page.rotation)
    scale = gray.shape[1] / page.width_px
    outlines = [[(x * scale, y * scale) for x, y in polygon] for polygon in _polygons(page)]
    inks = (*ink_lines(gray, outlines), *(line.scale(scale) for line in overprinted_lines(page, image)))
    lines = [line for line in inks if line.marks >= LEAST_MARKS]
    if not lines:
        return page
    return page.model_copy(update={"warnings": (*page.warnings, *_warnings(lines, scale))})


def _warnings(lines: list[InkLine], scale: float) -> list[PageWarning]:
    gap = _APART * median(line.size for line in lines)
    places = join_rects((line.rect for line in lines), gap=gap, most=_MOST_PLACES)
    return [
        PageWarning(
            kind=WarningKind.UNREAD_INK,
            message=UNREAD,
            box=(left / scale, top / scale, right / scale, bottom / scale),
        )
        for left, top, right, bottom in places
    ]


def _polygons(page: Page) -> list[tuple[Point, ...]]:
    return [piece.polygon for line in page.lines for piece in (line.words or (line,))]


def turn_upright(image: PageImage, rotation: int) -> Gray:
    """The picture in gray, turned upright, no finer than necessary."""
    pixels = np.asarray(image.data, dtype=np.uint8).reshape(image.height_px, image.width_px, image.channels)
    wanted = _DPI / image.dpi if image.dpi else _SIDE / max(image.width_px, image.height_px)
    scale = min(1.0, wanted, math.sqrt(_MOST_PIXELS / image.pixels))
    size = max(1, round(image.width_px * scale)), max(1, round(image.height_px * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if image.channels == 3 else small.reshape(size[1], size[0])
    return np.ascontiguousarray(np.rot90(gray, -(rotation // 90)))
