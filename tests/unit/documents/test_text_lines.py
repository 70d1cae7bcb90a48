from itertools import permutations

import pytest

from pagemill.documents.text_lines import PlacedWord, lines_of_words, main_direction


def row(*texts: str, y: float = 0, x: float = 0, gap: float = 4, size: float = 12) -> list[PlacedWord]:
    """Words one after the other, as wide as they are long."""
    words = []
    for text in texts:
        words.append(PlacedWord(text, x, y, x + 6 * len(text), y + size))
        x += 6 * len(text) + gap
    return words


def texts(words: list[PlacedWord]) -> list[str]:
    return [line.text for line in lines_of_words(words)]


def test_words_next_to_each_other_make_a_line() -> None:
    assert texts([*row("one", "line"), *row("another", y=15)]) == ["one line", "another"]


def test_a_wide_gap_ends_a_line() -> None:
    assert texts([*row("label"), *row("9.50", x=300)]) == ["label", "9.50"]


def test_columns_close_together_stay_apart_though_their_baselines_agree() -> None:
    stored = [*row("left"), *row("left", y=15), *row("right", x=33), *row("right", x=33, y=15)]
    assert texts(stored) == ["left", "right", "left", "right"]


def test_words_stored_in_any_order_make_the_same_lines() -> None:
    words = [*row("the", "quick", "brown", "fox"), *row("jumps", "over", y=15)]
    for order in permutations(words):
        assert texts(list(order)) == ["the quick brown fox", "jumps over"]


def test_a_line_encloses_its_words() -> None:
    (line,) = lines_of_words([*row("low"), *row("high", x=22, y=-2, size=15)])
    assert list(line.polygon) == [(0, -2), (46, -2), (46, 13), (0, 13)]
    assert [word.text for word in line.words] == ["low", "high"]


@pytest.mark.parametrize(
    ("turns", "polygon"),
    [
        (0, ((10, 20), (40, 20), (40, 30), (10, 30))),
        (1, ((40, 20), (40, 30), (10, 30), (10, 20))),
        (2, ((40, 30), (10, 30), (10, 20), (40, 20))),
        (3, ((10, 30), (10, 20), (40, 20), (40, 30))),
    ],
)
def test_a_polygon_starts_where_the_writing_starts(turns: int, polygon: tuple[tuple[float, float], ...]) -> None:
    (line,) = lines_of_words([PlacedWord("turned", 10, 20, 40, 30, turns)])
    assert line.polygon == polygon


def test_writing_that_runs_down_joins_along_its_run() -> None:
    words = [PlacedWord("first", 100, 0, 112, 30, 1), PlacedWord("second", 100, 34, 112, 70, 1)]
    assert texts(words) == ["first second"]


def test_the_main_direction_is_that_of_most_letters() -> None:
    assert main_direction([]) == 0
    assert main_direction([PlacedWord("a", 0, 0, 1, 1), PlacedWord("longer", 0, 0, 1, 1, 3)]) == 3
