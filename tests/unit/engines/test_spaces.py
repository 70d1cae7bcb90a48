"""Spaces that the recognition network finds likely without writing them."""

import numpy as np
import pytest

from pagemill.engines.rapidocr.models import Letters
from pagemill.engines.rapidocr.spaces import add_spaces

ALPHABET = ["blank", *"abcdéTЖ語15.,:(", " "]


def letters(text: str, spaces: dict[int, float]) -> Letters:
    """One column for each letter; "_" is nothing, and other columns hardly have a space."""
    indices = np.array([0 if letter == "_" else ALPHABET.index(letter) for letter in text])
    likely = np.array([spaces.get(at, 0.001) for at in range(len(text))], dtype=np.float32)
    return Letters(indices, np.full(len(text), 0.9, dtype=np.float32), likely)


def text_of(found: Letters) -> str:
    return "".join("_" if not index else ALPHABET[index] for index in found.indices)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a_b", "a b"),
        ("aa_b", "aa b"),
        ("a_é", "a é"),
        ("a_1", "a 1"),
        ("1_a", "1 a"),
        (",_a", ", a"),
        ("a_(", "a ("),
        ("1_5", "1_5"),
        (",_5", ",_5"),
        ("a_,", "a_,"),
        ("語_語", "語_語"),
        ("a_語", "a_語"),
        ("Ж_Ж", "Ж_Ж"),
        ("a __b", "a __b"),
        ("a_ _b", "a_ _b"),
    ],
)
def test_a_likely_space_parts_words_in_latin_and_nothing_else(before: str, after: str) -> None:
    at = before.index("_")
    assert text_of(add_spaces(letters(before, {at: 0.2}), ALPHABET)) == after


@pytest.mark.parametrize("likely", [0.0, 0.05, 0.09])
def test_an_unlikely_space_is_not_added(likely: float) -> None:
    line = letters("a_b_c", {1: likely})
    assert add_spaces(line, ALPHABET) is line


def test_each_gap_gets_one_space_where_it_is_likeliest() -> None:
    line = letters("a___b___c_d", {1: 0.2, 2: 0.4, 3: 0.3, 5: 0.2})
    assert text_of(add_spaces(line, ALPHABET)) == "a_ _b __c_d"


@pytest.mark.parametrize("place", [0, 4])
def test_before_the_first_letter_and_after_the_last_no_space_is_added(place: int) -> None:
    assert text_of(add_spaces(letters("_a_b_", {place: 0.9}), ALPHABET)) == "_a_b_"


def test_the_line_is_as_certain_as_before_and_the_networks_output_stays() -> None:
    line = letters("a_b", {1: 0.2})
    added = add_spaces(line, ALPHABET)
    assert added.probabilities.tolist() == pytest.approx([0.9, 0.9, 0.9])
    assert line.indices.tolist() == [1, 0, 2]
