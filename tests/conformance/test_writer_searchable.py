"""Searchable PDFs: words are found where they stand, and nothing that was there before has changed."""

import re
import shutil
import subprocess
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
from pikepdf import Array
from PIL import Image, ImageChops, ImageDraw, ImageOps, ImageStat
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at

from pagemill.documents import image_pages
from pagemill.documents.opening import open_document
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.documents.words import Bounds
from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import EncryptedDocument, InvalidDocument
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon, Word

SCAN = (2, 2, b"\xff\x80\x80\xff")
TEXTS = ("Searchable", "words", "合同编号", "Ωmega", "été")


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def words() -> tuple[Line, ...]:
    """A line for each text, one below the other."""
    return tuple(
        Line(
            text=text,
            polygon=(place := box(40, 40 + 50 * at, 160, 70 + 50 * at)),
            words=(Word(text=text, polygon=place),),
        )
        for at, text in enumerate(TEXTS)
    )


def page(
    number: int, width: int, height: int, *lines: Line, rotation: int = 0, source: PageSource = PageSource.OCR
) -> Page:
    """A page as an engine or a text layer gives it."""
    block = Block(polygon=box(0, 0, width, height), lines=lines or words())
    return Page(
        number=number, width_px=width, height_px=height, dpi=None, rotation=rotation, source=source, blocks=(block,)
    )


def make_searchable(document: Path, *pages: Page) -> Path:
    """The searchable PDF."""
    output = document.with_name("searchable")
    write_searchable_pdf(document, pages, output)
    return output


def read_back(path: Path, *, number: int = 1, dpi: int = 100) -> Page:
    with open_document(path) as document:
        found = document.text_page(number, dpi=dpi, mode=OcrMode.NEVER)
    assert found is not None
    return found


def render_page(path: Path, *, number: int = 1, scale: float = 1) -> Image.Image:
    with pdfium.PdfDocument(path) as pdf:
        image = pdf[number - 1].render(scale=scale).to_pil().convert("RGB")
    assert isinstance(image, Image.Image)
    return image


def unlike(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of samples, 0 … 255."""
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [(0, 0, 612, 792), (50, 300, 400, 780)])
def test_words_are_found_where_they_stand(
    tmp_path: Path, turn: int, rotation: int, crop: tuple[int, int, int, int]
) -> None:
    keys: dict[str, pikepdf.Object | int | float] = {"/Rotate": turn, "/CropBox": Array([*crop]), "/UserUnit": 2}
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,), keys=keys)])
    dpi = 100
    size = [2 * side * dpi / 72 for side in (crop[2] - crop[0], crop[3] - crop[1])]
    if (turn + rotation) % 180:
        size.reverse()
    output = make_searchable(path, page(1, round(size[0]), round(size[1]), rotation=rotation))
    found = read_back(output, dpi=dpi)
    assert found.rotation == rotation
    assert [line.text for line in found.lines] == list(TEXTS)
    for line, expected in zip(found.lines, words(), strict=True):
        read, stood = Bounds.of(line.polygon), Bounds.of(expected.polygon)
        assert (read.left, read.top, read.right, read.bottom) == pytest.approx(
            (stood.left, stood.top, stood.right, stood.bottom), abs=1.5
        )
    assert unlike(render_page(output), render_page(path)) == 0


def test_a_skewed_line_runs_as_it_was_read(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    polygon: Polygon = ((100, 100), (300, 140), (296, 160), (96, 120))
    output = make_searchable(path, page(1, 612, 792, Line(text="askew", polygon=polygon)))
    with pdfium.PdfDocument(output) as pdf:
        text = pdf[0].get_textpage()
        centres = [
            ((left + right) / 2, 792 - (bottom + top) / 2)
            for left, bottom, right, top in (text.get_charbox(at, loose=False) for at in range(5))
        ]
    assert centres[0] == pytest.approx((118, 114), abs=6)
    assert centres[4] == pytest.approx((278, 146), abs=6)


def test_characters_beyond_the_first_plane_are_found(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    output = make_searchable(path, page(1, 612, 792, Line(text="😀𠮷ok", polygon=box(40, 40, 160, 70))))
    with pdfium.PdfDocument(output) as pdf:
        assert pdf[0].get_textpage().get_text_range() == "😀𠮷ok"


def test_words_of_chinese_follow_without_a_space_and_others_with_one(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    texts = ("模型", "卸载", "in", "2026")
    parts = tuple(Word(text=text, polygon=box(50 + 60 * at, 50, 90 + 60 * at, 80)) for at, text in enumerate(texts))
    line = Line(text="模型卸载 in 2026", polygon=box(50, 50, 270, 80), words=parts)
    assert read_back(make_searchable(path, page(1, 612, 792, line)), dpi=72).text == "模型卸载 in 2026"


def test_writing_that_runs_down_the_page_is_found_along_it(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    output = make_searchable(path, page(1, 612, 792, Line(text="合同编号", polygon=box(100, 100, 130, 220))))
    with pdfium.PdfDocument(output) as pdf:
        text = pdf[0].get_textpage()
        tops = [792 - text.get_charbox(at)[3] for at in range(4)]
    assert tops == pytest.approx([100, 130, 160, 190], abs=2)


def test_what_the_page_draws_and_how_is_left_as_it_is(tmp_path: Path) -> None:
    careless = "q 0.1 0 0 0.1 300 300 cm q " + text_at(90, 690, "moved")  # leaves its states behind
    specs = [PdfPageSpec(careless + image_at(0, 0, 612, 792), images=(SCAN,)), PdfPageSpec(text_at(72, 700, "typed"))]
    path = make_pdf(tmp_path / "a", specs)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[1].Resources = pdf.pages[0].Resources
        content = pdf.pages[0].Contents.read_bytes().hex().encode() + b">"
        pdf.pages[0].Contents.write(content, filter=pikepdf.Name.ASCIIHexDecode)
        pdf.pages[1].Contents.write(pdf.pages[1].Contents.read_bytes())
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        pdf.docinfo["/Title"] = "kept"
        pdf.save(path, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    typed = page(2, 612, 792, Line(text="typed", polygon=box(0, 0, 10, 10)), source=PageSource.TEXT_LAYER)
    output = make_searchable(path, page(1, 612, 792), typed)
    with pikepdf.open(path) as before, pikepdf.open(output) as after:
        added, *kept = after.pages[0].Contents
        assert [each.read_raw_bytes() for each in kept] == [before.pages[0].Contents.read_raw_bytes()]
        assert b" 3 Tr" in added.read_bytes().replace(b"\n", b" ")
        images = [pdf.pages[0].Resources.XObject["/I0"].read_raw_bytes() for pdf in (before, after)]
        assert images[0] == images[1]
        assert after.pages[1].Contents.read_raw_bytes() == before.pages[1].Contents.read_raw_bytes()
        assert list(after.pages[1].Resources.Font.keys()) == ["/F1"]
        assert (str(after.Root.PageMode), str(after.docinfo["/Title"])) == ("/UseOutlines", "kept")
    assert unlike(render_page(output, scale=2), render_page(path, scale=2)) == 0
    assert set(TEXTS) <= {line.text for line in read_back(output).lines}


def test_pages_that_were_not_read_stay(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))] * 3)
    output = make_searchable(path, page(2, 612, 792))
    assert [read_back(output, number=number).text != "" for number in (1, 2, 3)] == [False, True, False]


def test_protection_against_changes_is_kept_and_a_locked_document_refused(tmp_path: Path) -> None:
    spec = PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))
    output = make_searchable(make_pdf(tmp_path / "a", [spec], user_password=""), page(1, 612, 792))
    with pikepdf.open(output) as pdf:
        assert pdf.is_encrypted
    with pytest.raises(EncryptedDocument):
        make_searchable(make_pdf(tmp_path / "locked", [spec], user_password=tmp_path.name), page(1, 612, 792))


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"%PDF-1.7\nnothing\n%%EOF")
    with pytest.raises(InvalidDocument):
        make_searchable(path, page(1, 612, 792))
    assert list(tmp_path.iterdir()) == [path]


# --- images ----------------------------------------------------------------------------------------------------------


def picture(mode: str = "RGB", size: tuple[int, int] = (200, 100)) -> Image.Image:
    """A picture that looks different from every side."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, size[0] // 2, 30), fill="red")
    draw.rectangle((10, 50, 30, size[1] - 5), fill="blue")
    return image.convert(mode, dither=Image.Dither.NONE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_and_its_data_is_not_touched(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(path, "JPEG", exif=exif, quality=95)
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    width, height = upright.size
    output = make_searchable(path, page(1, width, height, Line(text="here", polygon=box(10, 20, 50, 40))))
    with pikepdf.open(output) as pdf:
        assert pdf.pages[0].Resources.XObject["/Image"].read_raw_bytes() == path.read_bytes()
        points = float(pdf.pages[0].MediaBox[2]) / width
    assert unlike(render_page(output, scale=2 / points).resize(upright.size), upright) < 4
    (found,) = read_back(output, dpi=72).lines
    place = Bounds.of(found.polygon)
    assert found.text == "here"
    assert (place.left / points, place.top / points) == pytest.approx((10, 20), abs=1)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("RGB", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("1", "TIFF"),
        ("RGB", "TIFF"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("RGB", "BMP"),
        ("RGB", "WEBP"),
    ],
)
def test_every_kind_of_image_becomes_a_page_of_its_size(tmp_path: Path, mode: str, kind: str) -> None:
    path = tmp_path / "image"
    image = picture("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.frombytes(
            mode, image.size, bytes(half for sample in image.tobytes() for half in (sample, sample))
        )
    image.save(path, kind, dpi=(144, 144))
    output = make_searchable(path, page(1, 200, 100))
    with pikepdf.open(output) as pdf:
        sides = [float(side) for side in pdf.pages[0].MediaBox]
        stored = pdf.pages[0].Resources.XObject["/Image"]
        assert sides == pytest.approx([0, 0, 1190, 595] if kind == "WEBP" else [0, 0, 100, 50], rel=0.01)
        assert int(stored.BitsPerComponent) == (
            1 if mode == "1" else 8 if mode != "P" else int(stored.BitsPerComponent)
        )
    with open_document(path) as document:
        whole = document.render(1, dpi=72, max_pixels=100_000)
    channels = "L" if whole.channels == 1 else "RGB"
    expected = Image.frombytes(channels, (200, 100), whole.data.tobytes()).convert("RGB")
    shown = render_page(output, scale=400 / sides[2]).resize((200, 100))
    assert unlike(shown, expected) < (12 if mode == "CMYK" else 4)


def test_every_frame_becomes_a_page_however_little_may_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pages, "MOST_HELD_BYTES", 0)
    path = tmp_path / "frames"
    frames = [picture("L", (100 + 20 * at, 80)) for at in range(3)]
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:], dpi=(72, 72))
    output = make_searchable(path, *(page(number, 80 + 20 * number, 80) for number in (1, 2, 3)))
    with pikepdf.open(output) as pdf:
        widths = [float(each.MediaBox[2]) / float(each.MediaBox[3]) for each in pdf.pages]
    assert widths == pytest.approx([1.25, 1.5, 1.75], rel=0.01)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "searchable"]


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (poppler-utils)")
@pytest.mark.parametrize("turn", [0, 90])
def test_another_reader_finds_the_same_words_in_the_same_places(tmp_path: Path, turn: int) -> None:
    spec = PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,), keys={"/Rotate": turn})
    width, height = (612, 792) if turn == 0 else (792, 612)
    output = make_searchable(make_pdf(tmp_path / "a", [spec]), page(1, width, height))
    told = subprocess.run(["pdftotext", "-bbox", output, "-"], capture_output=True, check=True, text=True).stdout  # noqa: S607 - found above
    found = re.findall(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', told)
    assert [each[4] for each in found] == list(TEXTS)
    for each, line in zip(found, words(), strict=True):
        place = Bounds.of(line.polygon)
        expected = (place.left, place.top, place.right, place.bottom)
        assert tuple(map(float, each[:4])) == pytest.approx(expected, abs=2)


NARROW = ("I", "il", "ill", "i.", "1.", "fl", "II", "It", "i.e.")
UPRIGHT_SIZE = (6, 24)
"""Of a letter in the narrowest fonts: width and height of its line."""


def text_matrices(path: Path) -> list[tuple[float, float]]:
    """Direction of each text matrix of the words that were added: its first two numbers."""
    with pikepdf.open(path) as pdf:
        content = pdf.pages[0].Contents[0].read_bytes().decode("ascii")
    return [(float(a), float(b)) for a, b in re.findall(r"Tz (\S+) (\S+) \S+ \S+ \S+ \S+ Tm", content)]


def level_line(texts: tuple[str, ...], *, letter: tuple[int, int]) -> Line:
    parts, left = [], 50
    for text in texts:
        right = left + letter[0] * len(text)
        parts.append(Word(text=text, polygon=box(left, 50, right, 50 + letter[1])))
        left = right + letter[0]
    return Line(text=" ".join(texts), polygon=box(50, 50, left - letter[0], 50 + letter[1]), words=tuple(parts))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("texts", [*((text,) for text in NARROW), NARROW, ("If", "it", "is", "I")], ids=str)
@pytest.mark.parametrize("has_words", [True, False])
def test_words_of_a_level_line_are_written_level_however_narrow(
    tmp_path: Path, texts: tuple[str, ...], rotation: int, *, has_words: bool
) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    line = level_line(texts, letter=UPRIGHT_SIZE)
    line = line if has_words else line.model_copy(update={"words": ()})
    size = (612, 792) if rotation % 180 == 0 else (792, 612)
    found = text_matrices(make_searchable(path, page(1, *size, line, rotation=rotation)))
    expected = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation]
    assert found == [pytest.approx(expected, abs=1e-4)] * (len(texts) if has_words else 1)


@pytest.mark.parametrize(
    "texts", [("合同",), ("合", "同", "号"), ("合同编号", "第", "2026", "号"), ("Upended",)], ids=str
)
def test_words_of_a_line_that_runs_down_all_run_down(tmp_path: Path, texts: tuple[str, ...]) -> None:
    path = make_pdf(tmp_path / "a", [PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,))])
    parts, top = [], 50
    for text in texts:
        parts.append(Word(text=text, polygon=box(100, top, 130, top + 30 * len(text))))
        top += 30 * len(text)
    line = Line(text="".join(texts), polygon=box(100, 50, 130, top), words=tuple(parts))
    found = text_matrices(make_searchable(path, page(1, 612, 792, line)))
    assert found == [pytest.approx((0, -1), abs=1e-4)] * len(texts)
