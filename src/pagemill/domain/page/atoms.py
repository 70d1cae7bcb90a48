"""Splits lines of text into boxes wherever two of their words are far apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagemill.domain.page.geometry import Box, enclosing_polygon
from pagemill.domain.page.page import Line, Polygon, Word

WIDE_SPACE = 0.45
"""A wider gap between words may be more than a space, in heights of the writing."""

WIDER = 1.6
"""A gap this many times as wide as the page's spaces may be more than a space."""


@dataclass(eq=False, slots=True)
class Atom:
    """A line, or the part of a line between two wide gaps: its words from `start` to `end`, and their box, pixels."""

    box: Box
    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole line."""
        return self.start == 0 and self.end == len(self.box.line.words)

    @property
    def text(self) -> str:
        """Its words; the whole line's text if it is the whole line."""
        line = self.box.line
        return line.text if self.is_whole else " ".join(word.text for word in line.words[self.start : self.end])


def atoms_of(boxes: Sequence[Box], *, slope: float | None, size: float) -> list[Atom]:
    """Split lines into parts that may belong to different columns.

    Args:
        boxes: Lines of a page that was turned level.
        slope: How it was turned: rise over run of its lines; None keeps lines whole.
        size: Typical height of its writing.
    """
    if slope is None:
        return [_make_whole(box) for box in boxes]
    spaces = [_spaces(box) for box in boxes]
    widest = max(WIDE_SPACE * size, WIDER * _typical_space(spaces))
    atoms: list[Atom] = []
    for box, between in zip(boxes, spaces, strict=True):
        if between and max(between) > widest and min(between) > -size:
            atoms += _part_words(box, between, widest, slope)
        else:
            atoms.append(_make_whole(box))
    return atoms


def _spaces(box: Box) -> Sequence[float]:
    """The spaces between its words, left to right, along their upper edges; empty if the words are not in order."""
    if box.is_upended:
        return ()
    polygons = [word.polygon for word in box.line.words]
    return [after[0][0] - before[1][0] for before, after in pairwise(polygons)]


def _typical_space(spaces: Sequence[Sequence[float]]) -> float:
    """The median of one space from each line: in a line over two columns, the middle space is the gutter."""
    seen = [between[len(between) // 3] for between in spaces if between]
    return median(seen) if seen else 0.0


def _part_words(box: Box, spaces: Sequence[float], widest: float, slope: float) -> Iterator[Atom]:
    words = box.line.words
    shift = box.x0 - _ends(words[0], slope)[0]
    starts = [at for at, space in enumerate(spaces, start=1) if space > widest]
    for start, end in pairwise([0, *starts, len(words)]):
        high, low = _heights(box, start, end, slope)
        left, right = _ends(words[start], slope)[0] + shift, _ends(words[end - 1], slope)[1] + shift
        yield Atom(box, start, end, left, high, right, low)


def _ends(word: Word, slope: float) -> tuple[float, float]:
    """The left and right end along the line."""
    polygon = word.polygon
    if slope == 0 or len(polygon) != 4:
        xs = [x for x, _ in polygon]
        return min(xs), max(xs)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = polygon
    return (ax + dx + slope * (ay + dy)) / 2, (bx + cx + slope * (by + cy)) / 2


def _make_whole(box: Box) -> Atom:
    return Atom(box, 0, len(box.line.words), box.x0, box.y0, box.x1, box.y1)


def _heights(box: Box, start: int, end: int, slope: float) -> tuple[float, float]:
    """Top and bottom of some words; the words of one line differ in height if it is really two lines."""
    words = box.line.words
    if slope:
        whole = _tops_and_bottoms(words, slope)
        part = _tops_and_bottoms(words[start:end], slope)
        return box.y0 + part[0] - whole[0], box.y1 + part[1] - whole[1]
    return _tops_and_bottoms(words[start:end], 0.0)


def _tops_and_bottoms(words: Sequence[Word], slope: float) -> tuple[float, float]:
    ys = [[y - slope * x for x, y in word.polygon] for word in words]
    return min(map(min, ys)), max(map(max, ys))


def box_of(atoms: Sequence[Atom]) -> Box:
    """One box for consecutive atoms of one line; the line itself if they make up all of it."""
    first, last = atoms[0], atoms[-1]
    box = first.box
    if first.start == 0 and last.end == len(box.line.words):
        return box
    words = box.line.words[first.start : last.end]
    return Box(_part(box.line, words), first.x0, first.y0, last.x1, last.y1)


def _part(line: Line, words: Sequence[Word]) -> Line:
    text = " ".join(word.text for word in words)
    return Line(text=text, polygon=_hull(words), confidence=line.confidence, words=tuple(words))


def _hull(words: Sequence[Word]) -> Polygon:
    """The outline from the first word's left end to the last one's right end, skew included."""
    first, last = words[0].polygon, words[-1].polygon
    return (first[0], last[1], last[2], first[3]) if len(first) == len(last) == 4 else enclosing_polygon(words)
