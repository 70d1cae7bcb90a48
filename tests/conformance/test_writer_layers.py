"""A searchable PDF has each word once: what was there before goes, or is not written again."""

from collections import Counter
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import ImageChops
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.searchable import write_searchable_pdf
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon, Word

SCAN = as_picture(write_lines(("Invoice 2026", "Total 148"), size=(612, 792), font=12))
PICTURE = image_at(0, 0, 612, 792)
OLD = text_at(12, 769, "lnv0ice 2O26", mode=3) + text_at(12, 745, "T0tal l48", mode=3)
HEADER = text_at(72, 400, "Stamped by the court")


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(text: str, left: float, top: float, source: PageSource | None = None) -> Line:
    words, at = [], left
    for part in text.split():
        words.append(Word(text=part, polygon=box(at, top, at + 6 * len(part), top + 12), source=source))
        at += 6 * len(part) + 4
    return Line(text=text, polygon=box(left, top, at, top + 12), words=tuple(words))


def page(*lines: Line, source: PageSource = PageSource.OCR) -> Page:
    block = Block(polygon=box(0, 0, 612, 792), lines=lines)
    return Page(number=1, width_px=612, height_px=792, dpi=72, source=source, blocks=(block,))


READ = (line("Invoice 2026", 12, 12), line("Total 148", 12, 36))


def in_a_form(path: Path) -> Path:
    """The scan with its old layer in a form within a form, as some programs write it."""
    make_pdf(path, [PdfPageSpec(PICTURE + HEADER, images=(SCAN,))])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        fonts = Dictionary(Font=pdf.pages[0].Resources.Font)
        inner = pdf.make_stream(OLD.encode(), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 612, 792]))
        inner.Resources = fonts
        outer = pdf.make_stream(b"q /In Do Q", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 612, 792]))
        outer.Resources = Dictionary(XObject=Dictionary(In=inner))
        pdf.pages[0].Resources.XObject.Old = outer
        pdf.pages[0].Contents.write(pdf.pages[0].Contents.read_bytes() + b"\nq /Old Do Q")
        pdf.save(path)
    return path


def plain(path: Path, content: str) -> Path:
    return make_pdf(path, [PdfPageSpec(content, images=(SCAN,))])


def under_the_picture(path: Path) -> Path:
    return plain(path, OLD.replace("3 Tr", "0 Tr") + PICTURE + HEADER)


def moded_before(path: Path) -> Path:
    """The mode is set outside the text object, and restored behind it."""
    return plain(path, PICTURE + "q 3 Tr " + OLD.replace("BT 3 Tr", "BT") + "Q\n" + HEADER.replace("0 Tr ", ""))


def in_strips(path: Path) -> Path:
    """A scan in three pictures, with its text under them; another picture lies over nothing."""
    strips = "".join(image_at(0, 528 - 264 * at, 612, 264) for at in range(3))
    return plain(path, OLD.replace("3 Tr", "0 Tr") + strips + HEADER)


def in_one_object(path: Path) -> Path:
    """Hidden and visible lines in one text object, with every operator that shows text and moves."""
    both = (
        "BT /F1 12 Tf 12 14 Td 14 TL 12 769 Td 3 Tr (lnv0ice ) Tj [(2O26)] TJ 0 -24 Td (T0tal) Tj ( l48) ' "
        '1 0 (lnv0ice) " 0 0 (lnv0ice) " 0 Tr 1 0 0 1 72 400 Tm (Stamped by) Tj ( the) \' 3 Tr T* (l48) Tj 0 Tr 0 Tc '
        "(court) ' ET\n"
    )
    return plain(path, PICTURE + both)


HIDDEN = {
    "in strips": in_strips,
    "in one object with visible text": in_one_object,
    "in the page": lambda path: plain(path, PICTURE + OLD + HEADER),
    "in a form": in_a_form,
    "under the picture": under_the_picture,
    "mode set before": moded_before,
}


def words_of(path: Path) -> Counter[str]:
    with pdfium.PdfDocument(path) as pdf:
        return Counter(pdf[0].get_textpage().get_text_range().split())


def is_drawn_alike(one: Path, other: Path) -> bool:
    drawn = []
    for path in (one, other):
        with pdfium.PdfDocument(path) as pdf:
            drawn.append(pdf[0].render(scale=1).to_pil().convert("RGB"))
    return ImageChops.difference(*drawn).getbbox() is None


def make_searchable(path: Path, read: Page) -> Path:
    output = path.with_name("searchable.pdf")
    write_searchable_pdf(path, [read], output)
    return output


@pytest.mark.parametrize("kind", HIDDEN)
def test_words_of_an_earlier_recognition_give_way(tmp_path: Path, kind: str) -> None:
    path = HIDDEN[kind](tmp_path / "a.pdf")
    assert "lnv0ice" in words_of(path)
    output = make_searchable(path, page(*READ))
    assert words_of(output) == Counter(["Invoice", "2026", "Total", "148", "Stamped", "by", "the", "court"])
    assert is_drawn_alike(path, output)


def test_text_under_a_picture_of_a_part_of_the_page_stays_and_is_not_doubled(tmp_path: Path) -> None:
    under = text_at(72, 700, "typed under") + image_at(60, 650, 300, 100)
    path = plain(tmp_path / "a.pdf", under)
    read = page(
        line("typed under", 72, 80, PageSource.TEXT_LAYER),
        line("beside", 400, 80, PageSource.OCR),
        source=PageSource.MIXED,
    )
    assert words_of(make_searchable(path, read)) == Counter(["typed", "under", "beside"])


@pytest.mark.parametrize("kind", [kind for kind in HIDDEN if kind != "in one object with visible text"])
def test_words_that_were_found_right_are_there_once(tmp_path: Path, kind: str) -> None:
    """On a mixed page the old layer is known, and a line beside it was recognised."""
    path = HIDDEN[kind](tmp_path / "a.pdf")
    known = (
        line("lnv0ice 2O26", 12, 12, PageSource.TEXT_LAYER),
        line("T0tal l48", 12, 36, PageSource.TEXT_LAYER),
        line("Stamped by the court", 72, 382, PageSource.TEXT_LAYER),
    )
    read = page(*known, line("faint note", 300, 600, PageSource.OCR), source=PageSource.MIXED)
    output = make_searchable(path, read)
    assert words_of(output) == Counter(
        ["lnv0ice", "2O26", "T0tal", "l48", "Stamped", "by", "the", "court", "faint", "note"]
    )
    assert is_drawn_alike(path, output)


def test_under_force_visible_text_is_not_written_again_but_what_differs_is(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [PdfPageSpec(text_at(72, 700, "typed words") + text_at(72, 600, "qwfpg"))])
    forced = page(line("typed words", 72, 80), line("real", 72, 180))
    assert words_of(make_searchable(path, forced)) == Counter(["typed", "words", "qwfpg", "real"])


def test_hidden_text_beside_visible_text_stays_so_that_nothing_moves(tmp_path: Path) -> None:
    both = "BT /F1 12 Tf 12 769 Td 3 Tr (hidden ) Tj 0 Tr (visible) Tj ET\n"
    path = plain(tmp_path / "a.pdf", PICTURE + both)
    output = make_searchable(path, page(*READ))
    assert is_drawn_alike(path, output)
    assert "visible" in words_of(output)


def test_where_nothing_was_recognised_the_old_layer_stays(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.pdf", PICTURE + OLD)
    assert words_of(make_searchable(path, page())) == words_of(path)


@pytest.mark.parametrize("read", [(), (page(source=PageSource.TEXT_LAYER),), (page(),)])
def test_where_nothing_was_recognised_the_file_is_the_same(tmp_path: Path, read: tuple[Page, ...]) -> None:
    path = plain(tmp_path / "a.pdf", PICTURE + OLD)
    path.write_bytes(path.read_bytes() + b"% signed\n")
    output = tmp_path / "out.pdf"
    write_searchable_pdf(path, read, output)
    assert output.read_bytes() == path.read_bytes()
