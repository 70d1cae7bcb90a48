"""The table network's tokens become cells in their places. The network itself has a suite of its own."""

import pytest

from pagemill.domain.page.grid import GridCell
from pagemill.engines.structure.cell_tokens import Step, cells_of, vocabulary

BOX = (0.1, 0.2, 0.3, 0.4)
CELL = ["<td></td>"]


def make_spanned(*spans: str) -> list[str]:
    return ["<td", *spans, ">", "</td>"]


def row(*cells: list[str]) -> list[str]:
    return ["<tr>", *(token for cell in cells for token in cell), "</tr>"]


def places(*rows: list[str]) -> list[tuple[int, int, int, int]]:
    tokens = ["<thead>", *rows[0], "</thead>", "<tbody>", *(token for each in rows[1:] for token in each), "</tbody>"]
    cells = cells_of(Step(token, BOX) for token in tokens)
    return [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in cells]


def test_cells_are_in_the_order_of_their_rows() -> None:
    assert places(row(CELL, CELL), row(CELL, CELL)) == [(0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (row(make_spanned(' colspan="2"'), CELL), row(CELL, CELL, CELL), [(0, 0, 1, 2), (0, 2, 1, 1)]),
        (row(make_spanned(' rowspan="2"'), CELL), row(CELL), [(0, 0, 2, 1), (0, 1, 1, 1), (1, 1, 1, 1)]),
        (row(CELL, make_spanned(' rowspan="2"')), row(CELL), [(0, 0, 1, 1), (0, 1, 2, 1), (1, 0, 1, 1)]),
        (
            row(make_spanned(' rowspan="2"', ' colspan="3"'), CELL),
            row(CELL),
            [(0, 0, 2, 3), (0, 3, 1, 1), (1, 3, 1, 1)],
        ),
        (
            row(make_spanned(' colspan="2"', ' rowspan="2"'), CELL),
            row(CELL),
            [(0, 0, 2, 2), (0, 2, 1, 1), (1, 2, 1, 1)],
        ),
    ],
)
def test_a_span_moves_later_cells(
    first: list[str], second: list[str], expected: list[tuple[int, int, int, int]]
) -> None:
    assert places(first, second)[: len(expected)] == expected


def test_a_cell_has_the_box_of_the_token_that_opens_it() -> None:
    other = (0.5, 0.5, 0.9, 0.9)
    steps = [Step("<tr>", other), Step("<td", BOX), Step(' colspan="2"', other), Step(">", other), Step("</td>", other)]
    assert cells_of(steps) == [GridCell(0, 0, *BOX, column_span=2)]


@pytest.mark.parametrize("tokens", [[], ["</td>", "</tr>"], ["<td", ">"], [' colspan="2"'], ["<td></td>"]])
def test_broken_html_is_no_error(tokens: list[str]) -> None:
    assert len(cells_of(Step(token, BOX) for token in tokens)) == tokens.count("<td></td>")


@pytest.mark.parametrize("named", [["<tr>", "<td>", "</td>"], ["<tr>", "</td>", "<td></td>"]])
def test_the_whole_cell_is_one_token_and_the_marks_are_at_the_ends(named: list[str]) -> None:
    assert vocabulary(named) == ["", "<tr>", "</td>", "<td></td>", ""]
