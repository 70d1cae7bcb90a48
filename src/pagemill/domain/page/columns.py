"""Decides which lanes separate columns, and which separate only the cells of rows.

Columns of running text are wide and filled, and their lines begin in mid-sentence. Cells are short, share base lines,
and are often numbers; a label ends with a colon. The score is a weighted sum of such evidence. The weights come from a
logistic regression on composed pages (`benchmarks/layout_pages.py`) other than those that judge it.

`size` is always the height of the page's writing, pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagemill.domain.page.lanes import Lane, Piece, Wording

STRUCTURAL = 13.0
"""How unlikely a lane must be as a chance row of spaces, as a natural logarithm."""

FEW = 3
"""A list of numbers has at least this many rows."""

SURE = 2.0
"""A score that leaves little doubt."""

MANY = 15
"""More rows than this add no evidence."""

MOST_IN_NUMBER = 40
"""Characters of the longest number, amount or date, with its spaces."""

LONG = 8
"""A lane with this many rows on each side shows the page's grid."""

IN_LINE = 5.0
"""The weight of being in line with such a lane."""

UNLIKELY = -1.5
"""The highest score of a lane with only numbers, or one short piece, to its right."""

SHORT = 3.0
"""A piece alone in its row and at most this wide, in heights of the writing, belongs to the piece on its left."""


def structural_lanes(lanes: Sequence[Lane], size: float) -> list[Lane]:
    """Lanes that are more than word spaces which happen to lie below each other, and lanes in line with long ones."""
    sure = [lane for lane in lanes if _is_structural(lane, size)]
    long = [lane for lane in sure if min(map(len, lane.sides())) >= LONG]
    return [lane for lane in lanes if lane in sure or any(lane.is_in_line(other, size) for other in long)]


def _is_structural(lane: Lane, size: float) -> bool:
    """A gap of 0.3 heights is a common space; every further 0.12 makes it e times rarer, up to e to the sixth."""
    lefts, rights = lane.sides()
    rows = min(len(lefts), len(rights))
    if rows * 6 < STRUCTURAL:
        return False
    surprise = sum(min(6.0, max(0.0, (pair.gap / size - 0.3) / 0.12)) for pair in lane.pairs)
    return surprise / len(lane.pairs) * rows >= STRUCTURAL


def column_lanes(lanes: Sequence[Lane], size: float) -> list[Lane]:
    """Lanes whose left side is read as a whole before the right side.

    Lanes in line with a long one of this kind are likely to be of the same kind, because a page has a grid.
    """
    scored = [(_score(lane, size), lane) for lane in lanes]
    cells = [lane for score, lane in scored if score < -SURE]
    likely = [(score, lane) for score, lane in scored if score > 0 and not (score < SURE and _is_of_table(lane, cells))]
    columns = [lane for _, lane in likely]
    long = [lane for lane in columns if min(map(len, lane.sides())) >= LONG]
    in_line = [
        lane for score, lane in scored if -IN_LINE < score <= 0 and any(lane.is_in_line(other, size) for other in long)
    ]
    return [*columns, *in_line]


def number_lanes(lanes: Sequence[Lane], size: float) -> list[Lane]:
    """Lanes with mostly numbers on the right, which belong to the pieces on the left."""
    tall = (lane for lane in lanes if min(map(len, lane.sides())) >= FEW)
    return [lane for lane in tall if _side_of(lane.sides()[1], size).numeric >= 0.5]


def _is_of_table(lane: Lane, cells: Sequence[Lane]) -> bool:
    """Whether the same rows are clearly cells elsewhere."""
    return any(lane.runs_beside(other) for other in cells)


def _score(lane: Lane, size: float) -> float:
    """Above 0 for columns.

    Numbers belong to what is left of them, even if curled paper puts them lower.
    """
    seen = evidence(lane, size)
    score = sum(_WEIGHTS[name] * value for name, value in seen.items())
    is_short = len(lane.pairs) == 1 and lane.pairs[0].right.width < SHORT * size
    return min(score, UNLIKELY) if is_short or seen["right numbers"] >= 0.5 else score


def evidence(lane: Lane, size: float) -> dict[str, float]:
    """The features that distinguish columns from cells, each of the order of 1."""
    lefts, rights = lane.sides()
    left, right = _side_of(lefts, size), _side_of(rights, size)
    fewer, level = min(len(lefts), len(rights)), _level_share(lane)
    return {
        "always": 1.0,
        "rows": math.log(min(fewer, MANY)),
        "level": level,
        "level short cells": level * (1 - min(left.words, right.words)),
        "left width": left.width,
        "right width": right.width,
        "words": min(left.words, right.words),
        "in mid-sentence": (left.lower + right.lower) / 2,
        "left numbers": left.numeric,
        "right numbers": right.numeric,
        "leading": min(left.leading, right.leading),
        "labels": max(left.labels, right.labels),
        "gap": min(1.5, (lane.right - lane.left) / size),
    }


_WEIGHTS = {
    "always": -0.5,
    "rows": 1.6,
    "level": -3.5,
    "level short cells": -2.6,
    "left width": 1.8,
    "right width": 2.7,
    "words": 2.5,
    "in mid-sentence": 0.0,
    "left numbers": -2.3,
    "right numbers": -2.6,
    "leading": -2.1,
    "labels": -4.0,
    "gap": 1.7,
}


@dataclass(frozen=True, slots=True)
class _Side:
    """The pieces on one side of a lane.

    Attributes:
        width: Median width, 1 from 12 heights of the writing on.
        words: Median number of words, 1 from 5 on.
        lower: Share that begins in lower case.
        numeric: Share that is numbers.
        labels: Share that ends with a colon.
        leading: Median distance of base lines in heights of the writing, at most 3.
    """

    width: float
    words: float
    lower: float
    numeric: float
    labels: float
    leading: float


def _side_of(pieces: Sequence[Piece], size: float) -> _Side:
    count, seen = len(pieces), [_wording(piece) for piece in pieces]
    middles = sorted(piece.y0 + piece.y1 for piece in pieces)
    pitches = [(below - above) / 2 / size for above, below in pairwise(middles)]
    return _Side(
        width=min(12.0, median([piece.x1 - piece.x0 for piece in pieces]) / size) / 12,
        words=min(5.0, median([wording.words for wording in seen])) / 5,
        lower=sum([wording.lower for wording in seen]) / count,
        numeric=sum([wording.is_numeric for wording in seen]) / count,
        labels=sum([wording.is_label for wording in seen]) / count,
        leading=min(3.0, median(pitches)) if pitches else 2.0,
    )


def _wording(piece: Piece) -> Wording:
    """The wording of a piece, computed once: most pieces are beside two lanes."""
    if piece.wording is None:
        text = piece.text
        piece.wording = Wording(len(text.split()), _begins_lower(text), looks_numeric(text), text.endswith(":"))
    return piece.wording


def _begins_lower(text: str) -> float:
    """1 or 0; a value between if the script has no lower case."""
    first = text[:1]
    if first.isalpha() and first.lower() == first.upper():
        return 0.4
    return float(first.islower())


def looks_numeric(text: str) -> bool:
    """Whether a short text is a number, an amount, a date or similar."""
    if len(text) > MOST_IN_NUMBER:
        return False
    characters = "".join(text.split())
    return 2 * sum(map(str.isalpha, characters)) < len(characters) <= 20


def _level_share(lane: Lane) -> float:
    """The share of the shorter side's pieces that have a piece at the same height on the other side."""
    level = {id(side) for pair in lane.pairs if pair.is_level for side in (pair.left, pair.right)}
    fewer = min(lane.sides(), key=len)
    return sum(id(piece) in level for piece in fewer) / len(fewer)
