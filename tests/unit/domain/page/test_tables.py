from collections.abc import Sequence

from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.page import Line, Polygon, Table, Word
from pagemill.domain.page.tables import table_block

OUTLINE: Polygon = ((0, 0), (300, 0), (300, 120), (0, 120))


def word(text: str, left: float, top: float, *, width: float = 60) -> Word:
    right, bottom = left + width, top + 20
    return Word(text=text, polygon=((left, top), (right, top), (right, bottom), (left, bottom)), confidence=0.8)


def line(*words: Word, text: str | None = None) -> Line:
    left, top = words[0].polygon[0]
    right, bottom = words[-1].polygon[2]
    polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
    return Line(text=text or " ".join(each.text for each in words), polygon=polygon, words=words, confidence=0.7)


def grid(rows: int, columns: int) -> list[GridCell]:
    """Cells of 100 by 40 pixels."""
    return [
        GridCell(row, column, 100 * column, 40 * row, 100 * column + 90, 40 * row + 35)
        for row in range(rows)
        for column in range(columns)
    ]


def make_table(cells: Sequence[GridCell], *lines: Line) -> Table | None:
    block = table_block(cells, lines, polygon=OUTLINE)
    return None if block is None else block.table


def test_words_go_to_the_cells_they_lie_in() -> None:
    table = make_table(grid(2, 2), *(line(word(f"{x}{y}", 100 * x + 5, 40 * y + 5)) for y in (0, 1) for x in (0, 1)))
    assert table is not None
    assert table.grid == [["00", "10"], ["01", "11"]]


def test_a_line_through_several_cells_is_parted_between_them() -> None:
    row = line(word("Total", 5, 5), word("amount", 110, 5), word("due", 150, 5, width=30), text="Total  amount due")
    block = table_block(grid(2, 2), [row, line(word("x", 5, 45), word("y", 110, 45))], polygon=OUTLINE)
    assert block is not None
    assert block.table is not None
    assert block.table.grid == [["Total", "amount due"], ["x", "y"]]
    assert [each.text for each in block.lines] == ["Total", "amount due", "x", "y"]
    assert block.lines[1].words == row.words[1:]
    assert block.lines[1].polygon == ((110, 5), (180, 5), (180, 25), (110, 25))


def test_cells_name_their_lines() -> None:
    lines = [line(word("two", 5, 2)), line(word("lines", 5, 18)), line(word("b", 105, 5)), line(word("c", 5, 45))]
    block = table_block(grid(2, 2), lines, polygon=OUTLINE)
    assert block is not None
    assert block.table is not None
    assert [(cell.text, cell.lines) for cell in block.table.cells] == [
        ("two lines", (0, 1)),
        ("b", (2,)),
        ("c", (3,)),
        ("", ()),
    ]


def test_empty_rows_and_columns_at_the_edges_are_left_out_and_spans_shrink_with_them() -> None:
    banner = GridCell(0, 0, 0, 0, 390, 35, column_span=4)
    wide = GridCell(1, 1, 100, 40, 290, 75, column_span=2)
    rest = [cell for cell in grid(3, 4) if cell.row == 2 or (cell.row == 1 and cell.column in (0, 3))]
    lines = [line(word("head", 120, 45)), line(word("a", 105, 85)), line(word("b", 205, 85))]
    table = make_table([banner, wide, *rest], *lines)
    assert table is not None
    assert (table.rows, table.columns) == (2, 2)
    assert table.grid == [["head", ""], ["a", "b"]]
    assert [(cell.row, cell.column, cell.column_span) for cell in table.cells] == [(0, 0, 2), (1, 0, 1), (1, 1, 1)]


def test_empty_rows_within_stay() -> None:
    table = make_table(grid(3, 2), line(word("a", 5, 5)), line(word("b", 105, 5)), line(word("c", 105, 85)))
    assert table is not None
    assert table.grid == [["a", "b"], ["", ""], ["", "c"]]


def test_a_single_column_is_no_table() -> None:
    assert make_table(grid(3, 1), *(line(word("a", 5, 40 * row + 5)) for row in range(3))) is None


def test_a_grid_that_leaves_much_of_the_writing_out_is_not_that_of_the_table() -> None:
    inside = [line(word(f"{x}{y}", 100 * x + 5, 40 * y + 5)) for y in (0, 1) for x in (0, 1)]
    below = [line(word("below", 5, 300 + 40 * row)) for row in range(3)]
    assert make_table(grid(2, 2), *inside) is not None
    assert make_table(grid(2, 2), *inside, *below) is None


def test_no_cells_or_no_lines_are_no_table() -> None:
    assert make_table([], line(word("a", 5, 5))) is None
    assert make_table(grid(2, 2)) is None


def test_a_line_without_words_goes_to_one_cell_whole() -> None:
    plain = Line(text="no words", polygon=((5, 5), (80, 5), (80, 25), (5, 25)))
    table = make_table(grid(2, 2), plain, line(word("d", 105, 45)))
    assert table is not None
    assert table.grid == [["no words", ""], ["", "d"]]


def test_words_of_chinese_lines_stay_unspaced() -> None:
    row = line(word("合同", 5, 5, width=40), word("编号", 45, 5, width=40), word("日期", 105, 5), text="合同编号日期")
    table = make_table(grid(2, 2), row, line(word("d", 105, 45)))
    assert table is not None
    assert table.grid[0] == ["合同编号", "日期"]


def test_no_place_is_taken_twice_whatever_the_model_says() -> None:
    tall = GridCell(0, 1, 100, 0, 190, 75, row_span=2)
    wide = GridCell(1, 0, 0, 40, 290, 75, column_span=3)
    hidden = GridCell(1, 1, 100, 40, 190, 75)
    cells = [GridCell(0, 0, 0, 0, 90, 35), tall, wide, hidden]
    table = make_table(cells, line(word("a", 5, 5)), line(word("b", 105, 5)), line(word("c", 5, 45)))
    assert table is not None
    assert [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in table.cells] == [
        (0, 0, 1, 1),
        (0, 1, 2, 1),
        (1, 0, 1, 1),
    ]
