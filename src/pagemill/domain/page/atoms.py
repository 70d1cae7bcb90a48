"""Lines of text as boxes, parted wherever a gap between two of their words is wide."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagemill.domain.page.geometry import Box, enclosing_polygon
from pagemill.domain.page.page import Line, Polygon, Word

WIDE_SPACE = 0.45
"""In heights of the writing: a gap between words that may be more than a space."""

WIDER = 1.6
"""A gap this many times as wide as the page's spaces may be more than a space."""


@dataclass(eq=False, slots=True)
class Atom:
    """A line, or a part of it between two wide gaps: its words from `start` up to `end`, and where they stand."""

    box: Box
    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its line."""
        return self.start == 0 and self.end == len(self.box.line.words)

    @property
    def text(self) -> str:
        """Its words; all of its line's text where it is whole."""
        line = self.box.line
        return line.text if self.is_whole else " ".join(word.text for word in line.words[self.start : self.end])


@dataclass(frozen=True, slots=True)
class _Spaced:
    """A line with the left and right end of each of its words, from left to right."""

    box: Box
    ends: Sequence[tuple[float, float]]


def atoms_of(boxes: Sequence[Box], *, slope: float | None, size: float) -> list[Atom]:
    """Parts of lines that may be of different columns.

    Args:
        boxes: Lines of a page that was turned level.
        slope: How it was turned: rise over run of its lines; None where lines are to stay whole.
        size: Typical height of its writing.
    """
    if slope is None:
        return [_whole(box) for box in boxes]
    spaced = [_Spaced(box, _word_ends(box, slope)) for box in boxes]
    widest = max(WIDE_SPACE * size, WIDER * _typical_space(spaced))
    return [atom for one in spaced for atom in _parted(one, widest, slope)]


def _word_ends(box: Box, slope: float) -> Sequence[tuple[float, float]]:
    """In the line's own frame, in which only distances along the line count; empty where words are not in order."""
    words = box.line.words
    if len(words) < 2 or box.is_upended:
        return ()
    if slope == 0 and len(words[0].polygon) == 4:
        ends = [(word.polygon[0][0], word.polygon[2][0]) for word in words]
    else:
        ends = [_ends(word, slope) for word in words]
    shift = box.x0 - ends[0][0]
    if any(after[0] < before[0] for before, after in pairwise(ends)):
        return ()
    return [(left + shift, right + shift) for left, right in ends]


def _ends(word: Word, slope: float) -> tuple[float, float]:
    polygon = word.polygon
    if slope == 0 or len(polygon) != 4:
        xs = [x for x, _ in polygon]
        return min(xs), max(xs)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = polygon
    return (ax + dx + slope * (ay + dy)) / 2, (bx + cx + slope * (by + cy)) / 2


def _typical_space(lines: Iterable[_Spaced]) -> float:
    spaces = [after[0] - before[1] for line in lines for before, after in pairwise(line.ends)]
    return median(spaces) if spaces else 0.0


def _parted(line: _Spaced, widest: float, slope: float) -> Iterator[Atom]:
    box, ends = line.box, line.ends
    starts = [at for at in range(1, len(ends)) if ends[at][0] - ends[at - 1][1] > widest]
    if not starts:
        yield _whole(box)
        return
    for start, end in pairwise([0, *starts, len(ends)]):
        high, low = _heights(box, start, end, slope)
        yield Atom(box, start, end, ends[start][0], high, ends[end - 1][1], low)


def _whole(box: Box) -> Atom:
    return Atom(box, 0, len(box.line.words), box.x0, box.y0, box.x1, box.y1)


def _heights(box: Box, start: int, end: int, slope: float) -> tuple[float, float]:
    """Top and bottom of some words: of two lines in one, each may stand at a height of its own."""
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
    """One box of atoms of one line that follow each other; the line itself where they are all of it."""
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
    """From the first word's left end to the last one's right end; skew is kept."""
    first, last = words[0].polygon, words[-1].polygon
    return (first[0], last[1], last[2], first[3]) if len(first) == len(last) == 4 else enclosing_polygon(words)
