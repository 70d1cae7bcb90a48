"""Scripts of the world that need separate models, with their letters and languages. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """A script.

    Attributes:
        name: For people.
        code: ISO 15924, as in tags of languages.
        languages: ISO 639 codes of languages written in it; the first reads most texts in it.
        letters: Its letters, as the inside of a character class.
    """

    name: str
    code: str
    languages: tuple[str, ...]
    letters: str

    def share(self, text: str) -> float:
        """How many of a text's letters are of this script, 0 … 1; 0 if it has none."""
        own = len(re.findall(f"[{self.letters}]", text))
        others = sum(letter.isalpha() for letter in re.sub(f"[{self.letters}]", "", text))
        return own / (own + others) if own else 0.0


SCRIPTS = (
    Script("Arabic", "Arab", ("ar", "fa", "ur", "ps", "ug", "sd"), "\u0600-\u06ff\u0750-\u077f"),
    Script(
        "Cyrillic",
        "Cyrl",
        ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg", "tt", "az-Cyrl", "uz-Cyrl"),
        "\u0400-\u052f",
    ),
    Script("Devanagari", "Deva", ("hi", "mr", "ne", "sa"), "\u0900-\u097f"),
    Script("Greek", "Grek", ("el",), "\u0370-\u03ff\u1f00-\u1fff"),
    Script("Hebrew", "Hebr", ("he", "yi"), "\u0590-\u05ff"),
    Script("Korean", "Kore", ("ko",), "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"),
    Script("Thai", "Thai", ("th",), "\u0e00-\u0e7f"),
    Script("Amharic", "Ethi", ("am", "ti"), "\u1200-\u137f"),
    Script("Armenian", "Armn", ("hy",), "\u0530-\u058f"),
    Script("Bengali", "Beng", ("bn", "as"), "\u0980-\u09ff"),
    Script("Burmese", "Mymr", ("my",), "\u1000-\u109f"),
    Script("Georgian", "Geor", ("ka",), "\u10a0-\u10ff"),
    Script("Gujarati", "Gujr", ("gu",), "\u0a80-\u0aff"),
    Script("Gurmukhi", "Guru", ("pa",), "\u0a00-\u0a7f"),
    Script("Kannada", "Knda", ("kn",), "\u0c80-\u0cff"),
    Script("Khmer", "Khmr", ("km",), "\u1780-\u17ff"),
    Script("Lao", "Laoo", ("lo",), "\u0e80-\u0eff"),
    Script("Malayalam", "Mlym", ("ml",), "\u0d00-\u0d7f"),
    Script("Odia", "Orya", ("or",), "\u0b00-\u0b7f"),
    Script("Sinhala", "Sinh", ("si",), "\u0d80-\u0dff"),
    Script("Tamil", "Taml", ("ta",), "\u0b80-\u0bff"),
    Script("Telugu", "Telu", ("te",), "\u0c00-\u0c7f"),
)
"""Scripts that the usual engines do not read; they do read Latin and Chinese."""

COMMON = ("Arabic", "Cyrillic", "Devanagari", "Greek", "Hebrew", "Korean", "Thai")
"""The scripts that people send most often; Pagemill says if it cannot read one of them."""


def script_of(language: str) -> Script | None:
    """The script of a language; None if it is Latin, Chinese or not known."""
    return next((script for script in SCRIPTS if language in script.languages), None)


def one_for_each_script(languages: Iterable[str]) -> tuple[str, ...]:
    """For each script, the language among these that reads most texts in it."""
    there = set(languages)
    firsts = (next((code for code in script.languages if code in there), None) for script in SCRIPTS)
    return tuple(sorted(code for code in firsts if code is not None))


def missing_scripts(languages: Iterable[str]) -> tuple[Script, ...]:
    """The common scripts that none of these languages is written in."""
    there = set(languages)
    return tuple(script for script in SCRIPTS if script.name in COMMON and not there & set(script.languages))
