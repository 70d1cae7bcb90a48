"""What a stranger's document says is run by no browser that shows a result, and by no spreadsheet that opens one."""

import csv
import io
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks

from pagemill.documents.writers import ResultWriters
from pagemill.documents.writers.csv_table import CsvWriter
from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.task.results import result_formats
from pagemill.web.web_config import WebConfig

FORMATS = result_formats(ResultWriters())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("how", ["by name", "by type", "in part", "unchanged"])
async def test_every_form_is_saved_unless_it_cannot_run(stores: Stores, tmp_path: Path, name: str, how: str) -> None:
    tasks, wanted = WebTasks(stores, tmp_path), FORMATS[name]
    transport = httpx.ASGITransport(tasks.api(WebConfig(uploads=tmp_path / "uploads")))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        sent = await client.post("/tasks", files={"file": ('a".html\r\nX: y', b"%PDF")})
        task_id = sent.json()["task_id"]
        for number in (1, 2, 3):
            await tasks.finish_page(task_id, number)
        headers = {
            "by name": {},
            "by type": {"accept": wanted.media_type},
            "in part": {"range": "bytes=0-3"},
            "unchanged": {"if-none-match": "*"},
        }[how]
        answer = await client.get(f"/tasks/{task_id}/result", params={"format": name}, headers=headers)
        assert answer.status_code in (200, 206, 304), answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "allow" not in policy
        assert "unsafe" not in policy
        kind = wanted.media_type.partition(";")[0]
        expected = "inline" if kind in ("text/plain", "application/json") else "attachment"
        assert answer.headers["content-disposition"].startswith(f"{expected}; ")


FORMULAS = "=+-@\uff1d\uff0b\uff0d\uff20"
NUMBER = re.compile(r"[+-][0-9][0-9.,% ]*")
BOX = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0))
texts = st.lists(
    st.sampled_from([*"=+-@;|, \"'a1", "\uff1d", "\uff20", "\u00a0", "=cmd|' /C calc'!A0", "-5", "+49 30", "1;-2"]),
    max_size=6,
).map("".join)


@given(texts)
@example("a;=1+1")
@example('a;"=1+1"')
@example("a;  =1+1")
@example('a,"=1+1')
@example("-5")
@example("-5;=1")
@example("+1-1")
def test_no_cell_of_any_reading_of_the_csv_is_a_formula(text: str) -> None:
    line = Line(text=text, polygon=BOX)
    page = Page(
        number=1,
        width_px=100,
        height_px=100,
        dpi=None,
        source=PageSource.TEXT_LAYER,
        blocks=(Block(polygon=BOX, lines=(line,)),),
    )
    written = CsvWriter().page(page).decode()
    for separator in ",;|\t":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(io.StringIO(written, newline=""), delimiter=separator, quoting=quoting):
                for cell in row:
                    bare = cell.strip(' "\u00a0\u3000')
                    assert not bare.startswith(tuple(FORMULAS)) or NUMBER.fullmatch(bare), (text, separator, row)
