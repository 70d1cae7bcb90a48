"""Rectangles that stand close together, joined. Pure."""

from collections.abc import Iterable

from pagemill.domain.page.page import Rectangle


def joined(rects: Iterable[Rectangle], *, gap: float, most: int) -> list[Rectangle]:
    """Rectangles that cover the given ones, those joined that are no more than `gap` apart, from the top.

    No more than `most` come out: what is left over is one.
    """
    regions: list[Rectangle] = []
    for rect in rects:
        grown = rect
        while near := [region for region in regions if _are_near(region, grown, gap)]:
            regions = [region for region in regions if region not in near]
            grown = around([grown, *near])
        regions.append(grown)
    regions.sort(key=lambda region: (region[1], region[0]))
    return regions if len(regions) <= most else [*regions[: most - 1], around(regions[most - 1 :])]


def around(rects: Iterable[Rectangle]) -> Rectangle:
    """The smallest rectangle that holds them all."""
    lefts, tops, rights, bottoms = zip(*rects, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _are_near(one: Rectangle, other: Rectangle, gap: float) -> bool:
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return across <= gap and down <= gap
