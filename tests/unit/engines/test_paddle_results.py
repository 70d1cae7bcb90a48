import pytest

from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.page import BlockKind
from pagemill.engines.paddle.layout import RawTable, region, table_cells
from pagemill.engines.paddle.lines import RawLine, Run, page_lines
from pagemill.engines.paddle.results import lines_of

LEVEL = [(10.0, 10.0), (110.0, 10.0), (110.0, 30.0), (10.0, 30.0)]
TALL = [(10.0, 10.0), (30.0, 10.0), (30.0, 110.0), (10.0, 110.0)]


def test_words_stand_at_their_share_of_the_line() -> None:
    (line,) = page_lines([RawLine(" ab  cd ", 0.9, LEVEL)])
    assert (line.text, line.confidence) == ("ab  cd", 0.9)
    assert [word.text for word in line.words] == ["ab", "cd"]
    first, second = line.words
    assert first.polygon[0] == (10.0, 10.0)
    assert first.polygon[1][0] == pytest.approx(10 + 100 * 2 / 6, abs=0.1)
    assert second.polygon[0][0] == pytest.approx(10 + 100 * 4 / 6, abs=0.1)
    assert second.polygon[2] == (110.0, 30.0)


def test_words_stand_where_their_runs_do() -> None:
    runs = [Run("No.", 12, 30), Run("17", 32, 50), Run("x", 90, 200)]
    (line,) = page_lines([RawLine("No.17 x", 0.9, LEVEL, runs)])
    assert [(word.text, word.polygon[0][0], word.polygon[1][0]) for word in line.words] == [
        ("No.17", 12.0, 50.0),
        ("x", 90.0, 110.0),
    ]


def test_letters_without_spaces_stay_as_they_are_parted() -> None:
    runs = [Run("文", 10, 30), Run("档", 30, 60), Run("A4", 60, 110)]
    (line,) = page_lines([RawLine("文档A4", 0.9, LEVEL, runs)])
    assert [word.text for word in line.words] == ["文", "档", "A4"]


@pytest.mark.parametrize("runs", [[Run("other", 10, 50)], [Run("ab", 10, 50)], [Run("abcd", 10, 50)]])
def test_runs_that_are_not_those_of_the_text_are_passed_over(runs: list[Run]) -> None:
    (line,) = page_lines([RawLine("ab cd", 0.9, LEVEL, runs)])
    assert [(word.text, word.polygon[0][0]) for word in line.words] == [("ab", 10.0), ("cd", 70.0)]


def test_an_answer_with_and_without_runs_is_read() -> None:
    answer = {"rec_texts": ["ab"], "rec_scores": [0.5], "rec_polys": [LEVEL]}
    runs = {
        "text_word": [["a", " ", "b"]],
        "text_word_region": [[[(10, 0), (20, 9)], [(20, 0), (21, 9)], [(30, 0), (40, 9)]]],
    }
    assert lines_of(answer) == [RawLine("ab", 0.5, LEVEL)]
    assert lines_of(answer | runs) == [RawLine("ab", 0.5, LEVEL, [Run("a", 10, 20), Run("b", 30, 40)])]


def test_a_tall_line_runs_down() -> None:
    (line,) = page_lines([RawLine("down here", 1.2, TALL)])
    assert line.polygon[:2] == ((30.0, 10.0), (30.0, 110.0))
    assert line.confidence == 1.0
    assert line.words[0].polygon[0] == (30.0, 10.0)
    assert line.words[1].polygon[1] == (30.0, 110.0)


def test_lines_that_say_nothing_are_left_out() -> None:
    assert page_lines([RawLine("", 0.0, LEVEL), RawLine("  ", 0.5, LEVEL)]) == []


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("doc_title", BlockKind.TITLE),
        ("table", BlockKind.TABLE),
        ("chart", BlockKind.FIGURE),
        ("figure_title", BlockKind.CAPTION),
        ("number", BlockKind.PAGE_NUMBER),
        ("abstract", BlockKind.TEXT),
        ("something new", BlockKind.TEXT),
    ],
)
def test_labels_become_kinds(label: str, kind: BlockKind) -> None:
    assert region(label, (0, 0, 5, 5), 0.5).kind is kind


def test_cells_stand_where_the_html_puts_them() -> None:
    html = (
        "<html><body><table><tr><td rowspan='2'>a</td><td colspan=\"2\">b</td></tr>"
        "<tr><td>c</td><td>d</td></tr><tr><th>e</th><td></td><td>f</td></tr></table></body></html>"
    )
    boxes = [(float(number), 0.0, number + 1.0, 1.0) for number in range(7)]
    assert table_cells(RawTable(html, boxes)) == [
        GridCell(0, 0, *boxes[0], row_span=2),
        GridCell(0, 1, *boxes[1], column_span=2),
        GridCell(1, 1, *boxes[2]),
        GridCell(1, 2, *boxes[3]),
        GridCell(2, 0, *boxes[4]),
        GridCell(2, 1, *boxes[5]),
        GridCell(2, 2, *boxes[6]),
    ]


def test_boxes_that_are_not_those_of_the_html_make_no_table() -> None:
    assert table_cells(RawTable("<table><tr><td>a</td></tr></table>", [])) == []
