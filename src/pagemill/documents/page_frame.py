"""The frame of a PDF page, which maps points in page space to pixels of the upright page. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom; y down."""

PageRect = tuple[float, float, float, float]
"""Left, bottom, right, top in page space; y up."""


@dataclass(frozen=True)
class PageFrame:
    """The position of a page's visible part, and how it is shown.

    Attributes:
        left: Edges of the visible part, in page space (points, y up).
        bottom: Likewise.
        right: Likewise.
        top: Likewise.
        quarter_turns: Clockwise turns by 90 degrees that bring the page upright.
        scale: Pixels per point.
    """

    left: float
    bottom: float
    right: float
    top: float
    quarter_turns: int
    scale: float

    @cached_property
    def width_px(self) -> int:
        """Columns of the upright page."""
        return max(1, math.ceil(self._extent(self.quarter_turns) * self.scale))

    @cached_property
    def height_px(self) -> int:
        """Rows of the upright page."""
        return max(1, math.ceil(self._extent(self.quarter_turns + 1) * self.scale))

    def _extent(self, turns: int) -> float:
        return self.top - self.bottom if turns % 2 else self.right - self.left

    @cached_property
    def _matrix(self) -> tuple[float, float, float, float, float, float]:
        """Six numbers a … f of x' = a·x + c·y + e and y' = b·x + d·y + f."""
        s = self.scale
        match self.quarter_turns % 4:
            case 0:
                return s, 0, 0, -s, -s * self.left, s * self.top
            case 1:
                return 0, s, s, 0, -s * self.bottom, -s * self.left
            case 2:
                return -s, 0, 0, s, s * self.right, -s * self.bottom
            case _:
                return 0, -s, -s, 0, s * self.top, s * self.right

    def rects(self, rects: Iterable[PageRect]) -> Iterator[Rect]:
        """The upright rectangles of the page around rectangles of page space; origin top left, y down."""
        a, b, c, d, e, f = self._matrix
        for left, bottom, right, top in rects:
            ax, ay = a * left + c * bottom + e, b * left + d * bottom + f
            bx, by = a * right + c * top + e, b * right + d * top + f
            yield (
                (ax if ax < bx else bx),
                (ay if ay < by else by),
                (bx if ax < bx else ax),
                (by if ay < by else ay),
            )

    def to_page(self, x: float, y: float) -> tuple[float, float]:
        """The point of page space at a point of the upright page."""
        a, b, c, d, e, f = self._matrix
        size = a * d - b * c
        across, down = x - e, y - f
        return (d * across - c * down) / size, (a * down - b * across) / size

    def turn(self, quarter_turns: int) -> "PageFrame":
        """The same page, turned further clockwise."""
        return replace(self, quarter_turns=(self.quarter_turns + quarter_turns) % 4)
