"""What every kind of document keeps, whatever its decoder: one suite over all of them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from tests.data.animations import FORMS, animate
from tests.data.heic import make_heic
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf

from pagemill.documents.opening import inspect_document, open_document
from pagemill.domain.documents import DocumentKind, OcrMode, PageSize
from pagemill.domain.errors import DocumentError, PageUnreadable, UnsupportedFormat
from pagemill.domain.page.page import PageSource

Maker = Callable[[Path], Path]

WIDTH, HEIGHT = 200, 300
LIMIT = 1_000_000
INK = (20, 40, 60, 80)
"""Left, top, right, bottom of a black rectangle on white, pixels."""


def picture() -> Image.Image:
    image = Image.new("L", (WIDTH, HEIGHT), 255)
    image.paste(0, INK)
    return image


def _pdf(path: Path) -> Path:
    spec = PdfPageSpec(
        image_at(0, 0, WIDTH, HEIGHT), size=(WIDTH, HEIGHT), images=((WIDTH, HEIGHT, picture().tobytes()),)
    )
    return make_pdf(path, [spec])


def _save_as(form: str) -> Maker:
    def make(path: Path) -> Path:
        picture().save(path, form, dpi=(72, 72))
        return path

    return make


def _lossless_webp(path: Path) -> Path:
    picture().save(path, "WEBP", lossless=True)
    return path


def _fax(path: Path) -> Path:
    picture().convert("1").save(path, "TIFF", compression="group4", dpi=(72, 72))
    return path


def _fine_avif(path: Path) -> Path:
    picture().save(path, "AVIF", quality=95, speed=9)
    return path


def _of_two(form: str) -> Maker:
    """The picture, and one that shows it is not the only one."""

    def make(path: Path) -> Path:
        return animate(path, form, [picture(), Image.eval(picture(), lambda level: 255 - level)])

    return make


MAKERS: dict[str, tuple[DocumentKind, Maker]] = {
    "pdf": (DocumentKind.PDF, _pdf),
    "png": (DocumentKind.PNG, _save_as("PNG")),
    "jpeg": (DocumentKind.JPEG, _save_as("JPEG")),
    "tiff": (DocumentKind.TIFF, _save_as("TIFF")),
    "tiff-g4": (DocumentKind.TIFF, _fax),
    "webp": (DocumentKind.WEBP, _lossless_webp),
    "bmp": (DocumentKind.BMP, _save_as("BMP")),
    "gif": (DocumentKind.GIF, _save_as("GIF")),
    "heic": (DocumentKind.HEIC, make_heic),
    "avif": (DocumentKind.AVIF, _fine_avif),
}
MOVING: dict[str, Maker] = {form: _of_two(form) for form in FORMS}
"""The same picture as the first of an animation."""


def test_every_kind_is_tried() -> None:
    assert {kind for kind, _ in MAKERS.values()} == set(DocumentKind)


@pytest.fixture(params=MOVING)
def moving(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An animation of each form."""
    return MOVING[request.param](tmp_path / "upload.doc")


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[DocumentKind, Path]:
    """A document of each kind, under a name that lies about it."""
    kind, make = MAKERS[request.param]
    return kind, make(tmp_path / "upload.doc")


def test_it_is_known_by_its_bytes(made: tuple[DocumentKind, Path]) -> None:
    kind, path = made
    info = inspect_document(path)
    assert (info.kind, info.page_count, info.page_sizes) == (kind, 1, (PageSize(WIDTH, HEIGHT),))


def test_it_renders_as_it_looks(made: tuple[DocumentKind, Path]) -> None:
    _, path = made
    with open_document(path) as document:
        image = document.render(1, dpi=72, max_pixels=LIMIT)
    assert (image.width_px, image.height_px) == (WIDTH, HEIGHT)
    assert image.data.contiguous
    assert (image.data.format, image.data.shape) == ("B", (HEIGHT, WIDTH, image.channels))
    left, top, right, bottom = INK
    assert image.data[top + 5, left + 5, 0] < 10
    assert image.data[bottom + 5, right + 5, image.channels - 1] > 245


def test_it_renders_twice_alike(made: tuple[DocumentKind, Path]) -> None:
    with open_document(made[1]) as document:
        first = bytes(document.render(1, dpi=72, max_pixels=5_000).data)
        assert bytes(document.render(1, dpi=72, max_pixels=5_000).data) == first


@pytest.mark.parametrize("limit", [15_000, 59_999])
def test_it_never_has_more_pixels_than_allowed(made: tuple[DocumentKind, Path], limit: int) -> None:
    with open_document(made[1]) as document:
        image = document.render(1, dpi=72, max_pixels=limit)
    assert image.pixels <= limit
    if image.dpi is not None:
        assert image.dpi == pytest.approx(72 * image.height_px / HEIGHT, rel=0.01)


def test_a_scan_is_to_be_recognised_unless_that_is_off(made: tuple[DocumentKind, Path]) -> None:
    with open_document(made[1]) as document:
        assert document.text_page(1, dpi=72, mode=OcrMode.AUTO) is None
        assert document.text_page(1, dpi=72, mode=OcrMode.FORCE) is None
        page = document.text_page(1, dpi=72, mode=OcrMode.NEVER)
    assert page is not None
    assert (page.width_px, page.height_px, page.source) == (WIDTH, HEIGHT, PageSource.TEXT_LAYER)
    assert page.text == ""
    assert "OCR is off" in page.warnings[0].message


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_page_it_does_not_have_is_refused(made: tuple[DocumentKind, Path], number: int) -> None:
    with open_document(made[1]) as document:
        with pytest.raises(PageUnreadable, match="pages 1 to 1"):
            document.render(number, dpi=72, max_pixels=LIMIT)
        with pytest.raises(PageUnreadable, match="pages 1 to 1"):
            document.text_page(number, dpi=72, mode=OcrMode.NEVER)


@pytest.mark.parametrize("kept", [1, 8, 40, 0.3, 0.7, 0.95], ids=str)
def test_a_cut_off_file_gives_a_page_or_an_error_of_ours(made: tuple[DocumentKind, Path], kept: float) -> None:
    _, path = made
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with suppress(DocumentError, PageUnreadable), open_document(path) as document:
        assert document.render(1, dpi=72, max_pixels=LIMIT).width_px == WIDTH


@pytest.mark.parametrize("at", [0.1, 0.4, 0.8])
def test_a_garbled_file_gives_a_page_or_an_error_of_ours(made: tuple[DocumentKind, Path], at: float) -> None:
    _, path = made
    content = bytearray(path.read_bytes())
    start = int(at * len(content))
    content[start : start + 16] = b"\xff" * 16
    path.write_bytes(content)
    with suppress(DocumentError, PageUnreadable), open_document(path) as document:
        assert document.render(1, dpi=72, max_pixels=LIMIT).pixels > 0
        assert document.text_page(1, dpi=72, mode=OcrMode.NEVER) is not None


def test_closing_twice_is_no_error(made: tuple[DocumentKind, Path]) -> None:
    with open_document(made[1]) as document:
        document.close()


def test_what_is_no_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_text("only its name says PDF")
    with pytest.raises(UnsupportedFormat, match="plain text"):
        inspect_document(path)


def test_every_picture_of_an_animation_is_a_page(moving: Path) -> None:
    left, top, right, bottom = INK
    assert inspect_document(moving).page_sizes == (PageSize(WIDTH, HEIGHT),) * 2
    with open_document(moving) as document:
        for number in (1, 2, 2, 1):
            image = document.render(number, dpi=72, max_pixels=LIMIT)
            shades = image.data[top + 5, left + 5, 0], image.data[bottom + 5, right + 5, 0]
            assert shades == pytest.approx((0, 255) if number == 1 else (255, 0), abs=10)


@pytest.mark.parametrize("kept", [1, 8, 40, 0.3, 0.7, 0.95], ids=str)
def test_a_cut_off_animation_gives_pages_or_errors_of_ours(moving: Path, kept: float) -> None:
    content = moving.read_bytes()
    moving.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with suppress(DocumentError), open_document(moving) as document:
        for number in range(1, document.info().page_count + 1):
            with suppress(PageUnreadable):
                assert document.render(number, dpi=72, max_pixels=LIMIT).width_px == WIDTH
