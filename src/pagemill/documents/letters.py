"""Turns the special characters of PDF text layers into plain letters. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

LINE_END_HYPHEN = "\x02"
"""pdfium's mark for a hyphen at the end of a line."""

SECOND_HALF = "\u2060"
"""Follows a character beyond U+FFFF, which pdfium counts as two."""

SOFT_HYPHEN = "\u00ad"
REPLACEMENT = "\ufffd"
FILLERS = frozenset(".·…-–—_")

_LIGATURE = re.compile("[\ufb00-\ufb06]")
_ARABIC_SHAPE = re.compile("[\ufb50-\ufdf9\ufdfc\ufe70-\ufefc]")
"""Arabic letters as they are drawn at the beginning, in the middle and at the end of words, and joined ones."""
_FAULTY = re.compile(
    "[\\x00\\x01\\x03-\\x08\\x0e-\\x1f\\x7f-\\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\uffff\U000f0000-\U0010ffff]"
)
"""Characters that are not letters: controls (except white space), private use, and specials such as the replacement
character. `LINE_END_HYPHEN` counts as a letter."""

_ODD = re.compile(
    f"{_LIGATURE.pattern}|{_ARABIC_SHAPE.pattern}|{_FAULTY.pattern}|[{SOFT_HYPHEN}{LINE_END_HYPHEN}{SECOND_HALF}]"
)
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")


def text_of_codes(codes: Iterable[int]) -> str:
    """One character for each code; `REPLACEMENT` for invalid ones (NUL, half a surrogate pair).

    A surrogate pair becomes its character, followed by `SECOND_HALF`.
    """
    return _NO_CHARACTER.sub(REPLACEMENT, _PAIR.sub(_join_pair, "".join(map(chr, codes))))


def _join_pair(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16") + SECOND_HALF


def make_plain(text: str) -> str:
    """Composed (NFC) text without ligatures, Arabic letter shapes, soft hyphens, controls, replacement characters.

    A hyphen at the end of a line remains as `-`.
    """
    if text.isascii() and text.isprintable():
        return text
    if _ODD.search(text):
        if text.endswith((LINE_END_HYPHEN, SOFT_HYPHEN)):
            text = text[:-1] + "-"
        expanded = _LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
        expanded = _ARABIC_SHAPE.sub(lambda match: unicodedata.normalize("NFKC", match[0]).strip(), expanded)
        text = _ODD.sub("", expanded)
    return unicodedata.normalize("NFC", text)


def _is_swapped(letter: str) -> bool:
    """Whether it may be a Latin letter whose two bytes are swapped; one in 256 Chinese characters looks like that."""
    code = ord(letter)
    return 0x2000 < code < 0x8000 and code & 0xFF == 0


def is_broken(text: str) -> bool:
    """Whether a word has faulty characters, because its font does not say which letters it draws.

    A single one is a bullet or an ornament, and does not count.
    """
    return not text.isascii() and len(text) > 1 and _FAULTY.search(text) is not None


@dataclass(frozen=True)
class WorkCounter:
    """Counts of characters except white space: all, letters and digits, fillers, faulty ones, byte-swapped ones."""

    characters: int
    alphanumeric: int
    fillers: int
    faulty: int
    swapped: int


def tally(text: str) -> WorkCounter:
    """Count the characters of a text layer by kind."""
    times = Counter({letter: count for letter, count in Counter(text).items() if not letter.isspace()})
    return WorkCounter(
        characters=times.total(),
        alphanumeric=sum(times[letter] for letter in times if letter.isalnum()),
        fillers=sum(times[letter] for letter in FILLERS),
        faulty=sum(times[letter] for letter in times if _FAULTY.match(letter)),
        swapped=sum(times[letter] for letter in times if _is_swapped(letter)),
    )
