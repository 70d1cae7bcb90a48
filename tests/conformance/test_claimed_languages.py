"""A language is claimed only if the model can write its letters, as CLDR lists them."""

from functools import cache

import pytest

from pagemill.domain.work.engine_spec import EngineConfig, EngineProfile
from pagemill.domain.work.scripts import SCRIPTS, Script
from pagemill.engines.alphabets import can_write, is_known, letters_of, missing_letters
from pagemill.engines.rapidocr.models import model_files
from pagemill.engines.rapidocr.on_onnxruntime import networks
from pagemill.engines.rapidocr.spec import rapidocr_specs

NOT_IN_CLDR = frozenset({"la"})
SMALL = frozenset({code for script in SCRIPTS for code in script.languages if len(letters_of(code)) < 500})
"""Languages of which no letter may be missing."""


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


@pytest.mark.parametrize("code", claims())
def test_every_letter_of_a_claimed_language_is_in_the_alphabet(code: str) -> None:
    if code in NOT_IN_CLDR:
        assert not is_known(code), "CLDR lists its letters now; check them"
        return
    assert can_write(code, alphabet()), f"{code} is claimed; missing: {sorted(missing_letters(code, alphabet()))}"


@pytest.mark.parametrize("code", ["vi", "cy", "ru", "el", "ar", "he", "hi", "th", "ko"])
def test_a_language_with_letters_that_are_missing_is_not_claimed(code: str) -> None:
    assert not can_write(code, alphabet())
    assert code not in claims()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_letters_of_every_script_that_a_model_may_claim_are_known(script: Script) -> None:
    assert all(is_known(code) for code in script.languages)
    assert all(can_write(code, letters_of(code)) for code in script.languages)
    assert all(not can_write(code, letters_of(code) - {min(letters_of(code))}) for code in SMALL & {*script.languages})
