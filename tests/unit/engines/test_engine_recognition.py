import numpy as np
import pytest
from rapidocr.ch_ppocr_rec.typings import WordInfo, WordType

from pagemill.engines.rapidocr.recognition import batches, placed_words
from pagemill.engines.rapidocr.strips import LineStrip, pieces


def word_info(words: list[str], columns: list[list[int]], *, length: float, confidences: list[float]) -> WordInfo:
    return WordInfo([list(word) for word in words], columns, [WordType.EN_NUM] * len(words), length, confidences)


@pytest.mark.parametrize("most_lines", [None, 1, 2, 3])
def test_every_line_is_in_one_batch(most_lines: int | None) -> None:
    widths = [40, 900, 41, 40, 300, 44, 2000, 40]
    made = list(batches(widths, most_lines=most_lines))
    assert sorted(index for batch in made for index in batch) == list(range(len(widths)))
    assert most_lines is None or max(map(len, made)) <= most_lines


def test_wide_lines_are_read_alone_and_first() -> None:
    assert list(batches([60, 900, 60, 800], most_lines=None)) == [[1], [3], [0, 2]]


def test_a_batch_pads_little() -> None:
    for batch in batches([32, 40, 50, 63, 80, 100, 126, 160], most_lines=None):
        assert len(batch) <= 2


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
