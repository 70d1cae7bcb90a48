import numpy as np
import pytest
from rapidocr.ch_ppocr_rec.typings import WordInfo, WordType

from pagemill.engines.rapidocr.recognition import input_width, placed_words
from pagemill.engines.rapidocr.strips import LineStrip, pieces


def word_info(words: list[str], columns: list[list[int]], *, length: float, confidences: list[float]) -> WordInfo:
    return WordInfo([list(word) for word in words], columns, [WordType.EN_NUM] * len(words), length, confidences)


def test_a_line_is_pressed_or_stretched_by_little() -> None:
    for exact in range(40, 3072):
        assert abs(input_width(exact / 48) / exact - 1) <= 0.15
    for exact in range(100, 3072):
        assert abs(input_width(exact / 48) / exact - 1) <= 0.125


def test_there_are_few_widths() -> None:
    assert len({input_width(columns / 48) for columns in range(1, 5000)}) <= 25


@pytest.mark.parametrize(("aspect", "width"), [(0.01, 32), (0.7, 32), (64.0, 3072), (1000.0, 3072)])
def test_widths_have_ends(aspect: float, width: int) -> None:
    assert input_width(aspect) == width


def test_words_begin_and_end_half_a_letter_from_their_outer_letters() -> None:
    info = word_info(["ab", "cd"], [[1, 3], [9, 11]], length=14.0, confidences=[1.0, 0.8, 0.1, 0.6, 0.4])
    first, second = placed_words("ab cd", info)
    assert (first.text, second.text) == ("ab", "cd")
    assert (first.start * 14, first.end * 14) == pytest.approx((0.5, 4.5))
    assert (second.start * 14, second.end * 14) == pytest.approx((8.5, 12.5))
    assert (first.confidence, second.confidence) == pytest.approx((0.9, 0.5))


def test_neighbouring_words_do_not_overlap() -> None:
    info = word_info(["abc", "d"], [[0, 4, 8], [10]], length=12.0, confidences=[1.0] * 5)
    first, second = placed_words("abc d", info)
    assert first.end <= second.start
    assert first.start >= 0.0
    assert second.end <= 1.0


def test_letters_that_are_words_by_themselves_are_as_wide_as_they_follow_each_other() -> None:
    info = word_info(["合", "同", "号"], [[2], [7], [12]], length=15.0, confidences=[1.0] * 3)
    edges = [(round(word.start * 15, 1), round(word.end * 15, 1)) for word in placed_words("合同号", info)]
    assert edges == [(0.0, 5.0), (5.0, 10.0), (10.0, 15.0)]


def test_single_letters_far_apart_are_no_wider_than_their_line_is_high() -> None:
    info = word_info(["I", "V"], [[10], [60]], length=100.0, confidences=[1.0] * 3)
    first, second = placed_words("I V", info)
    assert (first.end - first.start) * 100 == pytest.approx(6.0)
    assert second.start * 100 == pytest.approx(57.5)


def test_no_letters_make_no_words() -> None:
    assert placed_words("", WordInfo()) == ()


def test_a_long_strip_is_cut_between_words() -> None:
    page = np.full((40, 5000), 255, dtype=np.uint8)
    page[10:30, 100:2450:7] = 0
    page[10:30, 2600:4900:7] = 0
    corners = np.array([[0, 0], [5000, 0], [5000, 40], [0, 40]], dtype=np.float32)
    first, second = pieces(LineStrip(page, corners))
    assert 2450 < first.quad[1][0] < 2600
    assert first.quad[1][0] == second.quad[0][0]
