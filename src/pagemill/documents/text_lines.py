"""Joins placed words to lines of text. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from statistics import median
from typing import NamedTuple

from pagemill.domain.page.page import Line, Polygon

WIDEST_SPACE = 1.2
"""In heights of the writing: words farther apart on a baseline belong to different lines (cells, columns)."""

WORD_SPACE = 0.5
"""In heights: words that are not stored one after the other belong to one line only if they are this close."""

DEEPEST_OVERLAP = 0.6
"""In heights: how far a word may reach back over the one before it (kerning, slanted type)."""


class PlacedWord(NamedTuple):
    """A word and its place.

    `turns` are the clockwise quarter turns of its writing on the upright page.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    turns: int = 0


def lines_of_words(words: Sequence[PlacedWord]) -> tuple[Line, ...]:
    """Join words to lines, in any stored order. Every word appears exactly once.

    Words next to each other on one baseline form a line; a wide gap ends it.
    """
    lines = []
    for turns in sorted({word.turns for word in words}):
        level = [word for word in words if word.turns == turns]
        level = [_turned_back(word, turns) for word in level] if turns else level
        lines += [_line(run, turns) for run in _join_runs(list(_stored_runs(level)))]
    return tuple(lines)


def main_direction(words: Iterable[PlacedWord]) -> int:
    """The quarter turns of most of the writing."""
    letters = Counter[int]()
    for word in words:
        letters[word.turns] += len(word.text)
    return max(sorted(letters), key=letters.__getitem__, default=0)


def _stored_runs(words: Iterable[PlacedWord]) -> Iterator[list[PlacedWord]]:
    run: list[PlacedWord] = []
    for word in words:
        if run and not _continues(run[-1], word, WIDEST_SPACE):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _continues(before: PlacedWord, word: PlacedWord, widest_space: float) -> bool:
    _, _, top, right, bottom, _ = before
    _, left, next_top, _, next_bottom, _ = word
    height, next_height = bottom - top, next_bottom - next_top
    low, high = (height, next_height) if height < next_height else (next_height, height)
    overlap = (bottom if bottom < next_bottom else next_bottom) - (top if top > next_top else next_top)
    return overlap > 0.5 * low and -DEEPEST_OVERLAP * high < left - right < widest_space * high


def _join_runs(runs: list[list[PlacedWord]]) -> list[list[PlacedWord]]:
    """Join runs of one baseline that are stored apart, such as words placed one by one in any order."""
    if len(runs) < 2:
        return runs
    size = median(run[0].bottom - run[0].top for run in runs) or 1.0
    by_row = sorted(runs, key=lambda run: run[0].top + run[0].bottom)
    joined: list[list[PlacedWord]] = []
    for row in _rows(by_row, size):
        row.sort(key=lambda run: run[0].left)
        start = len(joined)
        for run in row:
            if len(joined) > start and _continues(joined[-1][-1], run[0], WORD_SPACE):
                joined[-1].extend(run)
            else:
                joined.append(list(run))
    return joined


def _rows(by_middle: Sequence[list[PlacedWord]], size: float) -> Iterator[list[list[PlacedWord]]]:
    row: list[list[PlacedWord]] = []
    for run in by_middle:
        if row and run[0].top + run[0].bottom - row[0][0].top - row[0][0].bottom > 0.6 * size:
            yield row
            row = []
        row.append(run)
    if row:
        yield row


def _turned_back(word: PlacedWord, turns: int) -> PlacedWord:
    """The word in a frame where its writing runs from left to right."""
    left, top, right, bottom = word.left, word.top, word.right, word.bottom
    match turns:
        case 1:
            return word._replace(left=top, right=bottom, top=-right, bottom=-left)
        case 2:
            return word._replace(left=-right, right=-left, top=-bottom, bottom=-top)
        case 3:
            return word._replace(left=-bottom, right=-top, top=left, bottom=right)
        case _:
            return word


def _polygon(left: float, top: float, right: float, bottom: float, turns: int) -> Polygon:
    """A rectangle of a turned-back frame, on the page: from the writing's top left corner, clockwise."""
    match turns:
        case 1:
            return ((-top, left), (-top, right), (-bottom, right), (-bottom, left))
        case 2:
            return ((-left, -top), (-right, -top), (-right, -bottom), (-left, -bottom))
        case 3:
            return ((top, -left), (top, -right), (bottom, -right), (bottom, -left))
        case _:
            return ((left, top), (right, top), (right, bottom), (left, bottom))


def _line(placed: Sequence[PlacedWord], turns: int) -> Line:
    """The words as a line, validated together: word by word takes half as long again."""
    texts, lefts, tops, rights, bottoms, _ = zip(*placed, strict=True)
    polygons = map(_polygon, lefts, tops, rights, bottoms, repeat(turns))
    return Line.model_validate(
        {
            "text": " ".join(texts),
            "polygon": _polygon(min(lefts), min(tops), max(rights), max(bottoms), turns),
            "words": [{"text": text, "polygon": polygon} for text, polygon in zip(texts, polygons, strict=True)],
        }
    )
