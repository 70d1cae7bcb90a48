"""Text that runs from right to left: from the order on the page to the order in which it is read, and back. Pure.

The Unicode bidirectional algorithm (UAX 9) says how text in reading order appears on the page. It is used in both
directions, because the order of runs and the order within them are reversed in the same places; only a number after
Arabic letters needs to be marked first.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby

from bidi import algorithm

_FROM_RIGHT = frozenset({"R", "AL"})
_STRONG = frozenset({"L", "R", "AL"})
_ORDINARY = _STRONG | {"EN", "AN", "ES", "ET", "CS", "NSM", "WS", "ON"}
_OPENING = dict(zip("([{«‹", ")]}»›", strict=True))
_CLOSING = {closing: opening for opening, closing in _OPENING.items()}
_PREVAILING = 3
_BETWEEN = "\N{INFORMATION SEPARATOR ONE}"
_MARKS = ("\N{LEFT-TO-RIGHT MARK}", "\N{RIGHT-TO-LEFT MARK}")
_STOPS = ".,;:!?،؛؟"

_PLAIN_KINDS = {"AL": "R"}
"""Numbers after Arabic letters stay as they are."""


def runs_from_right(texts: Sequence[str], *, is_usual: bool) -> bool:
    """Whether a line runs from right to left.

    Args:
        texts: Its words, from left to right on the page.
        is_usual: Whether most text of the page does. It decides between a line of one language that ends in the other,
            and a line of the other.
    """
    kinds = [kind for text in texts for kind in map(unicodedata.bidirectional, text) if kind in _STRONG]
    from_right = sum(kind in _FROM_RIGHT for kind in kinds)
    from_left = len(kinds) - from_right
    if not from_right or not from_left:
        return from_right > 0
    begins_as_usual = (kinds[-1 if is_usual else 0] in _FROM_RIGHT) is is_usual
    usual, other = (from_right, from_left) if is_usual else (from_left, from_right)
    return is_usual if usual * (_PREVAILING if begins_as_usual else 1) >= other else not is_usual


def reading_order(letters: Sequence[str], *, from_right: bool) -> list[int]:
    """Positions of the letters and spaces of a line, given from left to right on the page, as they are read.

    Args:
        letters: Each with its marks.
        from_right: Whether the line runs from right to left.
    """
    return _reorder(_with_arabic_numbers([_kind(letter) for letter in letters]), from_right=from_right)


def drawn_words(words: Sequence[str], *, from_right: bool) -> list[str]:
    """The words of a line in the order in which they are drawn, from left to right, each with its letters likewise.

    PDF readers turn lines back into reading order, each in its own way. Most keep brackets as they are, and the parts
    of numbers in Arabic text. Invisible marks enclose each run of the other direction: without them, poppler counts the
    space after a run as part of it.

    Args:
        words: As they are read.
        from_right: Whether the line runs from right to left.
    """
    text = _BETWEEN.join(words)
    kinds = [_PLAIN_KINDS.get(kind, kind) for kind in map(_kind, text)]
    drawn = []
    for level, run in groupby(_resolve(kinds, from_right=from_right), key=lambda letter: letter[1]):
        mark = "" if level % 2 == from_right else _MARKS[from_right]
        drawn.append(mark + "".join(text[place] for place, _ in run) + mark)
    return "".join(drawn).split(_BETWEEN)


def mend_brackets(text: str) -> str:
    """A word whose outer brackets open at its beginning and close at its end.

    Fonts and PDF readers disagree on which bracket opens in text that runs from right to left.
    """
    if len(text) < 2:
        return text
    first, last = text[0], text[-1]
    head = _CLOSING.get(first, first)
    if last in _STOPS and len(text) > 2:
        return head + text[1:-2] + _OPENING.get(text[-2], text[-2]) + last
    return head + text[1:-1] + _OPENING.get(last, last)


def _kind(letter: str) -> str:
    kind = unicodedata.bidirectional(letter[0])
    return kind if kind in _ORDINARY else "ON"


def _with_arabic_numbers(kinds: Sequence[str]) -> list[str]:
    """The kinds, with numbers that follow Arabic letters from the right as Arabic: their parts run from the right."""
    told = list(kinds)
    from_left, before, after = [], "", ""
    for kind in kinds:
        before = kind if kind in _STRONG else before
        from_left.append(before)
    for at in range(len(kinds) - 1, -1, -1):
        if kinds[at] in _STRONG:
            after = kinds[at]
        elif kinds[at] == "EN" and after == "AL" and from_left[at] != "L":
            told[at] = "AN"
    return told


def _reorder(kinds: Iterable[str], *, from_right: bool) -> list[int]:
    """Positions in the other order."""
    return [place for place, _ in _resolve(kinds, from_right=from_right)]


def _resolve(kinds: Iterable[str], *, from_right: bool) -> list[tuple[int, int]]:
    """Positions in the other order, each with its level: odd if it runs from right to left."""
    storage = algorithm.get_empty_storage()
    level = int(from_right)
    storage["base_level"], storage["base_dir"] = level, "LR"[level]
    storage["chars"] = [{"ch": at, "level": level, "type": kind, "orig": kind} for at, kind in enumerate(kinds)]
    algorithm.calc_level_runs(storage)
    algorithm.resolve_weak_types(storage, False)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    algorithm.reorder_resolved_levels(storage, False)
    return [(each["ch"], each["level"]) for each in storage["chars"]]
