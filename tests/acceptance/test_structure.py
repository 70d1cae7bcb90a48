"""Structure, asked for over HTTP: of what was typed without any engine, of what was scanned beside it."""

import csv
import io
import json
from pathlib import Path

import pytest
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.data.tables import STAFF, report_page
from tests.fixtures.server import Api
from tests.fixtures.standards import alto_faults

from pagemill.domain.page.page import BlockKind, Page, PageSource
from pagemill.engines.registry import structure_missing, structure_spec

pytestmark = pytest.mark.skipif(
    structure_missing(structure_spec()) is not None, reason="The structure models are not installed here."
)

PRICES = [["Article", "Pieces", "Price"], ["Lamp", "12", "39.90"], ["Table", "3", "410.00"], ["Chair", "24", "89.50"]]


def make_price_list(path: Path) -> Path:
    """A typed page with a ruled table of prices."""
    content = text_at(72, 720, "Prices of the spring", size=22) + "1 w\n"
    content += "".join(f"72 {660 - 30 * row} 420 30 re S\n" for row in range(4))
    content += "".join(f"{x} 570 m {x} 690 l S\n" for x in (212, 352))
    for row, cells in enumerate(PRICES):
        content += "".join(text_at(80 + 140 * at, 670 - 30 * row, cell) for at, cell in enumerate(cells))
    return make_pdf(path, [PdfPageSpec(content)])


def pages(api: Api, task_id: str) -> list[Page]:
    result = api.http.get(f"/tasks/{task_id}/result", params={"format": "json"}).json()
    assert [page.pop("status") for page in result["pages"]] == ["read"]
    return [Page.from_json(json.dumps(page).encode()) for page in result["pages"]]


def test_a_typed_table_is_found_and_written_in_every_form(api: Api, tmp_path: Path) -> None:
    task = api.read(make_price_list(tmp_path / "prices.pdf"), structure="true")
    (page,) = pages(api, task.task_id)
    assert page.source is PageSource.TEXT_LAYER
    assert page.blocks[0].text == "Prices of the spring"
    assert page.blocks[1].table is not None
    assert page.blocks[1].table.grid == PRICES

    def result(name: str) -> str:
        return api.http.get(f"/tasks/{task.task_id}/result", params={"format": name}).text

    assert "| Lamp | 12 | 39.90 |" in result("markdown")
    assert "<tr><td>Lamp</td><td>12</td><td>39.90</td></tr>" in result("html")
    assert ["1", "1", "Lamp", "12", "39.90"] in list(csv.reader(io.StringIO(result("csv"))))
    assert 'class="ocr_table"' in result("hocr")
    assert 'TYPE="table"' in result("alto")
    assert alto_faults(result("alto").encode()) == []
    assert task.options.structure
    assert task.service_instance_id is not None
    assert task.service_instance_id.startswith("reader-")
    receipt = api.wait_until_clean(task.task_id).receipt
    assert receipt is not None
    assert receipt.reserved_mb is not None
    assert 100 < (task.actual_memory_mb or 0) <= 1.25 * receipt.reserved_mb, "what pages before left in the worker too"


def test_a_scanned_table_is_recognised_cell_by_cell(api: Api, tmp_path: Path) -> None:
    report_page().image.save(tmp_path / "report.png", dpi=(150, 150))
    task = api.read(tmp_path / "report.png", structure="true")
    (page,) = pages(api, task.task_id)
    (table,) = [block.table for block in page.blocks if block.table is not None]
    found = [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in table.cells]
    assert found == [(cell.row, cell.column, cell.row_span, cell.column_span) for cell in STAFF]
    read = dict(zip(found, table.cells, strict=True))
    assert read[2, 3, 1, 1].text == "410,500.00"
    assert page.blocks[0].kind is BlockKind.TITLE


def test_who_does_not_ask_gets_the_page_as_ever(api: Api, tmp_path: Path) -> None:
    task = api.read(make_price_list(tmp_path / "prices.pdf"))
    (page,) = pages(api, task.task_id)
    assert {block.table for block in page.blocks} == {None}
    assert BlockKind.TABLE not in {block.kind for block in page.blocks}
