"""Cutting a large image into overlapping tiles, so that a network's memory does not grow with the page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

OVERLAP = 64
"""Pixels a tile shares with its neighbour: what stands near a cut is seen whole by one of the two."""

_SHORTEST = 4 * OVERLAP


@dataclass(frozen=True)
class Stretch:
    """A part of an axis: read from `start` to `stop`, kept from `keep_from` to `keep_to`."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


def tiles(width: int, height: int, *, most_pixels: int) -> Iterator[tuple[Stretch, Stretch]]:
    """Tiles that cover the image: a stretch of columns and one of rows each.

    The kept parts cover every pixel exactly once. Only images so wide that a band would be thinner than the overlap is
    worth are cut across, too.
    """
    widest = max(_SHORTEST, most_pixels // _SHORTEST // 2)
    for columns in stretches(width, most=widest):
        tallest = max(_SHORTEST, most_pixels // (columns.stop - columns.start))
        for rows in stretches(height, most=tallest):
            yield columns, rows


def stretches(length: int, *, most: int) -> Iterator[Stretch]:
    """Stretches of nearly equal size, none longer than `most`."""
    count = 1 if length <= most else math.ceil((length - OVERLAP) / (most - OVERLAP))
    step = (length - OVERLAP) / count
    for index in range(count):
        first, last = index == 0, index == count - 1
        start = 0 if first else round(index * step)
        stop = length if last else round((index + 1) * step) + OVERLAP
        yield Stretch(start, stop, 0 if first else start + OVERLAP // 2, length if last else stop - OVERLAP // 2)
