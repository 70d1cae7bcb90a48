"""Converts text lines of PaddleOCR's pipelines to our form. Pure: it takes plain values from results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pagemill.domain.page.page import Line, Point, Polygon, Word

_TALL = 1.5
"""From this ratio of height to width on, PaddleOCR turns a line on its side before it reads it: the line runs down."""

_WIDE_FROM = "\u2e80"
"""Letters from this code on are written without spaces, so each part that PaddleOCR separates is a word."""


@dataclass(frozen=True)
class Run:
    """Letters of one kind, with their start and end along x; pixels."""

    text: str
    left: float
    right: float


@dataclass(frozen=True)
class RawLine:
    """A line from PaddleOCR.

    Attributes:
        text: Its text.
        score: 0 … 1.
        corners: Four corners, clockwise from the top left of the image.
        runs: Its runs of letters, without spaces; empty if the pipeline reports none.
    """

    text: str
    score: float
    corners: Sequence[Point]
    runs: Sequence[Run] = ()


@dataclass(frozen=True)
class _Stretch:
    """A word and its position along its line: 0 is the line's start, 1 its end."""

    text: str
    start: float
    end: float


def page_lines(raw: Sequence[RawLine]) -> list[Line]:
    """The lines with text, with their words.

    PaddleOCR splits lines where the kind of letters changes, so runs are joined up to the next space. If it reports no
    positions, or the line runs down, words are placed by their share of the line's letters.
    """
    return [_line(each) for each in raw if each.text.strip()]


def _line(raw: RawLine) -> Line:
    text, confidence = raw.text.strip(), min(1.0, max(0.0, raw.score))
    polygon = tuple(_point(corner) for corner in raw.corners)
    is_tall = _is_tall(polygon)
    stretches = (None if is_tall else _by_runs(text, raw)) or list(_by_letters(text))
    if is_tall:
        polygon = (*polygon[1:], polygon[0])
    words = tuple(
        Word(text=each.text, polygon=_part(polygon, each.start, each.end), confidence=confidence) for each in stretches
    )
    return Line(text=text, polygon=polygon, confidence=confidence, words=words)


def _by_letters(text: str) -> Iterator[_Stretch]:
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield _Stretch(word, at / len(text), (at + len(word)) / len(text))
        at += len(word)


def _by_runs(text: str, raw: RawLine) -> list[_Stretch] | None:
    """Words at the positions of their runs; None if the runs do not match the text."""
    waiting = list(raw.runs)
    found: list[_Stretch] = []
    for word in text.split():
        taken: list[Run] = []
        while waiting and sum(len(run.text) for run in taken) < len(word):
            taken.append(waiting.pop(0))
        if "".join(run.text for run in taken) != word:
            return None
        groups = [[run] for run in taken] if any(letter >= _WIDE_FROM for letter in word) else [taken]
        found += (_stretch(group, raw.corners) for group in groups)
    return found


def _stretch(runs: Sequence[Run], corners: Sequence[Point]) -> _Stretch:
    left, right = min(x for x, _ in corners), max(x for x, _ in corners)
    start, end = ((x - left) / max(1.0, right - left) for x in (runs[0].left, runs[-1].right))
    start = min(1.0, max(0.0, start))
    return _Stretch("".join(run.text for run in runs), start, min(1.0, max(start, end)))


def _is_tall(polygon: Polygon) -> bool:
    first, second, third, fourth = polygon
    width = max(_distance(first, second), _distance(third, fourth))
    return max(_distance(second, third), _distance(fourth, first)) >= _TALL * width


def _part(polygon: Polygon, start: float, end: float) -> Polygon:
    """The stretch between two fractions of the line's length."""
    top_left, top_right, bottom_right, bottom_left = polygon
    return (
        _point_between(top_left, top_right, start),
        _point_between(top_left, top_right, end),
        _point_between(bottom_left, bottom_right, end),
        _point_between(bottom_left, bottom_right, start),
    )


def _point_between(first: Point, second: Point, share: float) -> Point:
    (x0, y0), (x1, y1) = first, second
    return _point((x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))


def _distance(first: Point, second: Point) -> float:
    return max(abs(first[0] - second[0]), abs(first[1] - second[1]))


def _point(corner: Point) -> Point:
    x, y = corner
    return round(float(x), 1), round(float(y), 1)
