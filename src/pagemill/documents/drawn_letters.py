"""Finds the words of lines with right-to-left letters from the places of their letters. Runs in workers only.

If a file stores such letters in another way than pdfium guesses, pdfium returns them in an order that follows neither
the page nor the text. Their places are certain, and `bidi` finds the order from them.
"""

import math
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from pagemill.documents.bidi import mend_brackets, reading_order
from pagemill.documents.characters import Characters
from pagemill.documents.letters import is_broken, make_plain
from pagemill.documents.page_frame import PageRect
from pagemill.documents.text_lines import Letter
from pagemill.domain.page.direction import RIGHT_TO_LEFT

SPACE = 0.15
"""In heights of the writing: letters farther apart belong to different words …"""

STORED_SPACE = 0.06
"""… or this far apart, with a space stored between them."""

_SHARED = 0.5
_NEAR = 3
_LAM = "\u0644"
_ALEFS = frozenset("\u0622\u0623\u0625\u0627\u0671")


@dataclass(frozen=True)
class DrawnWord:
    """A word of such a line.

    Attributes:
        text: Its letters as they are read.
        rect: Around them, in page space.
        turns: Clockwise quarter turns of the writing there.
        first: Position of its leftmost character.
        letters: Its letters from left to right.
        is_broken: Its font does not say which letters it draws.
    """

    text: str
    rect: PageRect
    turns: int
    first: int
    letters: tuple[Letter, ...]
    is_broken: bool


@dataclass
class _Glyph:
    """A drawn letter; `start`, `end` and `low`, `high` are its sides along and across the writing."""

    at: int
    text: str
    rect: PageRect
    start: float
    end: float
    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def rows(characters: Characters, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join pdfium's lines that lie side by side, as spans of characters: pdfium sometimes ends a line too early."""
    row: tuple[int, int] | None = None
    for start, end in spans:
        if row is not None and _is_beside(characters, row[1] - 1, start):
            row = row[0], end
            continue
        if row is not None:
            yield row
        row = start, end
    if row is not None:
        yield row


def _is_beside(characters: Characters, before: int, after: int) -> bool:
    places = (before, after)
    one, other = map(_glyph, places, "..", characters.rects(places, places), _turns(characters, places))
    return min(one.high, other.high) - max(one.low, other.low) > _SHARED * min(
        one.high - one.low, other.high - other.low
    )


def _turns(characters: Characters, places: Sequence[int]) -> list[int]:
    return [round(angle / (math.pi / 2)) % 4 for angle in characters.angles(places)]


def drawn_words(characters: Characters, start: int, end: int) -> Iterator[DrawnWord]:
    """The words that pdfium's characters from `start` to `end` draw, in the direction of their writing.

    Args:
        characters: Those of the page.
        start: The first character of a line.
        end: The character after its last.
    """
    places = range(start, end)
    rects = list(characters.rects(places, places))
    turns = _turns(characters, places)
    for quarter_turns, group in groupby(zip(places, rects, turns, strict=True), key=lambda each: each[2]):
        line = [_glyph(at, characters.text[at], rect, quarter_turns) for at, rect, _ in group]
        spaces = sorted(glyph.middle for glyph in line if glyph.text.isspace())
        letters = _with_marks(_with_ligatures(line))
        if letters:
            _level(letters)
            yield from (_word(word, quarter_turns) for word in _divide_letters(letters, spaces))


def _glyph(at: int, text: str, rect: PageRect, turns: int) -> _Glyph:
    left, bottom, right, top = rect
    sides = {
        0: (left, right, bottom, top),
        1: (-top, -bottom, left, right),
        2: (-right, -left, -top, -bottom),
        3: (bottom, top, -right, -left),
    }
    return _Glyph(at, text, rect, *sides[turns])


def _rect(start: float, end: float, low: float, high: float, turns: int) -> PageRect:
    match turns:
        case 1:
            return low, -end, high, -start
        case 2:
            return -end, -high, -start, -low
        case 3:
            return -high, start, -low, end
        case _:
            return start, low, end, high


def _with_ligatures(line: Sequence[_Glyph]) -> Iterator[_Glyph]:
    """One letter for characters that one glyph draws: they have the same box."""
    for _, alike in groupby((glyph for glyph in line if not glyph.text.isspace()), key=lambda glyph: glyph.rect):
        first, *rest = alike
        if rest:
            first.text = _ligature(first.text + "".join(glyph.text for glyph in rest))
        yield first


def _ligature(text: str) -> str:
    """Letters of one glyph in reading order: pdfium reverses them with the line, except those that it splits itself."""
    if len(text) < 2 or not RIGHT_TO_LEFT.search(text):
        return text
    marks = "".join(filter(_is_mark, text))
    if marks:
        return _ligature("".join(letter for letter in text if not _is_mark(letter))) + marks
    turned = text[::-1]
    if len(text) == 2 and _LAM in text:
        return turned if text[1] == _LAM and text[0] in _ALEFS else text
    return text if text in _ligatures() and turned not in _ligatures() else turned


@cache
def _ligatures() -> frozenset[str]:
    """The letters that Unicode's Arabic ligatures stand for."""
    codes = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD))
    return frozenset(text for code in codes if len(text := unicodedata.normalize("NFKC", chr(code))) > 1)


def _with_marks(glyphs: Iterator[_Glyph]) -> list[_Glyph]:
    """The letters from left to right, each with the marks over and under it."""
    found = sorted(glyphs, key=lambda glyph: glyph.middle)
    letters = [glyph for glyph in found if not _is_mark(glyph.text)]
    if not letters:
        return found
    middles = [letter.middle for letter in letters]
    for mark in (glyph for glyph in found if _is_mark(glyph.text)):
        at = bisect_left(middles, mark.middle)
        bearer = min(letters[max(0, at - _NEAR) : at + _NEAR], key=lambda letter: _distance(letter, mark))
        bearer.text += mark.text
        if not _distance(bearer, mark)[0]:
            bearer.start, bearer.end = min(bearer.start, mark.start), max(bearer.end, mark.end)
    return letters


def _is_mark(text: str) -> bool:
    return all(unicodedata.category(letter) == "Mn" for letter in text)


def _distance(letter: _Glyph, mark: _Glyph) -> tuple[bool, float, float]:
    """Whether they are drawn apart, how far outside the letter the mark is, and how far from its middle."""
    place = mark.middle
    is_apart = (letter.low, letter.high) != (mark.low, mark.high)
    return is_apart, max(letter.start - place, place - letter.end, 0.0), abs(letter.middle - place)


def _level(letters: Sequence[_Glyph]) -> None:
    """Give all letters of a line one height: some fonts draw a letter in pieces, and only one piece is reported."""
    low, high = min(glyph.low for glyph in letters), max(glyph.high for glyph in letters)
    for glyph in letters:
        glyph.low, glyph.high = low, high


def _divide_letters(letters: Sequence[_Glyph], spaces: Sequence[float]) -> Iterator[list[_Glyph]]:
    """The letters of each word; `spaces` are the places of stored ones, in order."""
    word: list[_Glyph] = []
    end = 0.0
    for letter in letters:
        gap, height = letter.start - end, letter.high - letter.low
        if word and gap > (STORED_SPACE if _has_between(spaces, word[-1].middle, letter.middle) else SPACE) * height:
            yield word
            word = []
        end = max(end, letter.end) if word else letter.end
        word.append(letter)
    if word:
        yield word


def _has_between(places: Sequence[float], start: float, end: float) -> bool:
    at = bisect_right(places, start)
    return at < len(places) and places[at] < end


def _word(word: Sequence[_Glyph], turns: int) -> DrawnWord:
    start, end = min(glyph.start for glyph in word), max(glyph.end for glyph in word)
    length = (end - start) or 1.0
    letters = tuple(
        Letter(text, (glyph.start - start) / length, (glyph.end - start) / length)
        for glyph in word
        if (text := make_plain(glyph.text))
    )
    order = reading_order([letter.text for letter in letters], from_right=True)
    raw = "".join(glyph.text for glyph in word)
    return DrawnWord(
        text=mend_brackets("".join(letters[at].text for at in order)),
        rect=_rect(start, end, word[0].low, word[0].high, turns),
        turns=turns,
        first=word[0].at,
        letters=letters,
        is_broken=is_broken(raw),
    )
