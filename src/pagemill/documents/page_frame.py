"""The frame of a PDF page: from points in page space to pixels of the upright page. Pure."""

import math
from dataclasses import dataclass

from pagemill.domain.page import Point

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom; y down."""


@dataclass(frozen=True)
class PageFrame:
    """Where a page's visible part lies and how it is shown.

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

    @property
    def width_px(self) -> int:
        """Columns of the upright page."""
        return max(1, math.ceil(self._extent(self.quarter_turns) * self.scale))

    @property
    def height_px(self) -> int:
        """Rows of the upright page."""
        return max(1, math.ceil(self._extent(self.quarter_turns + 1) * self.scale))

    def _extent(self, turns: int) -> float:
        return self.top - self.bottom if turns % 2 else self.right - self.left

    def pixels(self, x: float, y: float) -> Point:
        """The point of the upright page, origin top left, y down."""
        match self.quarter_turns % 4:
            case 0:
                across, down = x - self.left, self.top - y
            case 1:
                across, down = y - self.bottom, x - self.left
            case 2:
                across, down = self.right - x, y - self.bottom
            case _:
                across, down = self.top - y, self.right - x
        return across * self.scale, down * self.scale

    def rect(self, left: float, bottom: float, right: float, top: float) -> Rect:
        """The upright rectangle around a rectangle of page space."""
        (ax, ay), (bx, by) = self.pixels(left, bottom), self.pixels(right, top)
        return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
