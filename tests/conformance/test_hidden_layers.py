"""Hidden text is tested against its picture, kept where it is right, and replaced where it is worse."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.hidden_layers import INVOICE, LETTER, misread, scan_with_hidden_text
from tests.data.pdfs import text_at

from pagemill.documents.opening import open_document
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.domain.work.outcomes import PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.engines.rapidocr import load_on_onnxruntime
from pagemill.pool.page_reader import PageReader

HEADER = text_at(300, 300, "Received by the court on 3 May")
SHOWN = {"letter": LETTER, "invoice": INVOICE}


class Counting:
    """An engine, and how many pixels it was given."""

    reads_ink = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.pixels = 0

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        self.pixels += image.pixels
        return self._engine.read(image, number=number, rotation=rotation, batch_size=batch_size)

    def trim(self) -> None:
        self._engine.trim()

    def close(self) -> None:
        self._engine.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Counting]:
    engine = Counting(load_on_onnxruntime(EngineConfig("accurate", threads=2)))
    yield engine
    engine.close()


def read(engine: Counting, path: Path) -> tuple[Page, float]:
    """The page as the service makes it, and the share of it that the engine was given."""
    reader = PageReader(engine, max_pixels=40_000_000, open_document=open_document)
    options, engine.pixels = RecognitionOptions(dpi=144), 0
    outcome = reader.read(1, ChunkParams(str(path), (1,), Stage.TEXT, options))
    if outcome == PageNeedsOcr(1):
        outcome = reader.read(1, ChunkParams(str(path), (1,), Stage.OCR, options))
    reader.trim()
    assert isinstance(outcome, PageRead)
    return Page.from_json(outcome.payload), engine.pixels / (1224 * 1584)


def squeeze(page: Page) -> list[str]:
    return ["".join(line.text.split()) for line in page.lines]


@pytest.mark.parametrize("beside", ["", HEADER])
@pytest.mark.parametrize("kind", SHOWN)
def test_a_good_layer_is_kept_at_the_cost_of_a_few_lines_at_most(
    engine: Counting, tmp_path: Path, kind: str, beside: str
) -> None:
    page, share = read(engine, scan_with_hidden_text(tmp_path / "a.pdf", SHOWN[kind], SHOWN[kind], beside=beside))
    assert page.source is PageSource.TEXT_LAYER
    assert page.warnings == ()
    assert " ".join(SHOWN[kind]).split() == page.text.split()[: len(" ".join(SHOWN[kind]).split())]
    assert share == 0 if kind == "letter" else 0 < share < 0.25


@pytest.mark.parametrize("beside", ["", HEADER])
@pytest.mark.parametrize("damage", ["a letter throughout", "some letters", "many letters"])
@pytest.mark.parametrize("kind", SHOWN)
def test_a_bad_layer_is_replaced(engine: Counting, tmp_path: Path, kind: str, damage: str, beside: str) -> None:
    shown = SHOWN[kind]
    hidden = {
        "a letter throughout": tuple(line.replace("h", "b").replace("5", "6") for line in shown),
        "some letters": misread(shown, rate=0.15),
        "many letters": misread(shown, rate=0.5),
    }[damage]
    page, _ = read(engine, scan_with_hidden_text(tmp_path / "a.pdf", shown, hidden, beside=beside))
    assert page.source is (PageSource.MIXED if beside else PageSource.OCR)
    assert {"".join(line.split()) for line in shown} <= set(squeeze(page))
    assert not {"".join(line.split()) for line in hidden if line not in shown} & set(squeeze(page))
    assert (beside == HEADER) == ("Received by the court on 3 May" in page.text)


def test_under_never_the_layer_is_taken_as_it_is(tmp_path: Path) -> None:
    path = scan_with_hidden_text(tmp_path / "a.pdf", INVOICE, INVOICE)
    with open_document(path) as document:
        page = document.text_page(1, dpi=144, mode=OcrMode.NEVER)
        assert document.text_page(1, dpi=144, mode=OcrMode.AUTO) is None
    assert page is not None
    assert page.warnings == ()
    assert page.text.split() == " ".join(INVOICE).split()
