"""Writing that colours hide from the engine is read at a second look, through the whole way of a page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data import coloured
from tests.data.coloured import INVOICE, add_stamp, grainy, page_of, without_paper
from tests.fixtures.reading import open_reader, read_picture

from pagemill.pool.page_reader import PageReader

STAMP = "PAID 12 MAY"


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    with open_reader() as reader:
        yield reader


@pytest.mark.parametrize("turn", [0, 90])
def test_text_under_a_stamp_is_read_and_the_stamp_too(reader: PageReader, tmp_path: Path, turn: int) -> None:
    page = grainy(add_stamp(page_of(INVOICE), STAMP, colour=coloured.RED, angle=17, opacity=0.65, middle=(470, 320)))
    upended = page.rotate(turn, expand=True)
    found = read_picture(reader, upended, tmp_path, rotation=turn)
    assert [line.text for line in found.lines] == [*INVOICE, STAMP]
    assert found.warnings == ()
    places = {line.text: line.polygon for line in found.lines}
    assert all(80 < x < 720 and 150 < y < 540 for x, y in (point for at in places.values() for point in at))


def test_a_page_without_a_stamp_is_read_once(reader: PageReader, tmp_path: Path) -> None:
    heading = page_of(INVOICE)
    heading.paste(page_of(("Harbour Bakery",), size=(800, 120), ink=coloured.BLUE).crop((0, 0, 800, 120)), (0, 600))
    found = read_picture(reader, heading, tmp_path)
    assert [line.text for line in found.lines][: len(INVOICE)] == list(INVOICE)
    assert found.warnings == ()


def test_white_writing_on_nothing_is_read(reader: PageReader, tmp_path: Path) -> None:
    assert (
        read_picture(reader, without_paper("Dark theme caption 4711", ink=coloured.WHITE), tmp_path).text
        == "Dark theme caption 4711"
    )
