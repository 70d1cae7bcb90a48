"""Joins rectangles that are close together. Pure."""

from collections.abc import Iterable, Sequence

from pagemill.domain.page.page import Rectangle

_MANY = 300
_CELLS = 16


def join_rects(rects: Iterable[Rectangle], *, gap: float, most: int) -> list[Rectangle]:
    """Join rectangles that are at most `gap` apart, and return the results from top to bottom.

    Returns at most `most` rectangles: the last one covers all the rest.
    """
    given = list(rects)
    regions: list[Rectangle] = []
    for rect in _gather(given) if len(given) > _MANY else given:
        grown = rect
        while near := [region for region in regions if _are_near(region, grown, gap)]:
            regions = [region for region in regions if region not in near]
            grown = enclose([grown, *near])
        regions.append(grown)
    regions.sort(key=lambda region: (region[1], region[0]))
    return regions if len(regions) <= most else [*regions[: most - 1], enclose(regions[most - 1 :])]


def _gather(rects: Sequence[Rectangle]) -> Iterable[Rectangle]:
    """Join rectangles whose middles lie in one cell of a coarse grid, so that comparing the rest is quick."""
    left, top, right, bottom = enclose(rects)
    width, height = max(right - left, 1.0), max(bottom - top, 1.0)
    cells: dict[tuple[int, int], Rectangle] = {}
    for rect in rects:
        x, y = (rect[0] + rect[2]) / 2 - left, (rect[1] + rect[3]) / 2 - top
        cell = int(_CELLS * x / width), int(_CELLS * y / height)
        cells[cell] = enclose((rect, cells[cell])) if cell in cells else rect
    return cells.values()


def enclose(rects: Iterable[Rectangle]) -> Rectangle:
    """The smallest rectangle around all of them."""
    lefts, tops, rights, bottoms = zip(*rects, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _are_near(one: Rectangle, other: Rectangle, gap: float) -> bool:
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return across <= gap and down <= gap
