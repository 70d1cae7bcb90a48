"""Whatever a layout model says, no line is lost or doubled."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.layout import Region, blocks_by_layout
from pagemill.domain.page.page import Block, BlockKind, Line
from pagemill.domain.page.tables import table_block

EDGES = st.sampled_from([0.0, 40.0, 80.0, 200.0, 400.0])
SIZES = st.sampled_from([0.0, 20.0, 60.0, 200.0])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    left, top, width = draw(EDGES), draw(EDGES), draw(st.sampled_from([20.0, 150.0]))
    polygon = ((left, top), (left + width, top), (left + width, top + 18), (left, top + 18))
    return Line(text=draw(st.sampled_from(["a", "- item", "1.50", "two words"])), polygon=polygon)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    left, top = draw(EDGES), draw(EDGES)
    kind, confidence = draw(st.sampled_from(BlockKind)), draw(st.sampled_from([0.4, 0.9]))
    return Region(kind, left, top, left + draw(SIZES), top + draw(SIZES), confidence)


def quarters(region: Region, held: object) -> Block | None:
    """The table that a model sees that always sees four cells."""
    assert isinstance(held, tuple)
    across, down = (region.left + region.right) / 2, (region.top + region.bottom) / 2
    cells = [
        GridCell(0, 0, region.left, region.top, across, down),
        GridCell(0, 1, across, region.top, region.right, down),
        GridCell(1, 0, region.left, down, across, region.bottom),
        GridCell(1, 1, across, down, region.right, region.bottom),
    ]
    return table_block(cells, held, polygon=region.polygon)


@settings(deadline=None)
@given(st.lists(lines(), max_size=12), st.lists(regions(), max_size=5))
def test_every_line_comes_out_once(given_lines: list[Line], seen: list[Region]) -> None:
    blocks = blocks_by_layout(given_lines, seen, width_px=600, height_px=600, table=quarters)
    assert Counter(line for block in blocks for line in block.lines) == Counter(given_lines)


@settings(deadline=None)
@given(st.lists(lines(), max_size=12), st.lists(regions(), max_size=5))
def test_cells_of_a_table_hold_its_lines_and_no_place_twice(given_lines: list[Line], seen: list[Region]) -> None:
    for block in blocks_by_layout(given_lines, seen, width_px=600, height_px=600, table=quarters):
        if block.table is None:
            continue
        assert sorted(at for cell in block.table.cells for at in cell.lines) == list(range(len(block.lines)))
        places = [
            (row, column)
            for cell in block.table.cells
            for row in range(cell.row, cell.row + cell.row_span)
            for column in range(cell.column, cell.column + cell.column_span)
        ]
        assert len(places) == len(set(places))
        assert set(places) <= {
            (row, column) for row in range(block.table.rows) for column in range(block.table.columns)
        }
