"""What was read of a line, put back onto the page."""

import numpy as np

from pagemill.domain.page import Line, Point, Polygon, Word
from pagemill.engines.rapidocr.recognition import ReadLine
from pagemill.engines.rapidocr.strips import LineStrip, Quad


def page_line(strip: LineStrip, read: ReadLine) -> Line:
    """The line with its words, in pixels of the page."""
    words = tuple(
        Word(text=word.text, polygon=_part(strip, word.start, word.end), confidence=word.confidence)
        for word in read.words
    )
    return Line(text=read.text.strip(), polygon=_polygon(strip.quad), confidence=read.confidence, words=words)


def _part(strip: LineStrip, start: float, end: float) -> Polygon:
    """The stretch of a line between two fractions of its length, corners clockwise from the top left."""
    top_left, top_right, bottom_right, bottom_left = strip.quad
    if strip.runs_down:
        left, right = bottom_left - top_left, bottom_right - top_right
        corners = (top_left + left * start, top_right + right * start, top_right + right * end, top_left + left * end)
    else:
        top, bottom = top_right - top_left, bottom_right - bottom_left
        corners = (
            top_left + top * start,
            top_left + top * end,
            bottom_left + bottom * end,
            bottom_left + bottom * start,
        )
    return _polygon(np.array(corners, dtype=np.float32))


def _polygon(quad: Quad) -> Polygon:
    return tuple(_point(corner) for corner in quad.tolist())


def _point(corner: list[float]) -> Point:
    x, y = corner
    return round(x, 1), round(y, 1)
