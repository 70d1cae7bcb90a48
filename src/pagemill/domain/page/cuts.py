"""Cuts a region of the page along white space: into columns, and into bands from top to bottom.

`size` is always the height of the page's writing, pixels.
"""

from collections.abc import Callable, Sequence

from pagemill.domain.page.passages import Passage

OVERHANG = 0.15
"""The share of its width by which a passage may reach into the next column."""

MOST_OVERHANG = 1.5
"""… but at most this many heights of the writing."""

JUT = 0.1
"""The share of its width by which a passage may jut out over the next column."""

TOUCHING = -0.4
"""Bands may overlap by this much, in heights of the writing, because engines draw boxes too high."""

Region = Sequence[Passage]


def columns_of(region: Region, size: float) -> list[list[Passage]]:
    """The columns, left to right, with white space between them; overhanging ends do not count."""

    def extent(passage: Passage) -> tuple[float, float]:
        less = min(OVERHANG * passage.width, MOST_OVERHANG * size)
        return passage.x0 + less, passage.x1 - less

    columns: list[list[Passage]] = []
    for column in _cut(region, extent, -0.2 * size):
        if columns and _stand_below_each_other(columns[-1], column):
            columns[-1] += column
        else:
            columns.append(column)
    return columns


def _stand_below_each_other(one: Region, other: Region) -> bool:
    """Whether the middle of the narrower one is above or below the other, as in a short row at a column's edge."""
    if right_of(one) <= left_of(other):
        return False
    narrow, wide = sorted((one, other), key=lambda region: right_of(region) - left_of(region))
    return left_of(wide) < (left_of(narrow) + right_of(narrow)) / 2 < right_of(wide)


def bands_of(region: Region, size: float, *, apart: float = TOUCHING) -> list[list[Passage]]:
    """The bands, from top to bottom, with at least `apart` heights of the writing between them."""
    return _cut(region, lambda passage: (passage.y0, passage.y1), apart * size)


def _cut(region: Region, extent: Callable[[Passage], tuple[float, float]], narrowest: float) -> list[list[Passage]]:
    parts: list[list[Passage]] = []
    reach = 0.0
    for (start, end), passage in sorted(((extent(one), one) for one in region), key=lambda entry: entry[0]):
        if not parts or start - reach > narrowest:
            parts.append([])
            reach = end
        parts[-1].append(passage)
        reach = max(reach, end)
    return parts


def from_top(passage: Passage) -> tuple[float, float]:
    """The key that sorts passages from top to bottom."""
    return passage.y0, passage.x0


def top_of(region: Region) -> float:
    """The top of its highest passage."""
    return min(passage.y0 for passage in region)


def bottom_of(region: Region) -> float:
    """The bottom of its lowest passage."""
    return max(passage.y1 for passage in region)


def left_of(region: Region) -> float:
    """Its left edge."""
    return min(passage.x0 for passage in region)


def right_of(region: Region) -> float:
    """Its right edge."""
    return max(passage.x1 for passage in region)


def overlap(one: Region, other: Region) -> bool:
    """Whether one is above the other, at any distance; ends that jut out a little do not count."""
    left, right = max(left_of(one), left_of(other)), min(right_of(one), right_of(other))
    narrower = min(right_of(one) - left_of(one), right_of(other) - left_of(other))
    return right - left > JUT * narrower


def rows_in(region: Region) -> int:
    """The number of its rows."""
    return sum(len(passage.rows) for passage in region)
