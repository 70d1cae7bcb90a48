"""A language is claimed only if the model can write its letters, as CLDR lists them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from pagemill.domain.work.engine_spec import EngineConfig, EngineProfile
from pagemill.engines.rapidocr.models import model_files
from pagemill.engines.rapidocr.on_onnxruntime import networks
from pagemill.engines.rapidocr.spec import rapidocr_specs

LETTERS: Mapping[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "exemplars.json").read_text(encoding="utf-8")
)["letters"]
ALPHABET = 500
"""Letters of the largest alphabet; what has more is written in ideographs."""
SHARE = 0.995
"""Of ideographs, of which CLDR lists some that nobody writes any more (ゐ, ヱ)."""
NOT_IN_CLDR = frozenset({"la"})
ALIKE = str.maketrans("\u02bb\u02bc", "\u2018\u2019")
"""Letters that no picture tells from the quotation marks that are in every alphabet."""
COMBINING_ACUTE = "\u0301"
UNNEEDED: Mapping[str, str] = {"nl": COMBINING_ACUTE}
"""Dutch: only for the second letter of a stressed "ij", which is hardly ever written."""


@cache
def alphabet() -> frozenset[str]:
    """The letters that the shipped recognition model can write."""
    config = EngineConfig("accurate")
    loaded = networks(model_files(config, engine="rapidocr"), threads=1)
    return frozenset(loaded.recognition.characters())


def profiles() -> list[EngineProfile]:
    return [profile for spec in rapidocr_specs({}) for profile in spec.profiles]


def claims() -> list[str]:
    return sorted({code for profile in profiles() for code in profile.languages})


def letters_of(code: str) -> set[str]:
    """Small and capital letters."""
    small = set(LETTERS[code].translate(ALIKE)) - set(UNNEEDED.get(code, ""))
    return small | {letter.upper() for letter in small if len(letter.upper()) == 1}


def can_write(code: str) -> bool:
    wanted = letters_of(code)
    missing = wanted - alphabet()
    return not missing if len(wanted) <= ALPHABET else len(missing) <= (1 - SHARE) * len(wanted)


@pytest.mark.parametrize("code", claims())
def test_every_letter_of_a_claimed_language_is_in_the_alphabet(code: str) -> None:
    if code in NOT_IN_CLDR:
        assert code not in LETTERS, "CLDR lists its letters now; check them"
        return
    assert can_write(code), f"{code} is claimed; missing: {sorted(letters_of(code) - alphabet())}"


@pytest.mark.parametrize("code", ["vi", "cy", "ru", "el", "ar", "he", "hi", "th", "ko"])
def test_a_language_with_letters_that_are_missing_is_not_claimed(code: str) -> None:
    assert not can_write(code)
    assert code not in claims()
