"""A table is believed only where its cells explain the words."""

from collections.abc import Sequence

import pytest
from benchmarks.accuracy_tables import HEIGHT, PLAIN_KINDS, WIDTH, make_sheet

from pagemill.domain.page.aligned_blocks import with_aligned_tables
from pagemill.domain.page.formulas import with_formula_pictures
from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.layout import Region, blocks_by_layout
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, WarningKind, Word
from pagemill.domain.page.tables import table_block

SIZE = 20


def line(text: str, left: float, top: float) -> Line:
    words, at = [], left
    for part in text.split():
        right = at + 10 * len(part)
        words.append(Word(text=part, polygon=box(at, top, right, top + SIZE)))
        at = right + 6
    return Line(text=text, polygon=box(left, top, words[-1].polygon[1][0], top + SIZE), words=tuple(words))


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def grid(rows: int, columns: int, *, width: float, height: float) -> list[GridCell]:
    return [
        GridCell(row, column, width * column, height * row, width * (column + 1), height * (row + 1))
        for row in range(rows)
        for column in range(columns)
    ]


def table_of(cells: Sequence[GridCell], lines: Sequence[Line], outline: Polygon) -> list[list[str]] | None:
    block = table_block(cells, lines, polygon=outline)
    return None if block is None or block.table is None else block.table.grid


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("rows", [2, 12, 40])
@pytest.mark.parametrize("kind", ["letter", "two columns", "narrow paragraphs"])
def test_a_page_of_running_text_that_is_taken_for_a_table_stays_as_it_is(kind: str, rows: int, columns: int) -> None:
    page = make_sheet(kind, 1).page()
    cells = grid(rows, columns, width=WIDTH / columns, height=HEIGHT / rows)

    def table(region: Region, lines: Sequence[Line]) -> Block | None:
        return table_block(cells, lines, polygon=region.polygon)

    whole = Region(BlockKind.TABLE, 0, 0, WIDTH, HEIGHT, 0.99)
    found = blocks_by_layout(tuple(page.lines), [whole], width_px=WIDTH, height_px=HEIGHT, table=table)
    assert found == page.blocks


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", list(PLAIN_KINDS))
def test_plain_alignment_is_a_table_and_running_text_is_none(kind: str, seed: int) -> None:
    sheet = make_sheet(kind, seed)
    page = sheet.page()
    blocks = with_aligned_tables(page.blocks, width_px=WIDTH, height_px=HEIGHT)
    assert [block.table.grid for block in blocks if block.table is not None] == sheet.grids
    assert sorted(each.text for block in blocks for each in block.lines) == sorted(each.text for each in page.lines)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["ruled table", "unruled table"])
def test_a_region_that_cuts_a_column_off_is_widened(kind: str, seed: int) -> None:
    sheet = make_sheet(kind, seed)
    right = [each for each in sheet.lines if each.text[0].isdigit()]
    xs = [x for each in right for x, _ in each.polygon]
    ys = [y for each in right for _, y in each.polygon]
    cut = Region(BlockKind.TABLE, min(xs), min(ys), max(xs), max(ys))
    found = blocks_by_layout(sheet.lines, [cut], width_px=WIDTH, height_px=HEIGHT, table=lambda _region, _lines: None)
    assert [block.table.grid for block in found if block.table is not None] == sheet.grids


def merge(texts: Sequence[Sequence[str]], *, pitch: float) -> list[Line]:
    """Rows of cells, 200 pixels wide."""
    return [
        line(text, 200 * at + 5, pitch * row + 5) for row, cells in enumerate(texts) for at, text in enumerate(cells)
    ]


def test_rows_that_a_model_took_for_one_are_split_by_their_lines() -> None:
    texts = [["Model", "first", "second"], ["small", "0.938", "12"], ["large", "0.952", "13"]]
    cells = [
        GridCell(row, at, 200 * at, [0, 30][row], 200 * at + 190, [30, 90][row]) for row in (0, 1) for at in range(3)
    ]
    assert table_of(cells, merge(texts, pitch=30), box(0, 0, 600, 90)) == texts


def test_rows_of_words_are_split_where_they_are_as_far_apart_as_the_others() -> None:
    texts = [[f"{letter}{at} word" for letter in "abc"] for at in range(6)]
    edges = [0, 40, 80, 120, 200, 240]
    cells = [
        GridCell(row, at, 200 * at, edges[row], 200 * at + 190, edges[row + 1]) for row in range(5) for at in range(3)
    ]
    assert table_of(cells, merge(texts, pitch=40), box(0, 0, 600, 240)) == texts


def test_cells_whose_text_wraps_are_not_split() -> None:
    head = [["Staff", "Budget"], ["in thousands", "of euros"]]
    cells = grid(2, 2, width=200, height=60)
    lines = [*merge(head, pitch=24), *merged_at(["12", "400.00"], 75)]
    assert table_of(cells, lines, box(0, 0, 400, 120)) == [
        ["Staff in thousands", "Budget of euros"],
        ["12", "400.00"],
    ]


def merged_at(texts: Sequence[str], top: float) -> list[Line]:
    return [line(text, 200 * at + 5, top) for at, text in enumerate(texts)]


def test_a_cell_over_split_rows_covers_both() -> None:
    cells = [
        GridCell(0, 0, 0, 0, 190, 90, row_span=2),
        *(GridCell(0, at, 200 * at, 0, 200 * at + 190, 60) for at in (1, 2)),
        *(GridCell(1, at, 200 * at, 60, 200 * at + 190, 90) for at in (1, 2)),
    ]
    lines = [line("Sum", 5, 35)]
    lines += [line(str(3 * row + at), 200 * at + 5, 30 * row + 5) for row in range(3) for at in (1, 2)]
    block = table_block(cells, lines, polygon=box(0, 0, 600, 90))
    assert block is not None
    assert block.table is not None
    assert block.table.grid == [["Sum", "1", "2"], ["", "4", "5"], ["", "7", "8"]]
    assert block.table.cells[0].row_span == 3


@pytest.mark.parametrize(
    ("kind", "top", "text", "is_believed"),
    [
        (BlockKind.HEADER, 40, "The Harbour in Winter", True),
        (BlockKind.HEADER, 600, "The Harbour in Winter", False),
        (BlockKind.FOOTER, 1700, "Confidential", True),
        (
            BlockKind.FOOTER,
            1700,
            "1 The figures of this table were taken from the report of the year before, see there.",
            False,
        ),
        (BlockKind.FORMULA, 600, "E = mc2", True),
        (BlockKind.FORMULA, 600, "y = sum(w x) / sqrt(1 + x2) + f(t) dt, where x > 0", True),
        (BlockKind.FORMULA, 600, "nobody knew " * 20, False),
        (BlockKind.FORMULA, 600, "x = the number of boats", False),
        (BlockKind.FORMULA, 600, "Compositionofthe forces F", False),
    ],
)
def test_a_kind_is_believed_where_it_can_be(kind: BlockKind, top: float, text: str, *, is_believed: bool) -> None:
    lines = [line(text, 100, top), *(line("the boats came in", 100, 300 + 30 * at) for at in range(5))]
    region = Region(kind, 90, top - 5, 9000, top + 25)
    found = blocks_by_layout(lines, [region], width_px=WIDTH, height_px=HEIGHT, table=lambda _region, _lines: None)
    assert (kind in {block.kind for block in found}) is is_believed


def test_a_formula_is_told_of_even_without_a_line() -> None:
    region = Region(BlockKind.FORMULA, 100, 600, 500, 660)
    blocks = blocks_by_layout(
        [line("the boats came in", 100, 300)], [region], width_px=WIDTH, height_px=HEIGHT, table=lambda _r, _l: None
    )
    page = Page(number=1, width_px=WIDTH, height_px=HEIGHT, dpi=None, source=PageSource.OCR, blocks=blocks)
    (warning,) = with_formula_pictures(page, lambda _box: None).warnings
    assert (warning.kind, warning.box) == (WarningKind.FORMULA, (100, 600, 500, 660))
    assert with_formula_pictures(page.model_copy(update={"blocks": blocks[:1]}), lambda _box: None).warnings == ()


def test_cells_full_of_running_text_are_no_table() -> None:
    words = "the boats came in late"
    paragraphs = [line(words + " and all", 400 * at + 5, 30 * row + 5) for at in (0, 1) for row in range(12)]
    assert table_of(grid(2, 2, width=400, height=180), paragraphs, box(0, 0, 800, 360)) is None
    wide = [line(f"{words} and {words} that day", 5, 30 * row + 5) for row in range(4)]
    few = merged_at(["12", "13"], 125)
    assert table_of(grid(5, 2, width=290, height=30), [*wide, *few], box(0, 0, 520, 150)) is None


@pytest.mark.parametrize(
    ("text", "is_mathematics"), [("x = y + 2", True), ("\u2211 w x", True), ("12.50 3.10 9", False)]
)
@pytest.mark.parametrize(("confidence", "is_likely"), [(0.45, False), (0.6, True), (0.99, True)])
def test_signs_of_mathematics_decide_between_a_formula_and_text(
    text: str, confidence: float, *, is_mathematics: bool, is_likely: bool
) -> None:
    regions = [
        Region(BlockKind.FORMULA, 90, 595, 700, 630, confidence),
        Region(BlockKind.TEXT, 90, 595, 700, 630, 0.97),
    ]
    found = blocks_by_layout(
        [line(text, 100, 600)], regions, width_px=WIDTH, height_px=HEIGHT, table=lambda _region, _lines: None
    )
    is_surer = confidence > 0.97
    assert [block.kind is BlockKind.FORMULA for block in found] == [is_surer or (is_likely and is_mathematics)]
