"""A page is text and picture: what is known of it, and where there is more, for every kind of both, in every mode."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import Picture, as_picture, draw_rules, photo, write_lines

from pagemill.documents.document import Unread
from pagemill.documents.opening import open_document
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.page import Page, PageSource, WarningKind
from pagemill.pool.chunk_memory import OPENING_BYTES
from pagemill.pool.linux import peak_rss_bytes, reset_peak

MANY = tuple(f"This is line {at} of a letter that was typed and is kept as text" for at in range(12))
FEW = ("Page 7",)
POOR = ("lnv0ice nurnbcr 2O26", "T0tal arn0vnt duc", "Dclivcry 0f 2S kg", "Cust0mcr Harb0vr Bakcry")
READ = ("Invoice number 2026", "Total amount due", "Delivery of 25 kg", "Customer Harbour Bakery")
TOP, PITCH = 100, 24
"""Where hidden text lies: on the lines of the scan."""


@dataclass(frozen=True)
class LayerKind:
    """A text layer: its lines, whether they are hidden, and whether they can be trusted where there is a scan."""

    lines: tuple[str, ...] = ()
    mode: int = 0
    is_over_scan: bool = False
    is_trusted: bool = True


LAYERS = {
    "none": LayerKind(is_trusted=False),
    "few": LayerKind(FEW),
    "many": LayerKind(MANY),
    "recognised well": LayerKind(READ, mode=3, is_over_scan=True),
    "recognised badly": LayerKind(POOR, mode=3, is_over_scan=True, is_trusted=False),
    "recognised elsewhere": LayerKind(READ, mode=3, is_trusted=False),
}
SCAN = as_picture(write_lines(READ, size=(612, 792), font=12))
"""At a pixel to the point, so that its lines lie where `_scan_line` says."""

INSET = as_picture(write_lines(("IBAN DE44 5001 0517", "BIC COBADEFF"), size=(400, 150), font=22))
PICTURES: dict[str, tuple[Picture | None, tuple[float, float, float, float], bool]] = {
    "none": (None, (0, 0, 0, 0), False),
    "scan": (SCAN, (0, 0, 612, 792), True),
    "writing": (INSET, (306, 60, 200, 75), True),
    "photo": (as_picture(photo()), (306, 60, 200, 150), False),
    "rules": (as_picture(draw_rules()), (100, 60, 425, 200), False),
}
"""Each with where it lies on the page (x, y, width, height; y up), and whether it has writing."""


def _scan_line(at: int) -> float:
    """The baseline of a line of the scan, from the page's bottom."""
    return 792 - (12 + at * 24) - 11


def content_of(layer: LayerKind, picture: Picture | None, place: tuple[float, float, float, float]) -> PdfPageSpec:
    drawn = image_at(*place) if picture else ""
    top = _scan_line if layer.is_over_scan else (lambda at: 560 - at * 16)
    words = "".join(text_at(12, top(at), line, mode=layer.mode) for at, line in enumerate(layer.lines))
    return PdfPageSpec(drawn + words, images=(picture,) if picture else ())


def take_text(path: Path, mode: OcrMode) -> tuple[Page | None, Unread]:
    with open_document(path) as document:
        page = document.text_page(1, dpi=100, mode=mode)
        return page, document.find_unread(1, dpi=100, max_pixels=10**7, mode=mode)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("layer", LAYERS)
def test_words_that_can_be_trusted_are_kept_and_writing_without_words_is_to_be_read(
    tmp_path: Path, layer: str, picture: str
) -> None:
    kind, (shown, place, is_written) = LAYERS[layer], PICTURES[picture]
    path = make_pdf(tmp_path / "a.pdf", [content_of(kind, shown, place)])
    page, unread = take_text(path, OcrMode.AUTO)
    covers = kind.is_over_scan and kind.is_trusted and picture == "scan"
    if covers and kind.mode:
        assert page is None  # until some lines of it are compared with the picture
        assert unread.known is not None
        assert unread.known.text.split() == " ".join(kind.lines).split()
        assert [claim.text for claim in unread.claims] == list(kind.lines)
        assert (unread.regions, unread.shown) == ((), None)
    elif kind.lines and (not is_written or covers) and (kind.mode == 0 or covers):
        assert page is not None
        assert page.warnings == ()
        assert page.source is PageSource.TEXT_LAYER
        assert page.text.split() == " ".join(kind.lines).split()
        assert unread.regions == ()
    elif is_written:
        assert page is None
        if kind.lines and kind.mode == 0:
            assert unread.known is not None
            assert unread.known.text.split() == " ".join(kind.lines).split()
            assert _covers(unread, place)
        elif kind.lines and not kind.is_trusted and picture == "scan":
            assert unread.known is None


def _covers(unread: Unread, place: tuple[float, float, float, float]) -> bool:
    """Whether a region lies where the picture does, at 100 dpi."""
    scale = 100 / 72
    x, y, width, height = (each * scale for each in place)
    top = unread.image.height_px - y - height
    return any(
        region[0] < x + width / 2 and region[2] > x and region[1] < top + height and region[3] > top
        for region in unread.regions
    )


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("layer", LAYERS)
def test_under_never_all_words_are_taken_and_what_they_lack_is_told(tmp_path: Path, layer: str, picture: str) -> None:
    kind, (shown, place, is_written) = LAYERS[layer], PICTURES[picture]
    path = make_pdf(tmp_path / "a.pdf", [content_of(kind, shown, place)])
    page, _ = take_text(path, OcrMode.NEVER)
    assert page is not None
    assert page.text.split() == " ".join(kind.lines).split()
    covers = kind.is_over_scan and kind.is_trusted and picture == "scan"
    if is_written and not covers:
        assert {warning.kind for warning in page.warnings} == {WarningKind.OCR_OFF}
        if kind.lines:
            assert all(warning.box is not None for warning in page.warnings)
    elif kind.lines and kind.mode == 0:
        assert page.warnings == ()


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("layer", LAYERS)
def test_under_force_nothing_is_known(tmp_path: Path, layer: str, picture: str) -> None:
    kind, (shown, place, _) = LAYERS[layer], PICTURES[picture]
    path = make_pdf(tmp_path / "a.pdf", [content_of(kind, shown, place)])
    page, unread = take_text(path, OcrMode.FORCE)
    assert page is None
    assert (unread.known, unread.regions) == (None, ())


@pytest.mark.parametrize("side", [3100, 4200])
def test_looking_at_a_picture_takes_no_more_than_a_reader_has(tmp_path: Path, side: int) -> None:
    """What is too large to be looked at within it is left to those who recognise, who have more."""
    hidden = "".join(text_at(20, 700 - 14 * at, line, mode=3) for at, line in enumerate(MANY))
    path = make_pdf(tmp_path / "a.pdf", [PdfPageSpec(image_at(0, 0, 612, 792) + hidden)])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pixels = pdf.make_stream(zlib.compress(bytes(range(256)) * (3 * side * side // 256 + 1), 1))
        pixels.Filter, pixels.Type, pixels.Subtype = Name.FlateDecode, Name.XObject, Name.Image
        pixels.Width, pixels.Height, pixels.ColorSpace, pixels.BitsPerComponent = side, side, Name.DeviceRGB, 8
        pdf.pages[0].Resources.XObject.I0 = pixels
        pdf.save(path)
    take_text(path, OcrMode.NEVER)  # what is loaded for the first time is not the page's
    reset_peak()
    before = peak_rss_bytes()
    with open_document(path) as document:
        page = document.text_page(1, dpi=100, mode=OcrMode.AUTO)
    assert (page is None) is (side > 4000)
    assert peak_rss_bytes() - before < OPENING_BYTES
