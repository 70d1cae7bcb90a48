"""Scores how well a page was read, against its true text."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

_IDEOGRAPH = re.compile(r"([\u3040-\u30ff\u3400-\u9fff])")
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Score:
    """One page's figures.

    Attributes:
        word_f1: Harmonic mean of precision and recall of its words, whatever their order; case and punctuation folded,
            each ideograph a word.
        character_errors: Least insertions, deletions and replacements that turn what was read into the true text, both
            in reading order and without white space.
        characters: Characters of the true text, white space not counted.
    """

    word_f1: float
    character_errors: int
    characters: int


def score(read: str, truth: str) -> Score:
    """Compare what was read with the true text."""
    read_dense, truth_dense = "".join(read.split()), "".join(truth.split())
    return Score(word_f1(read, truth), edit_distance(read_dense, truth_dense), len(truth_dense))


def word_f1(read: str, truth: str) -> float:
    """Order-free F1 of the words; 1 where both are empty."""
    read_words, true_words = _words(read), _words(truth)
    total = read_words.total() + true_words.total()
    return 2 * (read_words & true_words).total() / total if total else 1.0


def edit_distance(first: str, second: str) -> int:
    """Levenshtein distance, a row of the usual table at a time.

    An insertion carries a value along its row; subtracting the column's number turns that chain into a running minimum.
    """
    if not first or not second:
        return len(first) + len(second)
    letters = np.array([ord(letter) for letter in second])
    columns = np.arange(len(second) + 1)
    row = columns.copy()
    for number, letter in enumerate(first, start=1):
        below = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.minimum.accumulate(np.concatenate(([number], below)) - columns) + columns
    return int(row[-1])


def _words(text: str) -> Counter[str]:
    spaced = _IDEOGRAPH.sub(r" \1 ", text.casefold())
    folded = (_NEITHER_LETTER_NOR_DIGIT.sub("", word) for word in spaced.split())
    return Counter(word for word in folded if word)
