"""Selecting in a searchable PDF gives the text in order and with spaces, whichever reader people use.

pdfium is Chrome's reader, pdf.js Firefox's, and poppler that of most Linux desktops; each joins words its own way.
"""

import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

import numpy as np
import pypdfium2 as pdfium
import pytest
from benchmarks.scripts import FONTS, TEXTS, draw_page
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.opening import open_document
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon, Word
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines import scripts
from pagemill.engines.registry import engine_specs

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
def reader(request: pytest.FixtureRequest) -> str:
    """The name of a reader."""
    return str(request.param)


@pytest.fixture
def selected(request: pytest.FixtureRequest, reader: str) -> Select:
    """What selecting everything on the first page gives."""
    if reader == "pdfium":
        return in_pdfium
    if reader == "poppler":
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


FROM_RIGHT = {
    "Hebrew": "שלום לכל העולם",
    "Arabic": "عقد إيجار شقة في المدينة",
    "Persian": "قرارداد اجارۀ آپارتمان",
    "numbers in Hebrew": "מספר 2026-0417 מיום 12/05/2026 בסך 25,000 שקל",
    "numbers in Arabic": "رقم 2026-0417 بتاريخ 12/05/2026 بمبلغ 25,000 ريال",
    "per cent in Hebrew": 'מע"מ 17% בלבד',
    "per cent in Arabic": "مع الضريبة 15% فقط",
    "Arabic digits": "المبلغ ١٢٣٫٥ ريال و٧٨٩ درهم",
    "Latin in Hebrew": "השתמש ב-Python 3.11 כדי להריץ את Pagemill היום",
    "Latin in Arabic": "يمكن استخدام Microsoft Word 2019 في العمل",
    "Latin at the end": "البرمجة بلغة R وPython",
    "Latin at the beginning": "Python היא שפה נוחה מאוד ללימוד",
    "brackets": "מחיר (כולל מסים 17%) ועוד [הערה].",
    "brackets in Arabic": "السعر (مع الضريبة) للوحدة",
    "points in Hebrew": "בְּרֵאשִׁית בָּרָא אֱלֹהִים",
    "marks in Arabic": "بِسْمِ اللَّهِ الرَّحْمٰنِ الرَّحِيمِ",
}
WITHIN = {
    "a Hebrew word in English": "The word שלום means peace, and so on",
    "two Arabic words in English": "They say السلام عليكم to each other",
    "Hebrew at the end": "Its name is הסכם שכירות",
    "Hebrew at the beginning": "שלום is a word that means peace",
}


def place_from_right(text: str, right: float, top: float, *, letter: float, height: float, gap: float) -> Line:
    """A line whose words follow each other from the right."""
    line = place_words(text, 0, top, letter=letter, height=height, gap=gap)
    words = tuple(
        Word(text=word.text, polygon=box(right - word.polygon[1][0], top, right - word.polygon[0][0], top + height))
        for word in line.words
    )
    return Line(text=text, polygon=box(right - line.polygon[1][0], top, right, top + height), words=words)


def read_back(text: str) -> str:
    """The text without invisible marks, in the form in which composed and single letters are alike."""
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", " ".join(visible.split()))


OTHERWISE = {
    ("pdfium", "Latin in Hebrew"),
    ("pdfium", "Latin in Arabic"),
    ("pdfium", "brackets"),
    ("pdfium", "brackets in Arabic"),
    ("pdfium", "two Arabic words in English"),
    ("pdfium", "Hebrew at the end"),
    ("pdf.js", "numbers in Arabic"),
    ("pdf.js", "per cent in Arabic"),
    ("pdf.js", "marks in Arabic"),
}
"""What one reader turns in another way than both others: words stay whole, but some change places."""


def test_at_most_one_reader_turns_a_text_in_another_way() -> None:
    kinds = [kind for _, kind in OTHERWISE]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("kind", FROM_RIGHT)
def test_text_from_right_to_left_comes_in_reading_order(
    tmp_path: Path, kind: str, selected: Select, reader: str
) -> None:
    texts = (FROM_RIGHT["Hebrew"], FROM_RIGHT[kind])
    lines = [place_from_right(text, 560, 40 + 24 * at, letter=6, height=12, gap=4) for at, text in enumerate(texts)]
    found = read_back(selected(searchable(tmp_path, page_of(*lines))))
    assert (found == read_back(" ".join(texts))) is ((reader, kind) not in OTHERWISE), found


@pytest.mark.parametrize("kind", WITHIN)
def test_words_from_right_to_left_stand_in_their_line(tmp_path: Path, kind: str, selected: Select, reader: str) -> None:
    texts = ("A page in English begins like this", WITHIN[kind], "and goes on like that")
    lines = [place_words(text, 40, 40 + 24 * at, letter=6, height=12, gap=4) for at, text in enumerate(texts)]
    found = read_back(selected(searchable(tmp_path, page_of(*lines))))
    assert (found == read_back(" ".join(texts))) is ((reader, kind) not in OTHERWISE), found


@pytest.mark.parametrize("kind", ["Hebrew", "Arabic", "numbers in Hebrew", "Latin at the end"])
@pytest.mark.parametrize("size", LETTER_SIZES)
def test_spaces_of_any_width_part_words_from_right_to_left(
    tmp_path: Path, size: str, kind: str, selected: Select
) -> None:
    letter, height, gap = LETTER_SIZES[size]
    texts = (FROM_RIGHT["Hebrew"], FROM_RIGHT[kind])
    lines = [
        place_from_right(text, 600, 40 + 1.6 * at * height, letter=min(letter, 11), height=height, gap=gap)
        for at, text in enumerate(texts)
    ]
    assert read_back(selected(searchable(tmp_path, page_of(*lines)))) == read_back(" ".join(texts))


def test_a_skewed_line_from_right_to_left_is_one_line(tmp_path: Path, selected: Select) -> None:
    level = place_from_right(FROM_RIGHT["numbers in Hebrew"], 560, 100, letter=6, height=12, gap=4)

    def skew(polygon: Polygon) -> Polygon:
        return tuple((x, y + 0.035 * x) for x, y in polygon)

    words = tuple(Word(text=word.text, polygon=skew(word.polygon)) for word in level.words)
    line = Line(text=level.text, polygon=skew(level.polygon), words=words)
    assert read_back(selected(searchable(tmp_path, page_of(line)))) == line.text


def test_a_word_from_right_to_left_that_comes_in_parts_is_one_word(tmp_path: Path, selected: Select) -> None:
    line = place_from_right("שלום לכל העולם", 560, 100, letter=6, height=12, gap=0)
    parted = line.model_copy(update={"text": "שלום לכלהעולם"})
    assert read_back(selected(searchable(tmp_path, page_of(parted)))) == parted.text


def test_marks_of_direction_do_not_hinder_searching_in_pdfium(tmp_path: Path) -> None:
    line = place_from_right(FROM_RIGHT["numbers in Hebrew"], 560, 100, letter=6, height=12, gap=4)
    with pdfium.PdfDocument(searchable(tmp_path, page_of(line))) as pdf:
        assert pdf[0].get_textpage().search("מיום 12/05/2026 בסך").get_next() is not None


def test_words_from_right_to_left_lie_where_they_are_seen(tmp_path: Path) -> None:
    line = place_from_right("שלום לכל 25 העולם", 560, 100, letter=6, height=12, gap=4)
    with pdfium.PdfDocument(searchable(tmp_path, page_of(line))) as pdf:
        text = pdf[0].get_textpage()
        for word in line.words:
            start, count = text.search(word.text).get_next() or (0, 0)
            boxes = [text.get_charbox(at) for at in range(start, start + count)]
            left, right = min(each[0] for each in boxes), max(each[2] for each in boxes)
            assert (left, right) == pytest.approx((word.polygon[0][0], word.polygon[1][0]), abs=3), word.text


@pytest.mark.parametrize("kind", sorted({*FROM_RIGHT, *WITHIN} - {"numbers in Arabic", "per cent in Arabic"}))
def test_pagemill_reads_its_own_text_from_right_to_left(tmp_path: Path, kind: str) -> None:
    if kind in FROM_RIGHT:
        texts = [FROM_RIGHT["Hebrew"], FROM_RIGHT[kind]]
        lines = [place_from_right(text, 560, 40 + 24 * at, letter=6, height=12, gap=4) for at, text in enumerate(texts)]
    else:
        texts = ["A page in English begins like this", WITHIN[kind]]
        lines = [place_words(text, 40, 40 + 24 * at, letter=6, height=12, gap=4) for at, text in enumerate(texts)]
    with open_document(searchable(tmp_path, page_of(*lines))) as document:
        page = document.text_page(1, dpi=72, mode=OcrMode.NEVER)
    assert page is not None
    assert [read_back(line.text) for line in page.lines] == list(map(read_back, texts))


@pytest.mark.parametrize("language", ["ar", "he"])
def test_a_scan_that_tesseract_reads_comes_in_reading_order(tmp_path: Path, language: str, selected: Select) -> None:
    spec, font = engine_specs()["scripts"], FONTS[language][0]
    if language not in spec.profiles[0].languages or not font.exists():
        pytest.skip(f"needs Tesseract's data for {language} and {font.name}; scripts/system-parts installs both")
    drawn = draw_page("a", [(TEXTS[language][0], font)], size=34)
    pixels = np.asarray(drawn.image, dtype=np.uint8)[..., None].copy()
    image = PageImage(pixels.data, drawn.image.width, drawn.image.height, 1, 72)
    engine = scripts.load(EngineConfig(profile="accurate", languages=(language,), threads=1))
    page = engine.read(image, number=1, rotation=None, batch_size=None)
    engine.close()
    path, output = tmp_path / "scan.png", tmp_path / f"{language}.pdf"
    drawn.image.save(path, dpi=(72, 72))
    write_searchable_pdf(path, [page], output)
    assert len(page.text.split()) > 2
    assert read_back(selected(output)) == read_back(page.text)
