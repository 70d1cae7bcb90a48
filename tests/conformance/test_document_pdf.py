"""What PDFs alone can be: locked, turned, cropped, filled in, written over, in other units."""

import os
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.opening import inspect_document, open_document
from pagemill.domain.documents import OcrMode, PageSize
from pagemill.domain.errors import EncryptedDocument, InvalidDocument
from pagemill.domain.memory import MIB
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageSource
from pagemill.pool.linux import peak_rss_bytes, reset_peak

LIMIT = 4_000_000
LOREM = ("Lorem ipsum dolor sit amet", "consectetur adipiscing elit", "sed do eiusmod tempor")
PROSE = (
    "It was the best of times and it was the worst of times",
    "and it was the age of wisdom and of all that is foolish",
    "it was the season of light and it was that of the dark",
    "and we had all before us and we had nothing at all.",
)
"""Clear enough that hidden text needs no look at the picture."""
LINES = "".join(text_at(72, 700 - 15 * at, text) for at, text in enumerate(LOREM))


def text_page(path: Path, number: int = 1, *, dpi: int = 72, mode: OcrMode = OcrMode.AUTO) -> Page | None:
    with open_document(path) as document:
        return document.text_page(number, dpi=dpi, mode=mode)


def read(path: Path, number: int = 1, *, dpi: int = 72) -> Page:
    page = text_page(path, number, dpi=dpi)
    assert page is not None
    return page


def render_page(path: Path, *, dpi: int = 72, max_pixels: int = LIMIT) -> PageImage:
    with open_document(path) as document:
        return document.render(1, dpi=dpi, max_pixels=max_pixels)


def ink(image: PageImage) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is not white."""
    stride = image.width_px * image.channels
    samples = image.data.tobytes()
    rows = [samples[start : start + stride] for start in range(0, len(samples), stride)]
    down = [at for at, row in enumerate(rows) if min(row) < 128]
    across = [at // image.channels for row in rows for at, value in enumerate(row) if value < 128]
    return min(across), down[0], max(across) + 1, down[-1] + 1


def test_text_is_read_with_its_places(tmp_path: Path) -> None:
    page = read(make_pdf(tmp_path / "a", [PdfPageSpec(LINES)]), dpi=144)
    assert page.text == "\n".join(LOREM)
    assert (page.width_px, page.height_px, page.dpi, page.rotation) == (1224, 1584, 144, 0)
    assert page.source is PageSource.TEXT_LAYER
    assert page.warnings == ()
    first = next(page.words)
    assert first.text == "Lorem"
    (left, top), _, (right, bottom), _ = first.polygon
    assert (left, right) == pytest.approx((144, 216), abs=6)
    assert top < (792 - 700 - 8) * 2 < (792 - 700) * 2 < bottom


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [(0, 0, 612, 792), (50, 600, 300, 780)])
def test_words_stand_where_the_page_shows_them(tmp_path: Path, turn: int, crop: tuple[int, int, int, int]) -> None:
    spec = PdfPageSpec(text_at(90, 690, "HHHHHHHHHHHHHHHHHHHHHHHH"), keys={"/Rotate": turn, "/CropBox": Array([*crop])})
    path = make_pdf(tmp_path / "a", [spec])
    image = render_page(path)
    shown = ink(image)
    with open_document(path) as document:
        page = document.text_page(1, dpi=72, mode=OcrMode.AUTO)
    assert page is not None
    assert (page.rotation + turn) % 360 == 0
    assert page.text == "H" * 24
    upright = (page.width_px, page.height_px)
    assert upright == ((image.width_px, image.height_px) if turn % 180 == 0 else (image.height_px, image.width_px))
    if turn == 0:
        (left, top), _, (right, bottom), _ = next(page.words).polygon
        assert (left, right) == pytest.approx((shown[0], shown[2]), abs=3)
        assert top <= shown[1]
        assert bottom >= shown[3]


def test_text_outside_the_visible_part_is_left_out(tmp_path: Path) -> None:
    spec = PdfPageSpec(LINES + text_at(72, 100, "below"), keys={"/CropBox": Array([0, 300, 612, 792])})
    assert "below" not in read(make_pdf(tmp_path / "a", [spec])).text


@pytest.mark.parametrize(("code", "shown"), [("D83DDE00", "\U0001f600"), ("0003", ""), ("0000", ""), ("FB01", "fi")])
def test_characters_of_any_width_leave_those_after_them_in_place(tmp_path: Path, code: str, shown: str) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(text_at(72, 700, "@@ H over") + text_at(72, 100, "under it"))])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        codes = "".join(f"<{at:02x}> <{code if at == 64 else f'{at:04x}'}>\n" for at in range(32, 127))
        cmap = f"1 begincodespacerange\n<00> <ff>\nendcodespacerange\n95 beginbfchar\n{codes}endbfchar\n"
        pdf.pages[0].Resources.Font.F1.ToUnicode = pdf.make_stream(cmap.encode())
        pdf.save(path)
    page = text_page(path, mode=OcrMode.NEVER)
    assert page is not None
    words = {word.text: word.polygon for word in page.words}
    assert list(words) == [*filter(None, [2 * shown]), "H", "over", "under", "it"]
    assert words["over"][0][0] == pytest.approx(72 + 12 * (2 * 1.015 + 0.278 + 0.722 + 0.278), abs=1)
    assert words["under"][0] == pytest.approx((72, 692 - 12), abs=4)


def test_a_hyphen_at_the_end_of_a_line_stays(tmp_path: Path) -> None:
    content = text_at(72, 700, "words are to co-") + text_at(72, 685, "operate across lines")
    assert read(make_pdf(tmp_path / "a", [PdfPageSpec(content)])).text == "words are to co-\noperate across lines"


def test_places_are_given_in_hundredths_of_a_pixel(tmp_path: Path) -> None:
    page = read(make_pdf(tmp_path / "a", [PdfPageSpec(LINES)]), dpi=199)
    places = [place for word in page.words for point in word.polygon for place in point]
    assert {round(place, 2) == place for place in places} == {True}


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"left column line {at} of running text" for at in range(8)]
    right = [f"right column line {at} of running text" for at in range(8)]
    rows = zip(left, right, strict=True)
    content = "".join(text_at(72, 700 - 15 * at, a) + text_at(310, 700 - 15 * at, b) for at, (a, b) in enumerate(rows))
    page = read(make_pdf(tmp_path / "a", [PdfPageSpec(content)]))
    assert [line.text for line in page.lines] == [*left, *right]


def test_an_empty_page_needs_no_recognition(tmp_path: Path) -> None:
    page = read(make_pdf(tmp_path / "a", [PdfPageSpec()]))
    assert (page.blocks, page.warnings) == ((), ())


def test_a_stamped_scan_is_recognised_and_an_earlier_recognition_trusted(tmp_path: Path) -> None:
    scan, picture = image_at(0, 0, 612, 792), as_picture(write_lines(PROSE, size=(612, 792), font=12))
    hidden = "".join(text_at(12, 769 - 24 * at, text, mode=3) for at, text in enumerate(PROSE))
    path = make_pdf(
        tmp_path / "a",
        [
            PdfPageSpec(scan + text_at(250, 30, "Page 1"), images=(picture,)),
            PdfPageSpec(scan + hidden, images=(picture,)),
        ],
    )
    assert text_page(path, 1) is None
    assert read(path, 2).text == "\n".join(PROSE)
    kept = text_page(path, 1, mode=OcrMode.NEVER)
    assert kept is not None
    assert kept.text == "Page 1"
    assert "text layer does not contain" in kept.warnings[0].message


def test_what_was_filled_in_is_read_and_drawn(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(LINES)])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        look = pdf.make_stream(text_at(2, 2, "filled in by hand").encode())
        look.Type, look.Subtype, look.BBox = Name.XObject, Name.Form, Array([0, 0, 200, 20])
        look.Resources = pdf.pages[0].Resources
        note = Dictionary(
            Type=Name.Annot,
            Subtype=Name.FreeText,
            Rect=Array([72, 400, 272, 420]),
            DA=pikepdf.String("/F1 12 Tf 0 g"),
            Contents=pikepdf.String("filled in by hand"),
            F=4,
            AP=Dictionary(N=look),
        )
        pdf.pages[0].Annots = Array([pdf.make_indirect(note)])
        pdf.save(path)
    assert read(path).text.endswith("filled in by hand")
    assert ink(render_page(path))[3] > 792 - 420


def test_a_page_may_be_measured_in_other_units(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(LINES, keys={"/UserUnit": 2}), PdfPageSpec(LINES)])
    assert inspect_document(path).page_sizes == (PageSize(1224, 1584), PageSize(612, 792))
    assert (render_page(path).width_px, read(path).width_px, read(path, 2).width_px) == (1224, 1224, 612)


@pytest.mark.parametrize("size", [(14_400, 14_400), (14_400, 3), (3, 14_400)])
def test_a_huge_page_is_rendered_at_the_resolution_that_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    image = render_page(make_pdf(tmp_path / "a", [PdfPageSpec(size=size)]), dpi=600, max_pixels=100_000)
    assert 0 < image.pixels <= 100_000
    assert image.dpi is not None
    assert max(image.width_px, image.height_px) == pytest.approx(14_400 / 72 * image.dpi, abs=1)


def test_a_locked_document_says_what_to_do(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(LINES)], user_password=tmp_path.name)
    with pytest.raises(EncryptedDocument, match="Send it with its password"):
        inspect_document(path)


def test_a_document_locked_against_changes_only_is_read(tmp_path: Path) -> None:
    assert read(make_pdf(tmp_path / "a", [PdfPageSpec(LINES)], user_password="")).text == "\n".join(LOREM)


def test_a_document_without_pages_is_refused_as_such_even_after_a_locked_one(tmp_path: Path) -> None:
    locked = make_pdf(tmp_path / "locked", [PdfPageSpec(LINES)], user_password=tmp_path.name)
    with pytest.raises(EncryptedDocument):
        inspect_document(locked)
    with pytest.raises(InvalidDocument, match="no pages"):
        inspect_document(make_pdf(tmp_path / "a", []))


def test_at_most_64_sizes_are_told(tmp_path: Path) -> None:
    info = inspect_document(make_pdf(tmp_path / "a", [PdfPageSpec()] * 70))
    assert (info.page_count, len(info.page_sizes)) == (70, 64)


def test_a_long_scan_takes_no_more_memory_for_its_length(tmp_path: Path) -> None:
    path, pages, page_mib = tmp_path / "scan.pdf", 96, 1
    noise = os.urandom(page_mib * MIB)
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page(page_size=(612, 792))
            samples = pdf.make_stream(
                noise,
                Type=Name.XObject,
                Subtype=Name.Image,
                Width=1024,
                Height=page_mib * 1024,
                ColorSpace=Name.DeviceGray,
                BitsPerComponent=8,
            )
            page = pdf.pages[-1]
            page.add_resource(samples, Name.XObject, Name("/Scan"))
            page.Contents = pdf.make_stream(b"612 0 0 792 0 0 cm /Scan Do")
        pdf.save(path, compress_streams=False)
    reset_peak()
    before = peak_rss_bytes()
    with open_document(path) as document:
        sizes = [document.text_page(number, dpi=72, mode=OcrMode.AUTO) for number in range(1, pages + 1)]
    assert sizes == [None] * pages
    assert path.stat().st_size > pages * page_mib * MIB
    assert peak_rss_bytes() - before < pages * page_mib * MIB / 2


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_document_that_vanishes_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    """It is opened anew before every page here, and those after the first are none of another document's."""
    monkeypatch.setattr("pagemill.documents.pdf._MOST_KEPT", 0)
    numbers = range(1, 6)
    path = make_pdf(tmp_path / "a.pdf", [PdfPageSpec(text_at(72, 700, f"page {number}")) for number in numbers])
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_document(path) as document:
        path.unlink()
        if fate == "replaced":
            make_pdf(path, [PdfPageSpec(text_at(72, 700, "another"))])
        texts = [page.text for n in numbers if (page := document.text_page(n, dpi=72, mode=OcrMode.AUTO))]
        assert texts == [f"page {number}" for number in numbers]
        assert all(document.render(number, dpi=72, max_pixels=10**6).width_px == 612 for number in numbers)
        assert document.info().page_count == 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before
