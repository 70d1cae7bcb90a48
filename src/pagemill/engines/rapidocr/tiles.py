"""Cuts a large image into overlapping tiles, so that a network's memory does not grow with the page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

OVERLAP = 64
"""Pixels that a tile shares with its neighbour, so that one of them contains a line near the cut completely."""

_SHORTEST = 4 * OVERLAP


@dataclass(frozen=True)
class Stretch:
    """A part of an axis: read from `start` to `stop`, kept from `keep_from` to `keep_to`."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


def tiles(width: int, height: int, *, most_pixels: int) -> Iterator[tuple[Stretch, Stretch]]:
    """Tiles that cover the image: each is a stretch of columns and a stretch of rows.

    The kept parts cover every pixel exactly once. It also cuts columns, but only in images so wide that bands of rows
    would be too thin for the overlap.
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
