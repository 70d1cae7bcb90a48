"""From a line's place on the page to its picture, and from what was read back to the page."""

import numpy as np
from rapidocr.utils.process_img import get_rotate_crop_image

from pagemill.domain.page import Line, Point, Polygon, Word
from pagemill.engines.rapidocr.detection import Quad
from pagemill.engines.rapidocr.pixels import Pixels
from pagemill.engines.rapidocr.recognition import ReadLine

_UPRIGHT_ASPECT = 1.5  # get_rotate_crop_image lays a crop down from this ratio of height to width on


def line_crop(pixels: Pixels, quad: Quad) -> Pixels:
    """The line's picture, rectified; a line that runs down the page is laid down to the left."""
    return np.ascontiguousarray(get_rotate_crop_image(pixels, quad.copy()), dtype=np.uint8)


def runs_down(quad: Quad) -> bool:
    """Whether the line is taller than wide, so that `line_crop` lays it down."""
    width, height = sides(quad)
    return height >= _UPRIGHT_ASPECT * width


def sides(quad: Quad) -> tuple[int, int]:
    """Width and height of the line's crop before it is laid down, pixels."""
    top, right, bottom, left = (float(np.linalg.norm(quad[i] - quad[(i + 1) % 4])) for i in range(4))
    return max(1, int(max(top, bottom))), max(1, int(max(left, right)))


def page_line(quad: Quad, read: ReadLine) -> Line:
    """The line with its words, in pixels of the page."""
    words = tuple(
        Word(text=word.text, polygon=_part(quad, word.start, word.end), confidence=word.confidence)
        for word in read.words
    )
    return Line(text=read.text.strip(), polygon=_polygon(quad), confidence=read.confidence, words=words)


def _part(quad: Quad, start: float, end: float) -> Polygon:
    """The stretch of a line between two fractions of its length."""
    top_left, top_right, bottom_right, bottom_left = quad
    if runs_down(quad):
        return _polygon(
            np.array(
                [
                    top_left + (bottom_left - top_left) * start,
                    top_right + (bottom_right - top_right) * start,
                    top_right + (bottom_right - top_right) * end,
                    top_left + (bottom_left - top_left) * end,
                ]
            )
        )
    return _polygon(
        np.array(
            [
                top_left + (top_right - top_left) * start,
                top_left + (top_right - top_left) * end,
                bottom_left + (bottom_right - bottom_left) * end,
                bottom_left + (bottom_right - bottom_left) * start,
            ]
        )
    )


def _polygon(quad: Quad) -> Polygon:
    return tuple(_point(corner) for corner in quad.tolist())


def _point(corner: list[float]) -> Point:
    x, y = corner
    return round(x, 1), round(y, 1)
