from collections.abc import Sequence

from pagemill.domain.page.layout import Region, blocks_by_layout
from pagemill.domain.page.page import Block, BlockKind, Line
from pagemill.domain.page.reading_order import blocks_in_reading_order

WIDTH, HEIGHT = 1000, 1400


def line(text: str, left: float, top: float, *, width: float = 300, height: float = 20) -> Line:
    right, bottom = left + width, top + height
    return Line(text=text, polygon=((left, top), (right, top), (right, bottom), (left, bottom)))


def paragraph(name: str, left: float, top: float, *, rows: int = 4, width: float = 300) -> list[Line]:
    return [line(f"{name} row {row}", left, top + 30 * row, width=width) for row in range(rows)]


def region(kind: BlockKind, lines: Sequence[Line], *, confidence: float = 0.9) -> Region:
    points = [point for each in lines for point in each.polygon]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Region(kind, min(xs) - 3, min(ys) - 3, max(xs) + 3, max(ys) + 3, confidence)


def blocks(lines: Sequence[Line], *regions: Region, table: Block | None = None) -> tuple[Block, ...]:
    return blocks_by_layout(lines, regions, width_px=WIDTH, height_px=HEIGHT, table=lambda _region, _lines: table)


def describe_blocks(found: Sequence[Block]) -> list[tuple[BlockKind, str]]:
    """Each block's kind and its first word."""
    return [(block.kind, block.text.split()[0] if block.lines else "") for block in found]


def test_without_regions_the_blocks_are_those_of_reading_order() -> None:
    lines = [*paragraph("left", 50, 100), *paragraph("right", 500, 100)]
    assert blocks(lines) == blocks_in_reading_order(lines, width_px=WIDTH, height_px=HEIGHT)


def test_a_title_of_the_size_of_its_text_is_a_block_of_its_own() -> None:
    title, text = [line("Heading", 50, 100)], paragraph("text", 50, 130)
    found = blocks([*text, *title], region(BlockKind.TITLE, title), region(BlockKind.TEXT, text))
    assert describe_blocks(found) == [(BlockKind.TITLE, "Heading"), (BlockKind.TEXT, "text")]


def test_a_number_outside_the_region_of_its_title_belongs_to_it() -> None:
    number, title = line("2", 20, 100, width=15), line("Findings", 50, 100)
    found = blocks([number, title, *paragraph("text", 50, 160)], region(BlockKind.TITLE, [title]))
    assert (found[0].kind, found[0].text) == (BlockKind.TITLE, "2\nFindings")


def test_what_is_in_a_table_does_not_mix_with_the_columns_beside_it() -> None:
    cells = [
        line(f"cell {row}{column}", 50 + 150 * column, 220 + 30 * row, width=80)
        for row in range(3)
        for column in (0, 1)
    ]
    left = [*paragraph("above", 50, 60), *paragraph("below", 50, 330)]
    right = paragraph("right", 500, 60, rows=13)
    found = blocks([*cells, *right, *left], region(BlockKind.TABLE, cells))
    assert describe_blocks(found) == [
        (BlockKind.TEXT, "above"),
        (BlockKind.TABLE, "cell"),
        (BlockKind.TEXT, "below"),
        (BlockKind.TEXT, "right"),
    ]


def test_a_table_that_can_be_made_takes_the_place_of_its_lines() -> None:
    cells = paragraph("cell", 50, 200)
    made = Block(polygon=cells[0].polygon, lines=tuple(cells), kind=BlockKind.TABLE)
    assert blocks(cells, region(BlockKind.TABLE, cells), table=made) == (made,)


def test_a_figure_without_words_stands_where_it_is() -> None:
    above, below = paragraph("above", 50, 60, width=900), paragraph("below", 50, 800, width=900)
    figure = Region(BlockKind.FIGURE, 60, 250, 900, 700)
    found = blocks([*below, *above], figure)
    assert describe_blocks(found) == [(BlockKind.TEXT, "above"), (BlockKind.FIGURE, ""), (BlockKind.TEXT, "below")]
    assert found[1].polygon == figure.polygon


def test_a_photographed_page_is_no_figure() -> None:
    lines = paragraph("text", 50, 60, rows=20)
    found = blocks(lines, Region(BlockKind.FIGURE, 0, 0, WIDTH, HEIGHT, 0.99))
    assert {block.kind for block in found} == {BlockKind.TEXT}


def test_of_two_regions_in_the_same_place_the_surer_one_counts() -> None:
    lines = paragraph("text", 50, 60)
    sure, unsure = region(BlockKind.TEXT, lines, confidence=0.9), region(BlockKind.CAPTION, lines, confidence=0.5)
    assert describe_blocks(blocks(lines, unsure, sure)) == [(BlockKind.TEXT, "text")]


def test_an_unlikely_figure_over_a_paragraph_does_not_take_its_lines() -> None:
    lines, others = paragraph("text", 50, 60), paragraph("other", 50, 600, rows=30)
    found = blocks([*lines, *others], region(BlockKind.FIGURE, lines, confidence=0.4), region(BlockKind.TEXT, lines))
    assert describe_blocks(found)[0] == (BlockKind.TEXT, "text")


def test_text_within_a_table_does_not_keep_the_table_away() -> None:
    lines = paragraph("cell", 50, 60, rows=12)
    inner = region(BlockKind.TEXT, lines[:2], confidence=0.99)
    made = Block(polygon=lines[0].polygon, lines=tuple(lines), kind=BlockKind.TABLE)
    outer = region(BlockKind.TABLE, lines, confidence=0.5)
    assert describe_blocks(blocks(lines, inner, outer, table=made)) == [(BlockKind.TABLE, "cell")]


def test_bullets_are_lists_though_the_model_sees_but_text() -> None:
    lines = [line("- first", 50, 60), line("- second", 50, 90)]
    assert describe_blocks(blocks(lines, region(BlockKind.TEXT, lines))) == [
        (BlockKind.LIST, "-"),
        (BlockKind.LIST, "-"),
    ]


def test_equal_lines_are_all_kept() -> None:
    lines = [line("same", 50, 60)] * 2
    assert [each for block in blocks(lines, region(BlockKind.TEXT, lines)) for each in block.lines] == lines
