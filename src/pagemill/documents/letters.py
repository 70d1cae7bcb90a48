"""What PDF text layers hold instead of plain letters, made plain. Pure."""

import re
import unicodedata
from collections.abc import Iterable

LINE_END_HYPHEN = "\x02"
"""pdfium's mark for a hyphen at the end of a line."""

SOFT_HYPHEN = "\u00ad"
REPLACEMENT = "\ufffd"
FILLERS = frozenset(".·…-–—_")

_LIGATURES = re.compile("[\ufb00-\ufb06]")
_FAULTY_CATEGORIES = frozenset({"Cc", "Cn", "Co", "Cs"})
_HIGHEST = 0x10FFFF


def character(code: int) -> str:
    """The character of a code from a text layer; `REPLACEMENT` for what is none (NUL, half a surrogate pair)."""
    if code == 0 or 0xD800 <= code <= 0xDFFF or code > _HIGHEST:
        return REPLACEMENT
    return chr(code)


def plain(text: str) -> str:
    """Composed (NFC) text without ligatures, soft hyphens within a word, controls and replacement characters.

    A hyphen at the end of a line stays, as `-`.
    """
    if text.isascii() and text.isprintable():
        return text
    if text.endswith((LINE_END_HYPHEN, SOFT_HYPHEN)):
        text = text[:-1] + "-"
    expanded = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    kept = "".join(letter for letter in expanded if not is_faulty(letter) and letter != SOFT_HYPHEN)
    return unicodedata.normalize("NFC", kept)


def is_faulty(letter: str) -> bool:
    """Whether it is no letter for people: control, private use, unassigned, replacement."""
    if letter.isalnum() or letter == LINE_END_HYPHEN:
        return False
    return letter == REPLACEMENT or unicodedata.category(letter) in _FAULTY_CATEGORIES


def tally(letters: Iterable[str]) -> tuple[int, int, int, int]:
    """How many are characters (white space not counted), letters or digits, fillers, faulty."""
    seen = [letter for letter in letters if not letter.isspace()]
    return (
        len(seen),
        sum(map(str.isalnum, seen)),
        sum(letter in FILLERS for letter in seen),
        sum(map(is_faulty, seen)),
    )
