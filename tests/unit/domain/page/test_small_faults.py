"""Letters of another script, letters at joints, rules that were read as letters."""

from collections.abc import Sequence

import pytest

from pagemill.domain.page.joints import clean_lines, is_rule
from pagemill.domain.page.page import Block, Line, Page, PageSource, WarningKind, Word
from pagemill.domain.page.strangers import CONFIDENCE, doubt_strangers, scripts_of

ENGLISH = "The composition of the mixture was measured every day of the week"
GERMAN = "Die Zusammensetzung der Mischung wurde täglich gemessen, auch am Überlauf"
RUSSIAN = "Договор аренды квартиры заключён сегодня между двумя сторонами"
CHINESE = "合同编号二〇二六年三月由甲方与乙方共同签订本合同一式两份双方各执一份具有同等法律效力"
KOREAN = "이 계약서는 두 통을 작성하여 각각 한 통씩 보관하고 서명 날인하여 효력을 가진다 계약서 보관 의무"


def line(text: str, left: float = 100, top: float = 100, *, letter: float = 10, height: float = 20) -> Line:
    words, at = [], left
    for part in text.split():
        right = at + letter * len(part)
        words.append(Word(text=part, polygon=box(at, top, right, top + height), confidence=0.95))
        at = right + letter
    outline = box(left, top, left + letter * len(text), top + height)
    return Line(text=text, polygon=outline, confidence=0.95, words=tuple(words))


def box(left: float, top: float, right: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def page(texts: Sequence[str]) -> Page:
    lines = tuple(line(text, 100, 100 + 30 * at) for at, text in enumerate(texts))
    block = Block(polygon=lines[0].polygon, lines=lines)
    return Page(number=1, width_px=1200, height_px=1600, dpi=None, source=PageSource.OCR, blocks=(block,))


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, RUSSIAN, KOREAN])
@pytest.mark.parametrize("invented", ["x 三 y = 2", "二", "浆", "f(x) 浆 = 1"])
def test_ideographs_that_a_formula_was_read_as_are_doubted(text: str, invented: str) -> None:
    (warning,) = doubt_strangers(page([text, text, invented])).warnings
    assert (warning.kind, warning.box) == (
        WarningKind.UNREAD_INK,
        (100, 160, 100 + 10 * len(invented), 180),
    )
    doubted = list(doubt_strangers(page([text, text, invented])).lines)[-1]
    assert doubted.text == invented
    assert doubted.confidence == CONFIDENCE
    assert {word.confidence for word in doubted.words} <= {CONFIDENCE, 0.95}
    assert CONFIDENCE in {word.confidence for word in doubted.words}


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, RUSSIAN, CHINESE, KOREAN])
@pytest.mark.parametrize("more", [ENGLISH, CHINESE, RUSSIAN, KOREAN, "α = β + γ", "合同编号", "100 €"])
def test_what_a_page_is_written_in_is_not_doubted(text: str, more: str) -> None:
    given = page([text, text, more])
    assert doubt_strangers(given) == given


def test_of_a_few_letters_nothing_is_known() -> None:
    given = page(["ab 三"])
    assert scripts_of(["ab 三"]) == frozenset()
    assert doubt_strangers(given) == given


@pytest.mark.parametrize("text", ["smmmm", "mmmmmm", "————", "_____", "- - - -".replace(" ", ""), "eeeee."])
def test_a_rule_that_was_read_as_letters_is_left_out(text: str) -> None:
    rule = line(text, letter=90)
    assert is_rule(rule)
    assert clean_lines([line(ENGLISH), rule]) == [line(ENGLISH)]


@pytest.mark.parametrize("text", ["Hmmmm", "smmmm", "Brrrrr", "1000000", "iiii", "_____", "Mississippi", "WWWW"])
def test_letters_as_wide_as_letters_are_stay(text: str) -> None:
    assert clean_lines([line(text)]) == [line(text)]


@pytest.mark.parametrize(
    ("left", "right", "overlap", "joined"),
    [
        ("the compos", "sition", 10, "ition"),
        ("the compos", "ossition", 22, "sition"),
        ("the compos", "ition", 10, "ition"),
        ("the compos", "sition", 0, "sition"),
        ("was a", "a man", 2, "a man"),
    ],
)
def test_a_letter_in_both_pieces_of_a_line_counts_once(left: str, right: str, overlap: float, joined: str) -> None:
    first = line(left, 100)
    second = line(right, 100 + 10 * len(left) - overlap)
    found = clean_lines([second, first])
    assert [each.text for each in found] == [joined, left]
    assert " ".join(word.text for word in found[0].words) == joined


def test_lines_below_each_other_keep_their_letters() -> None:
    lines = [line("the compos", 100, 100), line("sition", 190, 125)]
    assert clean_lines(lines) == lines
