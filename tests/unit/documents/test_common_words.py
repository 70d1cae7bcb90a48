"""Clear prose of a language needs no look at its picture; anything else does."""

import pytest
from tests.data.hidden_layers import INVOICE, LETTER, misread

from pagemill.documents.common_words import is_clearly_read, is_misread

PROSE = {
    "en": LETTER,
    "de": (
        "Der Preis für das Mehl, den wir mit Ihnen vereinbart hatten, ist nicht der, der in der Rechnung steht, und",
        "wir bitten Sie, uns zu sagen, welcher von den beiden für die Lieferung gilt, bevor wir sie mit dem Brief",
    ),
    "fr": (
        "Le prix de la farine que nous avons convenu avec vous ne figure pas dans la facture, et nous vous prions de",
        "nous dire lequel des deux est le bon avant que nous ne payons ce qui est dans la lettre pour ce mois",
    ),
    "es": (
        "El precio de la harina que se acordó con ustedes no es el que figura en la factura, y por eso les pedimos que",
        "nos digan cuál de los dos es el que vale para la entrega de este mes, antes de que se pague lo que está",
    ),
    "nl": (
        "De prijs van het meel die wij met u hebben afgesproken is niet de prijs die op de rekening staat, en wij",
        "vragen u om ons te zeggen welke van de twee voor deze levering is, dan kan het nog voor het einde van de week",
    ),
}


@pytest.mark.parametrize("language", PROSE)
def test_prose_of_a_language_is_clear(language: str) -> None:
    assert is_clearly_read(" ".join(PROSE[language]).split())


@pytest.mark.parametrize("language", PROSE)
@pytest.mark.parametrize("rate", [0.15, 0.5])
def test_prose_that_was_misread_is_not(language: str, rate: float) -> None:
    assert not is_clearly_read(" ".join(misread(PROSE[language], rate=rate)).split())


def test_one_letter_misread_throughout_is_seen() -> None:
    text = " ".join(LETTER)
    assert not is_clearly_read(text.replace("the", "tbe").split())
    assert not is_clearly_read(text.replace("and", "aud").replace("that", "tbat").split())


@pytest.mark.parametrize("lines", [INVOICE, LETTER[:1], (), ("2026 148.50 " * 40,), ("qwfpg zxcvd arstd " * 20,)])
def test_what_is_short_or_no_prose_is_not_clear(lines: tuple[str, ...]) -> None:
    assert not is_clearly_read(" ".join(lines).split())


@pytest.mark.parametrize(
    ("word", "expected"), [("tbe", True), ("aud", True), ("the", False), ("bad", False), ("2026", False)]
)
def test_misread_common_words_are_told_from_real_ones(word: str, *, expected: bool) -> None:
    assert is_misread(word) is expected
