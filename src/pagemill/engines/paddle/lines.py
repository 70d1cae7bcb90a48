"""Text lines as PaddleOCR's pipelines give them, in our form. Pure: what is taken from a result is plain values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pagemill.domain.page import Line, Point, Polygon, Word

_TALL = 1.5
"""From this ratio of height to width on, PaddleOCR lays a line down before it reads it: as one that runs down."""


@dataclass(frozen=True)
class RawLine:
    """A line as PaddleOCR says it.

    Attributes:
        text: As read.
        score: 0 … 1.
        corners: Four, clockwise from the top left of the image.
    """

    text: str
    score: float
    corners: Sequence[Point]


def page_lines(raw: Sequence[RawLine]) -> list[Line]:
    """The lines that say something, with their words.

    Words are parted at spaces and placed by their share of the line's letters: PaddleOCR parts lines where kinds of
    characters change, which is neither where words end nor within the line.
    """
    return [_line(each) for each in raw if each.text.strip()]


def _line(raw: RawLine) -> Line:
    text, confidence = raw.text.strip(), min(1.0, max(0.0, raw.score))
    polygon = _in_reading_direction(raw.corners)
    words = tuple(
        Word(text=text[start:end], polygon=_part(polygon, start / len(text), end / len(text)), confidence=confidence)
        for start, end in _words(text)
    )
    return Line(text=text, polygon=polygon, confidence=confidence, words=words)


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Where words begin and end in a line."""
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield at, at + len(word)
        at += len(word)


def _in_reading_direction(corners: Sequence[Point]) -> Polygon:
    """The corners from where the line begins: a tall one runs down."""
    first, second, third, fourth = (_point(corner) for corner in corners)
    width = max(_distance(first, second), _distance(third, fourth))
    height = max(_distance(second, third), _distance(fourth, first))
    return (second, third, fourth, first) if height >= _TALL * width else (first, second, third, fourth)


def _part(polygon: Polygon, start: float, end: float) -> Polygon:
    """The stretch between two fractions of the line's length."""
    top_left, top_right, bottom_right, bottom_left = polygon
    return (
        _between(top_left, top_right, start),
        _between(top_left, top_right, end),
        _between(bottom_left, bottom_right, end),
        _between(bottom_left, bottom_right, start),
    )


def _between(first: Point, second: Point, share: float) -> Point:
    (x0, y0), (x1, y1) = first, second
    return _point((x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))


def _distance(first: Point, second: Point) -> float:
    return max(abs(first[0] - second[0]), abs(first[1] - second[1]))


def _point(corner: Point) -> Point:
    x, y = corner
    return round(float(x), 1), round(float(y), 1)
