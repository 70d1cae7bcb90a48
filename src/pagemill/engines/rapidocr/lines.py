"""Maps the text of a line back to the page."""

from pagemill.domain.page.page import Line, Point, Polygon, Word
from pagemill.engines.rapidocr.recognition import ReadLine
from pagemill.engines.rapidocr.strips import LineStrip, Quad


def page_line(strip: LineStrip, read: ReadLine) -> Line:
    """The line with its words, in pixels of the page."""
    words = tuple(
        Word(text=word.text, polygon=_polygon(strip.part(word.start, word.end)), confidence=word.confidence)
        for word in read.words
    )
    return Line(text=read.text.strip(), polygon=_polygon(strip.quad), confidence=read.confidence, words=words)


def _polygon(quad: Quad) -> Polygon:
    return tuple(_point(corner) for corner in quad.tolist())


def _point(corner: list[float]) -> Point:
    x, y = corner
    return round(x, 1), round(y, 1)
