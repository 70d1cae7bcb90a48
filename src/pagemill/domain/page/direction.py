"""Finds the direction of text from its letters. Pure."""

import re
from collections.abc import Iterable
from unicodedata import bidirectional

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""A character of Hebrew, Arabic, Syriac, Thaana, N'Ko and the like."""


def has_letters_from_right(texts: Iterable[str]) -> bool:
    """Whether any letter belongs to a script that runs from right to left."""
    return any(not text.isascii() and RIGHT_TO_LEFT.search(text) for text in texts)


def runs_from_right(texts: Iterable[str]) -> bool:
    """Whether most letters belong to scripts that run from right to left."""
    joined = "".join(texts)
    if joined.isascii() or not RIGHT_TO_LEFT.search(joined):
        return False
    kinds = list(map(bidirectional, joined))
    return kinds.count("R") + kinds.count("AL") > kinds.count("L")
