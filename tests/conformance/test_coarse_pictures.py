"""A look at a page draws plain JPEGs coarsely, and finds and leaves everything as if it had not."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, ImageDraw, ImageFont

from pagemill.documents.page_frame import PageFrame
from pagemill.documents.page_objects import drawing_of
from pagemill.documents.pdf import PdfFile
from pagemill.documents.reduced_pictures import draw_reduced, plain_jpegs, reducible_pictures
from pagemill.documents.sheet import Sheet, read_sheet
from pagemill.domain.documents import OcrMode

SIZE = (1200, 900)
SCALE = 100 / 72
WHOLE = "q 400 0 0 300 100 400 cm /I Do Q"
TURNED = "q 0 300 -400 0 500 400 cm /I Do Q"
TEXT = "BT /F1 12 Tf 60 {} Td (The harbour was full of boats when we came back.) Tj ET\n"
Change = Callable[[Pdf, pikepdf.Stream], object]


def photo(*, writing: bool = False, size: tuple[int, int] = SIZE) -> Image.Image:
    """Soft clouds of colour; with writing, as a photo of a sign has it."""
    rough = np.random.default_rng(7).integers(60, 200, (9, 12, 3), dtype=np.uint8)
    made = Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)
    if writing:
        draw = ImageDraw.Draw(made)
        draw.rectangle((200, 300, 1000, 420), fill="white")
        draw.text((330, 335), "Ferry to Hooge: daily at 9", font=ImageFont.load_default(44), fill="black")
    return made


def jpeg(image: Image.Image, *, progressive: bool) -> bytes:
    made = io.BytesIO()
    image.save(made, "JPEG", quality=85, progressive=progressive)
    return made.getvalue()


def write_pdf(
    path: Path,
    image: Image.Image,
    *,
    content: str = WHOLE,
    change: Change | None = None,
    rotate: int = 0,
    protected: bool = False,
    progressive: bool = False,
) -> Path:
    """Two pages of text and a picture."""
    colours = {"L": Name.DeviceGray, "RGB": Name.DeviceRGB, "CMYK": Name.DeviceCMYK}
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        picture = pdf.make_stream(jpeg(image, progressive=progressive))
        for key, value in {
            "/Type": Name.XObject,
            "/Subtype": Name.Image,
            "/Width": image.width,
            "/Height": image.height,
            "/ColorSpace": colours[image.mode],
            "/BitsPerComponent": 8,
            "/Filter": Name.DCTDecode,
        }.items():
            picture[key] = value
        for _ in range(2):
            pdf.add_blank_page(page_size=(595, 842))
            resources = Dictionary(Font=Dictionary(F1=font), XObject=Dictionary(I=picture))
            resources.ExtGState = Dictionary(Half=Dictionary(ca=0.5), Full=Dictionary(ca=1))
            pdf.pages[-1].Resources = resources
            lines = "".join(TEXT.format(800 - 16 * at) for at in range(5))
            pdf.pages[-1].Contents = pdf.make_stream(f"{lines}{content}".encode())
            if rotate:
                pdf.pages[-1].Rotate = rotate
        if change is not None:
            change(pdf, picture)
        pdf.save(path, encryption=pikepdf.Encryption(owner="o", user="") if protected else False)
    return path


def frame(page: pdfium.PdfPage, dpi: float) -> PageFrame:
    left, bottom, right, top = page.get_bbox()
    return PageFrame(left, bottom, right, top, page.get_rotation() // 90, dpi / 72)


def sheet_of(path: Path, *, coarse: bool) -> Sheet:
    with pikepdf.open(path) as pdf:
        plain = plain_jpegs(pdf)
    with pdfium.PdfDocument(path) as document:
        page = document[0]
        return read_sheet(page, partial(frame, page), dpi=200, find_plain=(lambda: plain) if coarse else None)


def count_reducible(path: Path) -> int:
    with pikepdf.open(path) as pdf:
        plain = plain_jpegs(pdf)
    with pdfium.PdfDocument(path) as document:
        page = document[0]
        return len(reducible_pictures(drawing_of(page), plain, SCALE))


def put(key: str, make: Callable[[Pdf], pikepdf.Object]) -> Change:
    return lambda pdf, picture: picture.__setitem__(key, make(pdf))


def profile(pdf: Pdf) -> pikepdf.Object:
    return Array([Name.ICCBased, pdf.make_stream(b"not read", N=3)])


def mask(pdf: Pdf) -> pikepdf.Object:
    return pdf.make_stream(
        b"\xff" * 4, Type=Name.XObject, Subtype=Name.Image, Width=2, Height=2, ColorSpace=Name.DeviceGray,
        BitsPerComponent=8,
    )  # fmt: skip


PLAIN: Mapping[str, Callable[[Path], Path]] = {
    "in colour": lambda path: write_pdf(path, photo()),
    "in gray": lambda path: write_pdf(path, photo().convert("L")),
    "with a profile": lambda path: write_pdf(path, photo(), change=put("/ColorSpace", profile)),
    "turned": lambda path: write_pdf(path, photo(), content=TURNED),
    "on a turned page": lambda path: write_pdf(path, photo(), rotate=90),
    "within a frame": lambda path: write_pdf(path, photo(), content=f"q 90 390 420 320 re W n {WHOLE} Q"),
    "over a white page": lambda path: write_pdf(path, photo(), content=f"1 g 0 0 595 842 re f {WHOLE}"),
    "under a shape": lambda path: write_pdf(path, photo(), content=f"{WHOLE} 1 g 100 400 200 150 re f"),
    "progressive": lambda path: write_pdf(path, photo(), progressive=True),
    "opaque by name": lambda path: write_pdf(path, photo(), content=f"/Full gs {WHOLE}"),
}
ODD: Mapping[str, Callable[[Path], Path]] = {
    "soft mask": lambda path: write_pdf(path, photo(), change=put("/SMask", mask)),
    "mask": lambda path: write_pdf(path, photo(), change=put("/Mask", lambda _: Array([0, 9, 0, 9, 0, 9]))),
    "other range": lambda path: write_pdf(path, photo(), change=put("/Decode", lambda _: Array([1, 0] * 3))),
    "four inks": lambda path: write_pdf(path, photo().convert("CMYK")),
    "half transparent": lambda path: write_pdf(path, photo(), content=f"/Half gs {WHOLE}"),
    "cut": lambda path: write_pdf(path, photo(), content=f"q 200 450 100 100 re W n {WHOLE} Q"),
    "cut by a triangle": lambda path: write_pdf(path, photo(), content=f"q 0 0 m 900 0 l 0 900 l W n {WHOLE} Q"),
    "cut by a curve": lambda path: write_pdf(path, photo(), content=f"q 0 0 m 0 2000 900 2000 900 0 c W n {WHOLE} Q"),
    "cut by letters": lambda path: write_pdf(path, photo(), content=f"q BT 7 Tr /F1 99 Tf (Sea) Tj ET {WHOLE} Q"),
    "small": lambda path: write_pdf(path, photo(size=(300, 200))),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_pictures_are_drawn_coarsely(tmp_path: Path, kind: str) -> None:
    assert count_reducible(PLAIN[kind](tmp_path / "a.pdf")) == 1


@pytest.mark.parametrize("kind", ODD)
def test_pictures_that_show_something_else_than_their_data_are_not(tmp_path: Path, kind: str) -> None:
    assert count_reducible(ODD[kind](tmp_path / "a.pdf")) == 0


@pytest.mark.parametrize("kind", PLAIN)
def test_a_coarse_drawing_looks_the_same(tmp_path: Path, kind: str) -> None:
    path = PLAIN[kind](tmp_path / "a.pdf")
    with pikepdf.open(path) as pdf:
        plain = plain_jpegs(pdf)
    with pdfium.PdfDocument(path) as document:
        page = document[0]
        before = np.asarray(page.render(scale=SCALE).to_pil().convert("L"), dtype=np.int16)
        draw_reduced(document, page, reducible_pictures(drawing_of(page), plain, SCALE))
        coarse = np.asarray(page.render(scale=SCALE).to_pil().convert("L"), dtype=np.int16)
        page.close()
        page = document[0]
        after = np.asarray(page.render(scale=SCALE).to_pil().convert("L"), dtype=np.int16)
    assert np.abs(coarse - before).mean() < 1.5
    assert np.percentile(np.abs(coarse - before), 99.5) < 12
    assert np.array_equal(after, before)


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize(
    "content", [WHOLE, TURNED, f"1 g 0 0 595 842 re f {WHOLE}", f"{WHOLE} 1 g 90 390 420 320 re f"]
)
def test_a_coarse_look_finds_the_same(tmp_path: Path, content: str, *, writing: bool) -> None:
    path = write_pdf(tmp_path / "a.pdf", photo(writing=writing), content=content)
    fine, coarse = sheet_of(path, coarse=False), sheet_of(path, coarse=True)
    assert (coarse.known, coarse.doubt, coarse.hidden) == (fine.known, fine.doubt, fine.hidden)
    assert np.allclose(coarse.regions(), fine.regions(), atol=8)
    assert bool(coarse.unread) is (writing and not content.endswith("re f"))


def test_a_photo_of_twelve_megapixels_is_looked_at_without_an_engine(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", photo(size=(4000, 3000)))
    with PdfFile(path) as pdf:
        before = bytes(pdf.render(1, dpi=72, max_pixels=10**7).data)
        page = pdf.text_page(1, dpi=200, mode=OcrMode.AUTO)
        assert bytes(pdf.render(1, dpi=72, max_pixels=10**7).data) == before
    assert page is not None
    assert page.warnings == ()


@pytest.mark.parametrize(("protected", "progressive"), [(True, False), (False, True)])
def test_a_large_photo_that_must_be_decoded_whole_is_left_to_a_worker(
    tmp_path: Path, *, protected: bool, progressive: bool
) -> None:
    image = photo(size=(4000, 3000))
    path = write_pdf(tmp_path / "a.pdf", image, protected=protected, progressive=progressive)
    with PdfFile(path) as pdf:
        assert pdf.text_page(1, dpi=200, mode=OcrMode.AUTO) is None


def test_data_that_is_damaged_is_drawn_as_it_is(tmp_path: Path) -> None:
    def cut(_pdf: Pdf, picture: pikepdf.Stream) -> None:
        picture.write(picture.read_raw_bytes()[:900], filter=Name.DCTDecode)

    path = write_pdf(tmp_path / "a.pdf", photo(), change=cut)
    with PdfFile(path) as pdf:
        assert pdf.text_page(1, dpi=200, mode=OcrMode.AUTO) is not None
