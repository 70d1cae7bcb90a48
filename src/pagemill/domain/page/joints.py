"""Cleans up lines that engines read in pieces, and rules that they read as letters. Pure.

Where two pieces of a line overlap, the letters at the joint are in both. A drawn rule comes out as one letter many
times ("smmmm"), each far wider than a letter of that height can be.
"""

import re
from collections.abc import Iterator, Sequence

from pagemill.domain.page.page import Line, Word

_BESIDE = 8
"""How many lines next in height to compare; no more than this are side by side."""

_OVERLAP = 0.6
"""A letter may be in both pieces if they overlap by this share of its width."""

_MOST_DOUBLED = 3
_RULE = re.compile(r"\W*\w?(?P<letter>[mnwuilocaeMWNIE_\-=~—–―─.])(?P=letter){3,}\w?\W*")
_WIDEST_LETTER = 1.1
"""Widest letter, in heights of the line; a wide letter in a wide face is narrower."""


def clean_lines(lines: Sequence[Line]) -> list[Line]:
    """The lines without rules that were read as letters, and without letters that two pieces of a line share."""
    return _without_doubled([line for line in lines if not is_rule(line)])


def is_rule(line: Line) -> bool:
    """Whether a line is a drawn rule, which was read as one letter many times."""
    if not _RULE.fullmatch(line.text):
        return False
    left, top, right, bottom = _box(line)
    return right - left > _WIDEST_LETTER * (bottom - top) * len(line.text)


def _without_doubled(lines: Sequence[Line]) -> list[Line]:
    order = sorted(range(len(lines)), key=lambda at: _middle(lines[at]))
    made = list(lines)
    for place, at in enumerate(order):
        for other in order[place + 1 : place + 1 + _BESIDE]:
            left, right = sorted((at, other), key=lambda one: _box(lines[one])[0])
            if count := _count_doubled(lines[left], made[right]):
                made[right] = _without_first(made[right], count)
    return made


def _count_doubled(left: Line, right: Line) -> int:
    """How many letters at the end of one piece are repeated at the start of the next one."""
    a, b = _box(left), _box(right)
    height = min(a[3] - a[1], b[3] - b[1])
    if abs((a[1] + a[3]) - (b[1] + b[3])) > 0.5 * height or b[2] <= a[2] or not left.text or len(right.text) < 2:
        return 0
    width = (b[2] - b[0]) / len(right.text)
    most = min(_MOST_DOUBLED, round((a[2] - b[0]) / width), len(left.text), len(right.text) - 1)
    if a[2] - b[0] < _OVERLAP * width:
        return 0
    counts = range(most, 0, -1)
    return next((count for count in counts if left.text[-count:].casefold() == right.text[:count].casefold()), 0)


def _without_first(line: Line, count: int) -> Line:
    words = tuple(_without_first_letters(line.words, count))
    return line.model_copy(update={"text": line.text[count:].lstrip(), "words": words})


def _without_first_letters(words: Sequence[Word], count: int) -> Iterator[Word]:
    for word in words:
        if count >= len(word.text):
            count -= len(word.text)
        elif count:
            yield word.model_copy(update={"text": word.text[count:]})
            count = 0
        else:
            yield word


def _middle(line: Line) -> float:
    _, top, _, bottom = _box(line)
    return (top + bottom) / 2


def _box(line: Line) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in line.polygon], [y for _, y in line.polygon]
    return min(xs), min(ys), max(xs), max(ys)
