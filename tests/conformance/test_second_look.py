"""Writing that colours hide from the engine is read at a second look, through the whole way of a page."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.data import coloured
from tests.data.coloured import INVOICE, add_stamp, grainy, page_of, without_paper

from pagemill.documents.opening import open_document
from pagemill.domain.page.page import Page
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.engines.rapidocr import load_on_onnxruntime
from pagemill.pool.page_reader import PageReader

STAMP = "PAID 12 MAY"


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    engine = load_on_onnxruntime(EngineConfig("accurate", threads=2))
    reader = PageReader(engine, max_pixels=40_000_000, open_document=open_document)
    yield reader
    reader.close()


def read(reader: PageReader, image: Image.Image, folder: Path, *, rotation: int | None = None) -> Page:
    made = io.BytesIO()
    image.save(made, "PNG")
    path = folder / "a.png"
    path.write_bytes(made.getvalue())
    options = RecognitionOptions(engine="rapidocr", rotation=rotation)
    outcome = reader.read(1, ChunkParams(str(path), (1,), Stage.OCR, options))
    assert isinstance(outcome, PageRead)
    return Page.from_json(outcome.payload)


@pytest.mark.parametrize("turn", [0, 90])
def test_text_under_a_stamp_is_read_and_the_stamp_too(reader: PageReader, tmp_path: Path, turn: int) -> None:
    page = grainy(add_stamp(page_of(INVOICE), STAMP, colour=coloured.RED, angle=17, opacity=0.65, middle=(470, 320)))
    upended = page.rotate(turn, expand=True)
    found = read(reader, upended, tmp_path, rotation=turn)
    assert [line.text for line in found.lines] == [*INVOICE, STAMP]
    assert found.warnings == ()
    places = {line.text: line.polygon for line in found.lines}
    assert all(80 < x < 720 and 150 < y < 540 for x, y in (point for at in places.values() for point in at))


def test_a_page_without_a_stamp_is_read_once(reader: PageReader, tmp_path: Path) -> None:
    heading = page_of(INVOICE)
    heading.paste(page_of(("Harbour Bakery",), size=(800, 120), ink=coloured.BLUE).crop((0, 0, 800, 120)), (0, 600))
    found = read(reader, heading, tmp_path)
    assert [line.text for line in found.lines][: len(INVOICE)] == list(INVOICE)
    assert found.warnings == ()


def test_white_writing_on_nothing_is_read(reader: PageReader, tmp_path: Path) -> None:
    assert (
        read(reader, without_paper("Dark theme caption 4711", ink=coloured.WHITE), tmp_path).text
        == "Dark theme caption 4711"
    )
