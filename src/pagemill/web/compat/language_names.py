"""Names of languages in other services."""

from collections.abc import Mapping

SHORT_NAMES: Mapping[str, str] = {
    "ces": "cs",
    "dan": "da",
    "deu": "de",
    "eng": "en",
    "est": "et",
    "fin": "fi",
    "fra": "fr",
    "hrv": "hr",
    "hun": "hu",
    "isl": "is",
    "ita": "it",
    "lav": "lv",
    "lit": "lt",
    "nld": "nl",
    "nor": "no",
    "pol": "pl",
    "por": "pt",
    "ron": "ro",
    "slk": "sk",
    "slv": "sl",
    "spa": "es",
    "swe": "sv",
    "tur": "tr",
    "jpn": "ja",
    "ger": "de",
    "fre": "fr",
    "dut": "nl",
    "cze": "cs",
    "rum": "ro",
    "slo": "sk",
}
"""ISO 639-1 for ISO 639-2, which Tesseract uses."""
