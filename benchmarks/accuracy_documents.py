"""Documents of everyday kinds, made by script, with their true text.

They start from the sheets of `samples`; what happens to paper on its way (skew, a photo's perspective and shadow, few
pixels, a fax) happens to them. Handwriting is not among them: no letters of that kind come with any library here.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from benchmarks.samples import Sheet, compose, paragraphs, scan_image
from PIL import Image, ImageDraw

A4 = (1654, 2339)
_PAPER, _INK = 248, 25
_SEED = 417


@dataclass(frozen=True)
class TestDocument:
    """One page and its true text; `languages` are ISO 639 codes."""

    name: str
    image: Image.Image
    text: str
    languages: tuple[str, ...] = ("en",)


def documents() -> Iterator[TestDocument]:
    """All documents, the same at every call."""
    for name in ("letter", "report", "two columns", "invoice", "receipt", "small print"):
        yield _sample(_TITLES.get(name, name), name)
    yield _sample("Chinese and English", "chinese", languages=("zh", "en"))
    yield _make_document("newspaper, four columns", A4, _newspaper)
    yield _make_document("ruled table", A4, _ruled_table)
    yield _make_document("form", A4, _form)
    yield _make_document("long receipt, 700 x 9000", (700, 9000), _long_receipt)
    yield from _variants()


_TITLES = {"small print": "6-point print"}


def _variants() -> Iterator[TestDocument]:
    """One letter, as it may arrive."""
    letter = _sample("", "letter", scan=False)

    def variant(name: str, image: Image.Image) -> TestDocument:
        return TestDocument(f"letter, {name}", image, letter.text)

    for degrees in (1, 2, 4, 8):
        yield variant(f"{degrees} degrees askew", _turn_askew(letter.image, degrees))
    yield variant("upside down", letter.image.rotate(180))
    yield variant("on its side", letter.image.rotate(90, expand=True))
    yield variant("photographed at an angle", _photograph(letter.image))
    yield variant("100 dpi", letter.image.resize((827, 1170), Image.Resampling.BOX))
    yield variant("faxed (black and white)", letter.image.convert("1", dither=Image.Dither.NONE).convert("L"))
    yield variant("JPEG of quality 15", _squeeze(letter.image))
    yield variant("white on black", Image.eval(letter.image, lambda level: 255 - level))


# --- sheets ----------------------------------------------------------------------------------------------------------


def _sample(name: str, layout: str, *, languages: tuple[str, ...] = ("en",), scan: bool = True) -> TestDocument:
    chance = random.Random(_SEED)  # noqa: S311 - test pages, not secrets
    sheet = compose(layout, chance)
    image = scan_image(sheet.image, chance) if scan else sheet.image
    return TestDocument(name, image, "\n".join(sheet.lines), languages)


def _make_document(name: str, size: tuple[int, int], write: Callable[[Sheet], None]) -> TestDocument:
    chance = random.Random(_SEED)  # noqa: S311 - likewise
    sheet = Sheet(size, chance)
    write(sheet)
    return TestDocument(name, scan_image(sheet.image, chance), "\n".join(sheet.lines))


def _newspaper(sheet: Sheet) -> None:
    sheet.write(120, 110, "The Morning Paper of the Harbour", points=30)
    for top, rows in ((280, 30), (1400, 22)):
        sheet.write(120, top, sheet.sentence(1300, points=16), points=16)
        for column in range(4):
            paragraphs(sheet, 120 + 365 * column, top + 80, 320, 7.5, rows=rows)


def _ruled_table(sheet: Sheet) -> None:
    draw = ImageDraw.Draw(sheet.image)
    for row in range(26):
        for column in range(5):
            left, top = 120 + 282 * column, 160 + 76 * row
            draw.rectangle((left, top, left + 282, top + 76), outline=_INK, width=2)
            number = f"{sheet.chance.uniform(1, 9999):,.2f}"
            text = sheet.word().strip(",") if column < 2 else number
            sheet.write(left + 14, top + 24, text, points=9)


def _form(sheet: Sheet) -> None:
    sheet.write(150, 140, "Application for a place in the market", points=18)
    draw = ImageDraw.Draw(sheet.image)
    for row, label in enumerate(_LABELS):
        y = 320 + 120 * row
        sheet.write(150, y, label, points=9)
        draw.rectangle((620, y - 20, 1500, y + 56), outline=_INK, width=2)
        sheet.write(640, y, sheet.sentence(500, points=11), points=11)


_LABELS = (
    "Family name", "First name", "Date of birth", "Street and number", "Town and postcode", "Telephone",
    "Kind of goods", "Number of square metres", "Days of the week", "From (date)", "Until (date)", "Electricity needed",
    "Remarks",
)  # fmt: skip


def _long_receipt(sheet: Sheet) -> None:
    for row in range(200):
        sheet.write(40, 60 + 43 * row, sheet.sentence(330, points=8).upper(), points=8)
        sheet.write(520, 60 + 43 * row, f"{sheet.chance.uniform(0.5, 99):,.2f}", points=8)


# --- what happens to paper -------------------------------------------------------------------------------------------


def _turn_askew(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER)


def _photograph(image: Image.Image) -> Image.Image:
    """The image, photographed from below and the left, on a dark table, with a shadow."""
    pixels = np.asarray(image)
    height, width = pixels.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    seen = np.array([(260, 180), (1500, 120), (1610, 2250), (90, 2150)], dtype=np.float32)
    warped = cv2.warpPerspective(pixels, cv2.getPerspectiveTransform(corners, seen), (width, height), borderValue=(70,))
    shadow = np.linspace(1.0, 0.55, width, dtype=np.float32)[None, :]
    soft = cv2.GaussianBlur(np.asarray(warped, dtype=np.float32) * shadow, (0, 0), 0.8)
    return Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8))


def _squeeze(image: Image.Image) -> Image.Image:
    _, data = cv2.imencode(".jpg", np.asarray(image), [cv2.IMWRITE_JPEG_QUALITY, 15])
    return Image.fromarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8))
