"""Finds ink that looks like text and that no word accounts for, in a picture of a page. Runs in workers only.

Letters are marks that stand out from their surroundings, are of similar height, and follow each other on a line, on
paper. Rules, boxes, frames, solid shapes and the texture of photos are not. Nothing is read here: the caller recognises
what is found, or warns of it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pagemill.documents.page_frame import Rect

Gray = NDArray[np.uint8]
"""Shape (rows, columns)."""

Outline = Sequence[tuple[float, float]]
_GRAYS = np.arange(256, dtype=np.float64)
_Window = tuple[int, int, int, int]

Marks = NDArray[np.int32]
"""A row for each mark: left, top, width, height, area."""

_AROUND = 31
_STANDS_OUT = 28
"""Gray levels from the mean of the surroundings."""

_MIDDLE = 128
_WRONG_BY = 0.3
"""How far a word's outline may be wrong, as a share of its height."""

_CROOKED = 2.0
_MOSTLY = 140
"""A gray that covers more than this share (of 255) of the surroundings is the paper."""

_LOWEST, _HIGHEST = 4, 44
_LEAST_AREA = 5
_LEAST_MARKS = 3
_MOST_MARKS = 40_000
_MOST_SHORT = 65_000
"""A label of two bytes can tell this many marks apart."""

_ALIGNED = 2.3
"""In heights of its marks: the greatest height of a line, because some letters reach above it and some below."""

_SHORTEST = 1.8
_FILL = (0.08, 0.8)
_UNEVEN = 0.45
_SPACE = 1.1
_EQUAL = 0.04
_REPEATED = 0.6
_STROKES = 0.8
_THIN = 0.06
"""A stroke's spread of ink across it, divided by that along it: a stroke three pixels wide and twelve long."""

_SOLID = 0.85
_RASTER = 0.7
"""Pixels by which equal shapes differ, depending on how they fall on the raster."""

_HOLLOW = 0.8
_COARSER = 4
_MANY = 5
_SPECKLED = 0.13
"""Most unevenness of the paper around letters, over their contrast: half of all texture in photos has twice that, and
of lines on receipts one in fifty."""


@dataclass(frozen=True, slots=True)
class InkLine:
    """Ink that looks like a line of text, in pixels of the picture.

    Attributes:
        rect: Its place.
        marks: How many letters, or runs of letters that touch, it has.
        size: Their typical height.
    """

    rect: Rect
    marks: int
    size: float

    def move(self, right: int, down: int) -> "InkLine":
        """The same line, moved by this much."""
        left, top, right_edge, bottom = self.rect
        return replace(self, rect=(left + right, top + down, right_edge + right, bottom + down))

    def scale(self, factor: float) -> "InkLine":
        """The same line on a picture that is larger by this factor."""
        left, top, right, bottom = self.rect
        return replace(
            self, rect=(left * factor, top * factor, right * factor, bottom * factor), size=self.size * factor
        )


def ink_lines(gray: Gray, words: Iterable[Outline] = (), windows: Iterable[Rect] | None = None) -> list[InkLine]:
    """Find lines of ink that looks like text and that is not under a word.

    They may be dark on light or light on dark, horizontal or vertical.

    Args:
        gray: The page.
        words: Outlines of the words, in its pixels.
        windows: Where to look; everywhere if None.
    """
    cover = _Cover(gray.shape, words)
    rows, columns = gray.shape
    return [
        line.move(window[0], window[1])
        for window in _whole_pixels(windows or [(0, 0, columns, rows)], columns, rows)
        for line in _lines_in(gray, cover, window)
    ]


def _whole_pixels(windows: Iterable[Rect], columns: int, rows: int) -> Iterator[_Window]:
    for left, top, right, bottom in windows:
        window = max(0, int(left)), max(0, int(top)), min(columns, int(right) + 1), min(rows, int(bottom) + 1)
        if window[0] < window[2] and window[1] < window[3]:
            yield window


def _lines_in(gray: Gray, cover: "_Cover", window: _Window) -> Iterator[InkLine]:
    left, top, right, bottom = window
    part = gray[top:bottom, left:right]
    found = _lines(part, lambda: cover.full[top:bottom, left:right])
    yield from (line for line in found if _is_on_paper(part, line))
    if min(part.shape) >= _COARSER * _HIGHEST:
        for line in _lines(_reduce(part), lambda: _reduce(cover.full[top:bottom, left:right])):
            finer = line.scale(_COARSER)
            if finer.size > _HIGHEST and _is_on_paper(part, finer):
                yield finer


def letters_outside(gray: Gray, words: Iterable[Outline]) -> int:
    """The number of dark letter-sized marks that no word covers, in lines or not: a slanted stamp has some."""
    cover = _Cover(gray.shape, words)
    fine = _marks_outside(gray, lambda: cover.full)
    if min(gray.shape) < _COARSER * _HIGHEST:
        return fine
    return max(fine, _marks_outside(_reduce(gray), lambda: _reduce(cover.full)))


def _marks_outside(gray: Gray, covered: Callable[[], Gray]) -> int:
    _, ink = cv2.threshold(gray, _MIDDLE, 255, cv2.THRESH_BINARY_INV)
    if not cv2.countNonZero(ink):
        return 0
    marks = _letter_like(_find_marks(np.asarray(ink, dtype=np.uint8)))
    marks = marks[(marks[:, 3] >= 2 * _LOWEST) & (marks[:, 3] <= _HIGHEST)]
    if not len(marks):
        return 0
    return int((covered()[marks[:, 1] + marks[:, 3] // 2, marks[:, 0] + marks[:, 2] // 2] == 0).sum())


def is_inked(gray: Gray, rect: Rect) -> bool:
    """Whether there is any contrast within the rectangle."""
    patch = _patch(gray, rect)
    return bool(patch.size) and int(patch.max()) - int(patch.min()) > _STANDS_OUT


class _Cover:
    """The places of words, drawn only if the picture has ink that they may cover."""

    def __init__(self, shape: tuple[int, ...], words: Iterable[Outline]) -> None:
        self._shape = shape
        self._words = words

    @cached_property
    def full(self) -> Gray:
        """1 on every word and in the margin by which its outline may be wrong, 0 elsewhere."""
        covered = np.zeros(self._shape, dtype=np.uint8)
        for word in self._words:
            left, top, right, bottom = around_it = bounds(word)
            around = min(right - left, bottom - top) * _WRONG_BY
            if _is_level(word, around_it):
                first, last = max(0, int(top - around)), max(0, int(bottom + around + 1))
                covered[first:last, max(0, int(left - around)) : max(0, int(right + around + 1))] = 1
            else:
                corners = [np.round(np.asarray(word)).astype(np.int32)]
                cv2.fillPoly(covered, corners, (1,))
                cv2.polylines(covered, corners, isClosed=True, color=(1,), thickness=max(1, int(2 * around)))
        return covered


def bounds(outline: Outline) -> Rect:
    """The rectangle around an outline."""
    (left, top), *_ = outline
    right, bottom = left, top
    for x, y in outline:
        left, right = (x if x < left else left), (x if x > right else right)
        top, bottom = (y if y < top else top), (y if y > bottom else bottom)
    return left, top, right, bottom


def _is_level(word: Outline, around: Rect) -> bool:
    """Whether it nearly equals the rectangle around it: each corner is near one of its sides across and one down."""
    left, top, right, bottom = around
    left, top, right, bottom = left + _CROOKED, top + _CROOKED, right - _CROOKED, bottom - _CROOKED
    return all((x < left or x > right) and (y < top or y > bottom) for x, y in word)


def _reduce(gray: Gray) -> Gray:
    return _shrink(gray, _COARSER)


def _shrink(gray: Gray, times: int) -> Gray:
    """The mean of each square of points; what is left over at the right and at the bottom is cut off.

    With parts of points in the squares, it would take OpenCV five times as long.
    """
    size = (max(1, gray.shape[1] // times), max(1, gray.shape[0] // times))
    whole = gray[: size[1] * times, : size[0] * times]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _lines(gray: Gray, covered: Callable[[], Gray]) -> Iterator[InkLine]:
    around = cv2.blur(gray, (_AROUND, _AROUND))
    dark, light = cv2.subtract(around, gray), cv2.subtract(gray, around)
    for stands_out, is_dark in ((dark, True), (light, False)):
        _, ink = cv2.threshold(stands_out, _STANDS_OUT, 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(ink):
            ink[_is_paper(gray if is_dark else ~gray)] = 0
            yield from _lines_of(np.asarray(ink, dtype=np.uint8), covered)


def _is_paper(gray: Gray) -> NDArray[np.bool_]:
    """Where most of the surroundings are about as dark as the darkest point there: ink covers less than half."""
    rows, columns = gray.shape
    small, side = _shrink(gray, 2), (_AROUND // 2, _AROUND // 2)
    darkest = cv2.erode(small, np.ones(side, dtype=np.uint8))
    like_it = (cv2.subtract(small, darkest) < _STANDS_OUT).astype(np.uint8) * 255
    most = (cv2.blur(like_it, side) > _MOSTLY).astype(np.uint8)
    return np.asarray(cv2.resize(most, (columns, rows), interpolation=cv2.INTER_NEAREST) > 0, dtype=np.bool_)


def _lines_of(ink: Gray, covered: Callable[[], Gray]) -> Iterator[InkLine]:
    left, top, width, height = cv2.boundingRect(ink)
    if not width:
        return  # OpenCV crashes on an empty picture
    _, is_open = cv2.threshold(covered(), 0, 255, cv2.THRESH_BINARY_INV)
    if cv2.countNonZero(cv2.bitwise_and(ink, is_open)) < _LEAST_MARKS * _LEAST_AREA:
        return  # a page whose ink is covered ends here
    inked = np.ascontiguousarray(ink[top : top + height, left : left + width])
    marks = _letter_like(_find_marks(inked)) + np.array([left, top, 0, 0, 0], dtype=np.int32)
    if len(marks) < _LEAST_MARKS:
        return
    marks = marks[covered()[marks[:, 1] + marks[:, 3] // 2, marks[:, 0] + marks[:, 2] // 2] == 0]
    marks = marks[:_MOST_MARKS]
    if len(marks) < _LEAST_MARKS:
        return
    yield from _level_lines(ink, marks)
    for line in _level_lines(np.ascontiguousarray(ink.T), marks[:, [1, 0, 3, 2, 4]]):
        yield replace(line, rect=(line.rect[1], line.rect[0], line.rect[3], line.rect[2]))


def _find_marks(ink: Gray) -> Marks:
    """The connected marks.

    OpenCV counts them in a third of the time with short labels. It gives out at most as many as runs of ink begin.
    """
    beside = cv2.countNonZero(cv2.bitwise_and(ink[:, 1:], ink[:, :-1])) if ink.shape[1] > 1 else 0
    is_short = cv2.countNonZero(ink) - beside < _MOST_SHORT
    kind = cv2.CV_16U if is_short else cv2.CV_32S
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=kind)
    return np.asarray(stats[1:], dtype=np.int32)


def _letter_like(marks: Marks) -> Marks:
    """The marks of a letter's size that are not bars, solid blocks or frames."""
    width, height, area = marks[:, 2], marks[:, 3], marks[:, 4]
    shorter, longer, box = np.minimum(width, height), np.maximum(width, height), width * height
    is_sized = (longer >= _LOWEST) & (shorter <= _HIGHEST) & (area >= _LEAST_AREA)
    is_bar = (longer > 4 * shorter) & (area > 0.75 * box)
    is_block = (shorter >= 5) & (area > 0.92 * box)
    return marks[is_sized & ~is_bar & ~is_block & (area >= 0.1 * box)]


def _level_lines(ink: Gray, marks: Marks) -> Iterator[InkLine]:
    """Lines that run from left to right."""
    high = marks[(marks[:, 3] >= _LOWEST) & (marks[:, 3] <= _HIGHEST)]
    if len(high) < _LEAST_MARKS:
        return
    rows, columns = ink.shape
    reach = np.zeros((rows, columns), dtype=np.uint8)
    for left, top, width, height, _ in high.tolist():
        inset = height // 4
        reach[top + inset : top + height - inset, left : left + width + int(_SPACE * height)] = 1
    count, labels = cv2.connectedComponents(reach, connectivity=4)
    groups = labels[high[:, 1] + high[:, 3] // 2, high[:, 0] + high[:, 2] // 2]
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(1, count + 1))
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        if end - start >= _LEAST_MARKS and (line := _line(ink, high[order[start:end]])):
            yield line


def _line(ink: Gray, marks: Marks) -> InkLine | None:
    """The marks as a line, if they look like its letters; without marks that are far higher than most."""
    marks = marks[marks[:, 3] <= _ALIGNED * np.median(marks[:, 3])]
    if len(marks) < _LEAST_MARKS:
        return None
    left, top = int(marks[:, 0].min()), int(marks[:, 1].min())
    right, bottom = int((marks[:, 0] + marks[:, 2]).max()), int((marks[:, 1] + marks[:, 3]).max())
    heights, width, height = marks[:, 3], right - left, bottom - top
    size = float(np.median(heights))
    if height > _ALIGNED * size or width < _SHORTEST * height:
        return None
    fill = float(marks[:, 4].sum()) / (width * height)
    is_even = float(np.abs(heights - size).mean()) <= _UNEVEN * size
    if not (_FILL[0] <= fill <= _FILL[1] and is_even) or _is_pattern(ink, marks):
        return None
    return InkLine((left, top, right, bottom), len(marks), size)


def _is_pattern(ink: Gray, marks: Marks) -> bool:
    """Whether the marks are more alike than letters ever are: hatching, bars of a code, boxes to fill in, dots."""
    width, height, area = marks[:, 2], marks[:, 3], marks[:, 4]
    if _are_mostly(_is_stroke, ink, marks, _STROKES):
        return True
    if float(height.std()) > max(_RASTER, _EQUAL * float(height.mean())):
        return False
    is_code = float(np.median(width)) < 0.25 * float(height.mean())
    is_repeated = float((_is_typical(width) & _is_typical(area)).mean()) >= _REPEATED
    return is_code or is_repeated or _are_mostly(_is_hollow, ink, marks, _HOLLOW)


def _are_mostly(is_such: Callable[[Gray, Sequence[int]], bool], ink: Gray, marks: Marks, share: float) -> bool:
    """Whether this share of the marks is such; it looks at no more than it needs."""
    others = 0
    for mark in marks.tolist():
        others += not is_such(ink, mark)
        if len(marks) - others < share * len(marks):
            return False
    return True


def _is_typical(sizes: NDArray[np.int32]) -> NDArray[np.bool_]:
    middle = np.median(sizes)
    return np.asarray(np.abs(sizes - middle) <= _EQUAL * middle, dtype=np.bool_)


def _is_stroke(ink: Gray, mark: Sequence[int]) -> bool:
    """Whether the mark is one straight stroke: far longer than thick, whichever way it runs."""
    left, top, width, height, _ = mark
    points = np.nonzero(ink[top : top + height, left : left + width])
    down, across = points[0] - points[0].mean(), points[1] - points[1].mean()
    spread, slant = float((down * down).sum() + (across * across).sum()), float((down * across).sum())
    tilt = float((down * down).sum() - (across * across).sum())
    along = (spread + math.hypot(tilt, 2 * slant)) / 2
    across_it = max(0.0, spread - along)
    area = len(down)
    is_solid = area * area >= _SOLID * 12 * math.sqrt(along * across_it)  # equal for a rectangle
    return across_it < _THIN * along and is_solid


def _is_hollow(ink: Gray, mark: Sequence[int]) -> bool:
    left, top, width, height, _ = mark
    inside = ink[top + height // 4 : top + height - height // 4, left + width // 4 : left + width - width // 4]
    return not inside.any()


def _is_on_paper(gray: Gray, line: InkLine) -> bool:
    """Whether the space between the marks is even, like paper and unlike the rest of a photo.

    A few marks may be in a row by chance, so a stricter limit applies to them.
    """
    patch = _patch(gray, line.rect)
    limit, _ = cv2.threshold(patch, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    counts, first_light = np.bincount(patch.ravel(), minlength=256), int(limit) + 1
    dark, light = counts[:first_light], counts[first_light:]
    if not dark.any() or not light.any():
        return False
    contrast = float(np.average(_GRAYS[first_light:], weights=light) - np.average(_GRAYS[:first_light], weights=dark))
    is_light = light.sum() >= dark.sum()
    paper, grays = (light, _GRAYS[first_light:]) if is_light else (dark, _GRAYS[:first_light])
    apart = np.abs(grays - _median(grays, paper))
    allowed = _SPECKLED * contrast * min(1.0, line.marks / _MANY)
    return (
        _median(apart, paper) <= allowed and float(np.average(apart, weights=paper)) <= _SPECKLED * contrast + allowed
    )


def _median(values: NDArray[np.float64], counts: NDArray[np.intp]) -> float:
    """The median of values that occur this often: far faster than that of all of them, one by one."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(counts[order])
    middle = np.searchsorted(upto, [(upto[-1] + 1) // 2, upto[-1] // 2 + 1])
    return float(values[order][middle].mean())


def _patch(gray: Gray, rect: Rect) -> Gray:
    left, top, right, bottom = (max(0, round(at)) for at in rect)
    return gray[top:bottom, left:right]
