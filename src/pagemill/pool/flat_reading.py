"""Reads a page whose lines bend once more from a flattened picture. Runs in a worker.

page as read ── bend? ── flattened picture ──▶ engine ── places back on the page ──▶ the fuller of both readings
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from pagemill.documents.accounting import turn_upright
from pagemill.documents.bending import MUCH, Bend, find_bend
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, PageWarning, Point, Polygon, WarningKind, Word
from pagemill.domain.work.engine_spec import Engine

BENT = "Lines bend here, and words may be missing or wrong. Photograph the page flat."

_LESS = 0.97
"""A flattened page that reads less than this share of the first reading was flattened wrongly."""


def read_flat(page: Page, image: PageImage, engine: Engine, *, batch_size: int | None) -> Page:
    """The page; if its lines bend, as read from a flattened picture. Raises as `Engine.read`.

    If lines bend much, and flattening does not help or leaves them bent, the page has a warning with the place.

    Args:
        page: As the engine read it.
        image: What it was read from, as stored.
        engine: The engine.
        batch_size: As for `Engine.read`.
    """
    bend = find_bend(turn_upright(image, page.rotation), page.width_px, page.height_px)
    if bend is None:
        return page
    flat = _read_flattened(page, image, engine, bend, batch_size) if bend.is_known else None
    read = page if flat is None else flat
    if bend.is_straight if flat is not None else bend.most < MUCH:
        return read
    warning = PageWarning(kind=WarningKind.BENT_LINES, message=BENT, box=bend.box)
    return read.model_copy(update={"warnings": (*read.warnings, warning)})


def _read_flattened(page: Page, image: PageImage, engine: Engine, bend: Bend, batch_size: int | None) -> Page | None:
    """The page as read from the flattened picture; None if that has clearly fewer letters."""
    picture = _flatten(image, page.rotation, bend)
    flat = engine.read(picture, number=page.number, rotation=0, batch_size=batch_size)
    return None if reads_less(flat, page) else _restore(flat, page, bend)


def _flatten(image: PageImage, rotation: int, bend: Bend) -> PageImage:
    """The upright page in gray with straight lines."""
    pixels = np.asarray(image.data, dtype=np.uint8).reshape(image.height_px, image.width_px, image.channels)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if image.channels == 3 else pixels[:, :, 0]
    flat = bend.flatten(np.ascontiguousarray(np.rot90(gray, -(rotation // 90)), dtype=np.uint8))
    return PageImage(flat[:, :, None].data, bend.width_px, bend.height_px, 1, image.dpi)


def reads_less(page: Page, other: Page) -> bool:
    """Whether a reading has clearly fewer letters than another one, each counted as much as it is certain."""
    return _count_letters(page) < _LESS * _count_letters(other)


def _count_letters(page: Page) -> float:
    return sum(len(line.text) * (1.0 if line.confidence is None else line.confidence) for line in page.lines)


def _restore(flat: Page, page: Page, bend: Bend) -> Page:
    """The flattened page with its words where they are on the page."""
    blocks = []
    for block in flat.blocks:
        lines = tuple(_restore_line(line, bend) for line in block.lines)
        polygon = enclosing_polygon(lines) if lines else _place(block.polygon, bend)
        blocks.append(block.model_copy(update={"lines": lines, "polygon": polygon}))
    return flat.model_copy(update={"blocks": tuple(blocks), "rotation": page.rotation, "dpi": page.dpi})


def _restore_line(line: Line, bend: Bend) -> Line:
    words = tuple(word.model_copy(update={"polygon": _place(word.polygon, bend)}) for word in line.words)
    polygon = _around(_place(line.polygon, bend), words)
    return line.model_copy(update={"polygon": polygon, "words": words})


def _place(polygon: Polygon, bend: Bend) -> Polygon:
    return tuple(map(bend.place, polygon))


def _around(polygon: Polygon, words: Iterable[Word]) -> Polygon:
    """The line's outline, high enough for all words of the curved line."""
    points = [point for word in words for point in word.polygon]
    if len(polygon) != 4 or not points:
        return polygon
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = polygon
    above = max(0.0, _beyond(((ax, ay), (bx, by)), points, -1))
    below = max(0.0, _beyond(((dx, dy), (cx, cy)), points, 1))
    return (ax, ay - above), (bx, by - above), (cx, cy + below), (dx, dy + below)


def _beyond(edge: tuple[Point, Point], points: Sequence[Point], way: int) -> float:
    """How far points lie above (-1) or below (1) an edge of a line."""
    (ax, ay), (bx, by) = edge
    slope = (by - ay) / (bx - ax) if bx > ax else 0.0
    return max(way * (y - ay - slope * (x - ax)) for x, y in points)
