"""Adds 、 and 。 to vertical lines, where the recognition network leaves them out.

Its picture of a vertical line lies on its side, with the tops of the letters to the left:

    ┌──────────────────────────────┐
    │  吾輩   は   ここ   で   、  │   marks stand in the upper half, alone in a cell,
    │  (each letter on its side)   │   because they stand at the right of a vertical line
    └──────────────────────────────┘

In the upper half of a wide gap between letters, a small piece of ink is a mark: with a hole, it is the full stop.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr.models import COLUMN, Letters

_COMMA, _STOP = "、", "。"
_KANA = re.compile("[\u3041-\u30ff]")
_EAST_ASIAN = re.compile("[\u3005-\u3007\u3041-\u30ff\u3400-\u9fff]")
_WIDE = 1.35
"""A gap holds a mark if its letters are this many times as far apart as usual; marks take a cell, or half of one."""
_USUAL = 0.25
"""Where the usual distance is among all distances, from the smallest one: marks follow many letters."""
_LEAST, _MOST = 0.1, 0.55
"""Width and height of a mark, of the distance between letters."""
_LOWEST = 0.62
"""Where a mark ends at the latest, of the picture's height from above."""
_CONFIDENCE = 0.9
_FEWEST = 3
"""Letters that show how far apart they usually are."""


@dataclass(frozen=True)
class _Mark:
    at: float
    has_hole: bool


def add_marks(letters: Letters, picture: Pixels, alphabet: Sequence[str]) -> Letters:
    """The letters of a vertical line with the marks that its picture shows.

    Commas are only added to lines with kana: Chinese has another one.

    Args:
        letters: The output for the line.
        picture: The picture that the network read.
        alphabet: What the indices mean.
    """
    written = np.flatnonzero((letters.indices != 0) & (np.diff(letters.indices, prepend=0) != 0)).tolist()
    texts = [alphabet[letters.indices[at]] for at in written]
    has_kana = any(map(_KANA.match, texts))
    if len(written) < _FEWEST or not {_COMMA, _STOP} <= set(alphabet):
        return letters
    pitch = float(np.quantile(np.diff(written), _USUAL, method="lower"))
    indices, probabilities = letters.indices.copy(), letters.probabilities.copy()
    end = len(indices) + round(pitch)
    for (first, last), letter in zip(pairwise([*written, end]), texts, strict=True):
        mark = _find_mark(picture, first, last, pitch) if last - first >= _WIDE * pitch else None
        if mark is None or not _EAST_ASIAN.match(letter) or not (mark.has_hole or has_kana):
            continue
        between = [at for at in range(first + 1, min(last, len(indices))) if letters.indices[at] == 0]
        if between:
            place = min(between, key=lambda at: abs(at + 0.5 - mark.at))
            indices[place] = alphabet.index(_STOP if mark.has_hole else _COMMA)
            probabilities[place] = _CONFIDENCE
    return replace(letters, indices=indices, probabilities=probabilities)


def _find_mark(picture: Pixels, first: int, last: int, pitch: float) -> _Mark | None:
    """The mark between the letters at two columns; None if there is anything else, or nothing."""
    start = round((first + 0.5 + pitch / 2) * COLUMN)
    end = min(picture.shape[1], round((last + 0.5 - pitch / 2) * COLUMN))
    cell = pitch * COLUMN
    pieces = list(_pieces(picture))
    in_gap = (piece for piece in pieces if start <= piece.left + 0.75 * piece.width and piece.middle <= end)
    marks = [piece for piece in in_gap if piece.is_mark(cell, picture.shape[0])]
    if len(marks) != 1:
        return None
    (mark,) = marks
    is_alone = all(piece is mark or not piece.shares_columns(mark) for piece in pieces)
    return _Mark(mark.middle / COLUMN, mark.has_hole) if is_alone else None


@dataclass(frozen=True)
class _Piece:
    left: float
    top: float
    width: float
    height: float
    has_hole: bool

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def size(self) -> float:
        return max(self.width, self.height)

    def shares_columns(self, other: "_Piece") -> bool:
        return self.left < other.left + other.width and other.left < self.left + self.width

    def is_mark(self, cell: float, height: float) -> bool:
        is_small = max(self.width, self.height) <= _MOST * cell and max(self.width, self.height) >= _LEAST * cell
        return is_small and self.top + self.height <= _LOWEST * height


def _pieces(picture: Pixels) -> Iterator[_Piece]:
    """The connected pieces of ink."""
    gray = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    ink = _ink(gray)
    outlines, nested = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return
    for outline, (_, _, child, parent) in zip(outlines, nested[0], strict=True):
        if parent < 0:
            left, top, width, height = cv2.boundingRect(outline)
            yield _Piece(left, top, width, height, child >= 0)


def _ink(gray: Pixels) -> NDArray[np.uint8]:
    """The ink as 255, whether it is darker or lighter than the paper."""
    threshold, dark = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    del threshold
    is_dark_on_light = np.count_nonzero(dark) * 2 <= dark.size
    return np.asarray(dark if is_dark_on_light else 255 - dark, dtype=np.uint8)
