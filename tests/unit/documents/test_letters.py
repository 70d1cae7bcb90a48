import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.documents.letters import REPLACEMENT, WorkCounter, make_plain, tally, text_of_codes


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("plain", "plain"),
        ("ﬁne oﬃce", "fine office"),
        ("e\u0301te\u0301", "été"),
        ("co\u00adoperate", "cooperate"),
        ("exam\u00ad", "exam-"),
        ("exam\x02", "exam-"),
        ("a\x00b\ufffdc\ue000d", "abcd"),
        ("한글 漢字", "한글 漢字"),
        ("x²½", "x²½"),
        ("\ufffd", ""),
    ],
)
def test_what_fonts_hold_is_made_plain(stored: str, read: str) -> None:
    assert make_plain(stored) == read


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_plain_text_is_composed_and_stays_as_it_is(text: str) -> None:
    once = make_plain(text)
    assert unicodedata.is_normalized("NFC", once)
    assert make_plain(once) == once


def test_codes_that_are_no_characters_are_replaced_one_by_one() -> None:
    assert text_of_codes([0x41, 0, 0xD83D, 0x1F600, 0x42]) == f"A{REPLACEMENT * 2}😀B"


def test_a_pair_of_codes_is_one_character_in_two_places() -> None:
    text = text_of_codes([0x41, 0xD835, 0xDC65, 0xDC65, 0x42])
    assert (len(text), make_plain(text)) == (5, "A𝑥B")


def test_a_layer_is_counted_by_kind_without_its_white_space() -> None:
    assert tally("Ab 1\r\n… . \ue001\ufffd\x02䴀") == WorkCounter(
        characters=9, alphanumeric=4, fillers=2, faulty=2, swapped=1
    )
