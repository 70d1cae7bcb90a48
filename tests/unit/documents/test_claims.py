"""Which lines of hidden text are compared with the picture, and what the comparison decides."""

import pytest

from pagemill.documents.claims import MOST_CLAIMS, Claim, are_borne_out, choose_claims
from pagemill.domain.page.page import Line

PLACE = (0.0, 0.0, 100.0, 20.0)
OUTLINE = ((0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0))


def claims(*texts: str) -> list[Claim]:
    return [Claim(text, (0.0, 20.0 * at, 100.0, 20.0 * at + 20)) for at, text in enumerate(texts)]


def readings(*texts: str, confidence: float | None = 0.98) -> list[list[Line]]:
    return [[Line(text=text, polygon=OUTLINE, confidence=confidence)] if text else [] for text in texts]


def test_few_lines_are_chosen_over_the_whole_page_and_the_doubtful_ones_first() -> None:
    lines = [f"ordinary line {chr(97 + at)} of the page" for at in range(40)]
    lines[7] = "tbe lnv0ice aud tbe nurnbcr"
    chosen = choose_claims(claims(*lines))
    assert len(chosen) == MOST_CLAIMS
    assert chosen[0].text == lines[7]
    tops = [claim.rect[1] for claim in chosen[1:]]
    assert tops[0] < 200
    assert tops[-1] > 600


def test_lines_that_say_nothing_are_not_chosen_where_others_are() -> None:
    assert [claim.text for claim in choose_claims(claims("- 7 -", "a telling line", ""))] == ["a telling line"]
    assert len(choose_claims(claims("- 7 -"))) == 1


@pytest.mark.parametrize(
    ("claimed", "read"),
    [
        ("Invoice number 2026-0417", "Invoice number 2026-0417"),
        ("Invoice number 2026-0417", "Invoicenumber 2026 - 0417"),
        ("Größe über Öl", "Grosse uber Ol"),
        ("Größe über Öl", "Größe uber OL"),
        ("合同编号二零二六", "合同编号二零二六"),
        ("of it", "0f lt"),
    ],
)
def test_text_that_an_engine_reads_too_is_borne_out(claimed: str, read: str) -> None:
    assert are_borne_out(claims(claimed), readings(read))


@pytest.mark.parametrize(
    ("claimed", "read"),
    [
        ("lnv0ice nurnbcr 2O26", "Invoice number 2026"),
        ("tbe price of tbe flour", "the price of the flour"),
        ("Total amount due 143.50", "Total 148.50"),
        ("合同编号二零二六", "台同编号三零二大"),
    ],
)
def test_text_that_an_engine_surely_reads_otherwise_is_not(claimed: str, read: str) -> None:
    assert not are_borne_out(claims(claimed), readings(read))


@pytest.mark.parametrize(
    ("read", "confidence"),
    [("the price", 0.7), ("the price", None), ("", 0.99), ("цена", 0.99), ("1234", 0.99)],
)
def test_an_engine_that_cannot_tell_contradicts_nothing(read: str, confidence: float | None) -> None:
    assert are_borne_out(claims("tbe prlce 0f it aU"), readings(read, confidence=confidence))


def test_one_wrong_line_of_many_words_is_not_enough_and_half_of_them_is() -> None:
    good = [f"line {at} says what it says in the picture" for at in range(4)]
    assert are_borne_out(claims(*good, "tbc"), readings(*good, "the"))
    assert not are_borne_out(claims(*good[:2], "tbc llne sa1d wbat"), readings(*good[:2], "the line said what"))
