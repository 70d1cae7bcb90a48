"""Decides whether words look like a language or like a poor recognition. Pure; uses no dictionary."""

import re
import unicodedata
from collections.abc import Iterable

MOST_ODD = 0.12
"""The largest share of odd words in a credible layer: clean ones have up to 0.04, names and formulas included."""

FEWEST_JUDGED = 4
_MOST_JUDGED = 150

_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile("[a-zA-Z\u00c0-\u024f]+")
_ALPHABETIC = "[A-Za-z\u00c0-\u024f\u0370-\u052f]"
"""Latin, Greek and Cyrillic: in other scripts digits stand between letters without a space, as in dates."""

_DIGIT_INSIDE = re.compile(
    rf"{_ALPHABETIC}\d+{_ALPHABETIC}|^\d{_ALPHABETIC}{{3,}}|{_ALPHABETIC}{{3,}}\d{_ALPHABETIC}*$"
)
_STRAY = re.compile(rf"{_ALPHABETIC}[|~^{{}}\\<>*#=+]{_ALPHABETIC}")
_CASE_INSIDE = re.compile(r"[a-z\u00df-\u00ff]{2}[A-Z\u00c0-\u00de][a-z\u00df-\u00ff]")
_CONSONANTS = re.compile("[bcdfghjklmnpqrstvwxz]{10,}")
_SAME = re.compile(rf"({_ALPHABETIC})\1{{3,}}")
_VOWELS = frozenset("aeiouy")


def is_plausible(words: Iterable[str]) -> bool:
    """Whether few of the words are odd; words without letters do not count, and a handful is always plausible."""
    judged = [word for word in words if len(word) >= 3 and _LETTER.search(word)]
    judged = judged[:: max(1, len(judged) // _MOST_JUDGED)]
    odd = sum(map(is_odd, judged))
    return len(judged) < FEWEST_JUDGED or odd <= MOST_ODD * len(judged)


def is_odd(word: str) -> bool:
    """Whether a word looks misread: digits, capitals or signs between its letters, or hardly a vowel.

    Only words in Latin letters are judged by their vowels. Addresses, and codes in capitals, are never odd.
    """
    bare = word.strip(".,;:!?()[]\"'“”‘’«»„-–—")
    if "@" in bare or "/" in bare or "." in bare or bare.isupper():
        return False
    if _DIGIT_INSIDE.search(bare) or _STRAY.search(bare) or _CASE_INSIDE.search(bare) or _SAME.search(bare):
        return True
    plain = "".join(c for c in unicodedata.normalize("NFD", bare.lower()) if not unicodedata.combining(c))
    return _LATIN.fullmatch(plain) is not None and _lacks_vowels(plain)


def _lacks_vowels(plain: str) -> bool:
    vowels = sum(letter in _VOWELS for letter in plain)
    return _CONSONANTS.search(plain) is not None or (len(plain) >= 5 and vowels == 0)
