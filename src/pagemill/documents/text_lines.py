"""Joins placed words to lines of text. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from statistics import median
from typing import NamedTuple

from pagemill.documents.bidi import mend_brackets, reading_order, runs_from_right
from pagemill.domain.page.page import Line, Polygon

WIDEST_SPACE = 1.2
"""In heights of the writing: words farther apart on a baseline belong to different lines (cells, columns)."""

WORD_SPACE = 0.5
"""In heights: words that are not stored one after the other belong to one line only if they are this close."""

DEEPEST_OVERLAP = 0.6
"""In heights: how far a word may reach back over the one before it (kerning, slanted type)."""


class Letter(NamedTuple):
    """A letter with its marks, and where along its word it is drawn: 0 is where the word starts on the page, 1 its end.

    All writing starts at the left of its own frame here, whichever way it is read.
    """

    text: str
    start: float
    end: float


class PlacedWord(NamedTuple):
    """A word and its place.

    `turns` are the clockwise quarter turns of its writing on the upright page. `letters` are given if its line may run
    from right to left: only the line shows in which order they are read.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    turns: int = 0
    letters: tuple[Letter, ...] = ()


_SPACE = Letter(" ", 0.0, 0.0)


def lines_of_words(words: Sequence[PlacedWord]) -> tuple[Line, ...]:
    """Join words to lines, in any stored order. Every word appears exactly once.

    Words next to each other on one baseline form a line; a wide gap ends it.
    """
    lines = []
    for turns in sorted({word.turns for word in words}):
        level = [word for word in words if word.turns == turns]
        level = [_turned_back(word, turns) for word in level] if turns else level
        lines += [_line(run, turns) for run in _as_read(_join_runs(list(_stored_runs(level))))]
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
    _, _, top, right, bottom, _, _ = before
    _, left, next_top, _, next_bottom, _, _ = word
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


def _as_read(lines: list[list[PlacedWord]]) -> list[list[PlacedWord]]:
    """Words, and their letters, in the order in which they are read."""
    if not any(word.letters for line in lines for word in line):
        return lines
    usual = runs_from_right([word.text for line in lines for word in line], is_usual=True)
    return [_line_as_read(line, is_usual=usual) if any(word.letters for word in line) else line for line in lines]


def _line_as_read(line: list[PlacedWord], *, is_usual: bool) -> list[PlacedWord]:
    drawn = list(_letters_drawn(sorted(line, key=lambda word: word.left + word.right)))
    texts = [letter.text for letter, _ in drawn]
    from_right = runs_from_right(texts, is_usual=is_usual)
    read = [drawn[at] for at in reading_order(texts, from_right=from_right)]
    words = [list(word) for is_space, word in groupby(read, lambda each: each[0] is _SPACE) if not is_space]
    return [_of_letters(word) for word in words]


def _letters_drawn(line: Sequence[PlacedWord]) -> Iterator[tuple[Letter, PlacedWord]]:
    """Letters and spaces from left to right, each with its word."""
    for at, word in enumerate(line):
        if at:
            yield _SPACE, word
        for letter in word.letters or _even_letters(word.text):
            yield letter, word


def _even_letters(text: str) -> Iterator[Letter]:
    for at, letter in enumerate(text):
        yield Letter(letter, at / len(text), (at + 1) / len(text))


def _of_letters(letters: Sequence[tuple[Letter, PlacedWord]]) -> PlacedWord:
    return PlacedWord(
        mend_brackets("".join(letter.text for letter, _ in letters)),
        min(word.left + letter.start * (word.right - word.left) for letter, word in letters),
        min(word.top for _, word in letters),
        max(word.left + letter.end * (word.right - word.left) for letter, word in letters),
        max(word.bottom for _, word in letters),
        letters[0][1].turns,
    )


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
    texts, lefts, tops, rights, bottoms, _, _ = zip(*placed, strict=True)
    polygons = map(_polygon, lefts, tops, rights, bottoms, repeat(turns))
    return Line.model_validate(
        {
            "text": " ".join(texts),
            "polygon": _polygon(min(lefts), min(tops), max(rights), max(bottoms), turns),
            "words": [{"text": text, "polygon": polygon} for text, polygon in zip(texts, polygons, strict=True)],
        }
    )
