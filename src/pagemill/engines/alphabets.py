"""Whether a model can write a language: its alphabet against the letters that CLDR lists. Pure, but for one file."""

import json
from collections.abc import Mapping, Set
from functools import cache
from pathlib import Path
from unicodedata import category

FILE = Path(__file__).with_name("exemplars.json")
"""The letters of languages (`tests/data/make_exemplars.py`); licence in `exemplars-licence.txt`."""

_LARGEST = 500
"""Letters of the largest alphabet; what has more is written in ideographs or syllables."""
_SHARE = 0.995
"""Least share of a language's ideographs: CLDR lists some that are no longer written (ゐ, ヱ)."""
_ALIKE = str.maketrans("\u02bb\u02bc", "\u2018\u2019")
"""Letters that no picture tells from the quotation marks that are in every alphabet."""
_COMBINING_ACUTE = "\u0301"
_UNNEEDED: Mapping[str, str] = {"nl": _COMBINING_ACUTE}
"""Dutch: only for the second letter of a stressed "ij", which is hardly ever written."""
_INVISIBLE = "Cf"


def is_known(language: str) -> bool:
    """Whether the letters of the language are known."""
    return language in _letters()


def letters_of(language: str) -> frozenset[str]:
    """Small and capital letters of a language; none if they are not known."""
    listed = set(_letters().get(language, "").translate(_ALIKE)) - set(_UNNEEDED.get(language, ""))
    small = {letter for letter in listed if category(letter) != _INVISIBLE}
    return frozenset(small | {letter.upper() for letter in small if len(letter.upper()) == 1})


def missing_letters(language: str, alphabet: Set[str]) -> frozenset[str]:
    """The letters of a language that a model with this alphabet cannot write; none if it can write the language."""
    wanted = letters_of(language)
    missing = wanted - alphabet
    if len(wanted) > _LARGEST and len(missing) <= (1 - _SHARE) * len(wanted):
        return frozenset()
    return missing


def can_write(language: str, alphabet: Set[str]) -> bool:
    """Whether a model with this alphabet can write the language; never if its letters are not known."""
    return is_known(language) and not missing_letters(language, alphabet)


@cache
def _letters() -> Mapping[str, str]:
    letters: Mapping[str, str] = json.loads(FILE.read_text(encoding="utf-8"))["letters"]
    return letters
