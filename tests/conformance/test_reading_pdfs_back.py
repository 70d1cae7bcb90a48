"""Selecting in a searchable PDF gives the text in order and with spaces, whichever reader people use.

pdfium is Chrome's reader, pdf.js Firefox's, and poppler that of most Linux desktops; each joins words its own way.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

import pypdfium2 as pdfium
import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.searchable import write_searchable_pdf
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon, Word

Select = Callable[[Path], str]

ROOT = Path(__file__).parents[2]
PDF_JS = ROOT / ".venv/node/node_modules/pdfjs-dist/build"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_SELECTED = """
async name => {
    const pdfjs = await import('/pdf.min.mjs');
    pdfjs.GlobalWorkerOptions.workerSrc = '/pdf.worker.min.mjs';
    const pdf = await pdfjs.getDocument('/' + name).promise;
    const page = await pdf.getPage(1);
    const layer = document.createElement('div');
    document.body.replaceChildren(layer);
    const viewport = page.getViewport({ scale: 1 });
    layer.style.setProperty('--total-scale-factor', 1);
    layer.style.setProperty('--scale-factor', 1);
    layer.style.cssText += '; position: absolute; white-space: pre; line-height: 1';
    await new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: layer, viewport }).render();
    getSelection().selectAllChildren(layer);
    return getSelection().toString();
}
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tab, Path]]:
    """A tab of Chromium, and the folder from whose files it may load; pdf.js lies there."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; scripts/system-parts installs it")
    if not PDF_JS.exists():
        pytest.skip("pdf.js is not installed; scripts/system-parts installs it with npm")
    folder = tmp_path_factory.mktemp("site")
    for name in ("pdf.min.mjs", "pdf.worker.min.mjs"):
        shutil.copyfile(PDF_JS / name, folder / name)
    (folder / "index.html").write_text("<!doctype html><title>pdf.js</title><body></body>")
    with _serving(folder) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/index.html")
        yield page, folder
        browser.close()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012 - as there

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        """Nothing."""


class _serving:  # noqa: N801 - used as a function
    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def in_pdfium(path: Path) -> str:
    with pdfium.PdfDocument(path) as pdf:
        return str(pdf[0].get_textpage().get_text_range())


def in_poppler(path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils); scripts/system-parts installs it")
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True, text=True).stdout  # noqa: S607 - found above


@pytest.fixture(params=["pdfium", "poppler", "pdf.js"])
def selected(request: pytest.FixtureRequest) -> Select:
    """What selecting everything on the first page gives."""
    if request.param == "pdfium":
        return in_pdfium
    if request.param == "poppler":
        return in_poppler
    page, folder = cast("tuple[Tab, Path]", request.getfixturevalue("tab"))

    def in_pdf_js(path: Path) -> str:
        shutil.copyfile(path, folder / path.name)
        return str(page.evaluate(_SELECTED, path.name))

    return in_pdf_js


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def place_words(text: str, left: float, top: float, *, letter: float, height: float, gap: float) -> Line:
    """A line whose words stand `gap` apart."""
    words, at = [], left
    for part in text.split():
        words.append(Word(text=part, polygon=box(at, top, at + letter * len(part), top + height)))
        at += letter * len(part) + gap
    return Line(text=text, polygon=box(left, top, at - gap, top + height), words=tuple(words))


def page_of(*lines: Line) -> Page:
    block = Block(polygon=box(0, 0, 612, 792), lines=lines)
    return Page(number=1, width_px=612, height_px=792, dpi=72, source=PageSource.OCR, blocks=(block,))


def searchable(folder: Path, page: Page) -> Path:
    scan = as_picture(write_lines(("x",), size=(61, 79), font=8))
    path = make_pdf(folder / "scan.pdf", [PdfPageSpec(image_at(0, 0, 612, 792), images=(scan,))])
    output = folder / f"{folder.name}.pdf"
    write_searchable_pdf(path, [page], output)
    return output


LETTER_SIZES = {
    "ordinary": (6, 12, 4),
    "narrow": (2.5, 12, 2),
    "wide": (14, 12, 9),
    "small print": (2.4, 5, 1.5),
    "touching": (6, 12, 0),
    "far apart": (6, 12, 10),
    "overlapping": (6, 12, -1),
    "headline": (22, 44, 14),
}
"""Width of a letter, height of a line, space between words."""

LINES = ("It is I who will", "tell you all of it", "at 12.50 EUR each")


@pytest.mark.parametrize("kind", LETTER_SIZES)
def test_lines_come_in_order_and_words_with_spaces(tmp_path: Path, kind: str, selected: Select) -> None:
    letter, height, gap = LETTER_SIZES[kind]
    lines = [
        place_words(text, 40, 40 + 1.6 * at * height, letter=letter, height=height, gap=gap)
        for at, text in enumerate(LINES)
    ]
    assert selected(searchable(tmp_path, page_of(*lines))).split() == " ".join(LINES).split()


def test_columns_come_one_after_the_other(tmp_path: Path, selected: Select) -> None:
    columns = [
        place_words(f"{name} line {at}", left, 40 + 18 * at, letter=6, height=12, gap=4)
        for name, left in (("left", 40), ("right", 330))
        for at in range(8)
    ]
    assert selected(searchable(tmp_path, page_of(*columns))).split() == " ".join(line.text for line in columns).split()


def test_letters_of_other_scripts_come_out(tmp_path: Path, selected: Select) -> None:
    texts = ("Ωmega été Größe", "合同编号", "Договор аренды")
    lines = [place_words(text, 40, 40 + 24 * at, letter=12, height=12, gap=6) for at, text in enumerate(texts)]
    assert selected(searchable(tmp_path, page_of(*lines))).split() == " ".join(texts).split()


def test_a_skewed_line_is_one_line(tmp_path: Path, selected: Select) -> None:
    words, at = [], 40.0
    for text in ("askew", "by", "two", "degrees"):
        end = at + 7 * len(text)
        words.append(
            Word(
                text=text, polygon=tuple((x, 100 + 0.035 * x + y) for x, y in ((at, 0), (end, 0), (end, 12), (at, 12)))
            )
        )
        at = end + 5
    outline = (words[0].polygon[0], words[-1].polygon[1], words[-1].polygon[2], words[0].polygon[3])
    line = Line(text="askew by two degrees", polygon=outline, words=tuple(words))
    assert selected(searchable(tmp_path, page_of(line))).split() == line.text.split()
