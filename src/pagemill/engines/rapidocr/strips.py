"""Pictures of single lines, cut from the page when they are needed: all of them at once would outweigh the page."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rapidocr.utils.process_img import get_rotate_crop_image

from pagemill.engines.rapidocr.pixels import Pixels

Quad = NDArray[np.float32]
"""Corners of a line, shape (4, 2), clockwise from the top left, in pixels of the page image."""

_LAID_DOWN_FROM = 1.5  # the ratio of height to width from which get_rotate_crop_image lays a crop down


@dataclass(frozen=True)
class LineStrip:
    """One line of text on a page image.

    Attributes:
        page: The whole page.
        quad: Where the line stands on it.
        upside_down: Whether to turn its picture by 180 degrees.
    """

    page: Pixels
    quad: Quad
    upside_down: bool = False

    @property
    def runs_down(self) -> bool:
        """Whether the line stands taller than wide, so that its picture is laid down, its top to the left."""
        width, height = self._sides()
        return height >= _LAID_DOWN_FROM * width

    @property
    def length(self) -> int:
        """Longer side, page pixels."""
        return max(self._sides())

    @property
    def aspect(self) -> float:
        """Width over height of the picture."""
        width, height = self._sides()
        return height / width if self.runs_down else width / height

    def picture(self) -> Pixels:
        """The rectified line, level."""
        crop = np.asarray(get_rotate_crop_image(self.page, self.quad.copy()), dtype=np.uint8)
        return crop[::-1, ::-1] if self.upside_down else crop

    def flipped(self) -> "LineStrip":
        """The same line, its picture turned by 180 degrees."""
        return replace(self, upside_down=not self.upside_down)

    def _sides(self) -> tuple[int, int]:
        top, right, bottom, left = (float(np.linalg.norm(self.quad[i] - self.quad[(i + 1) % 4])) for i in range(4))
        return max(1, int(max(top, bottom))), max(1, int(max(left, right)))
