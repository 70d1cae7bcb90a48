"""Makes small documents to be read: large print on small pages, recognised in a fraction of a second each."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at

SIZE = (360, 120)
DPI = 100
SENTENCE = "This sentence was typed and is kept as text"


def page_image(text: str) -> Image.Image:
    """A small upright page with one line of large print."""
    page = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(page).text((24, 40), text, fill="black", font=ImageFont.load_default(36))
    return page


def make_scan(path: Path, texts: Sequence[str]) -> Path:
    """Images of these lines, a page each, in the format that the path's suffix names; no text layer."""
    pages = [page_image(text) for text in texts]
    if len(pages) == 1:
        pages[0].save(path, dpi=(DPI, DPI))
    else:
        pages[0].save(path, save_all=True, append_images=pages[1:], resolution=DPI)
    return path


def make_numbered_scan(path: Path, pages: int) -> Path:
    """A scan of so many pages that say "Number 101", "Number 102", …"""
    return make_scan(path, [f"Number {100 + page}" for page in range(1, pages + 1)])


def make_sideways_photo(path: Path, text: str) -> Path:
    """A JPEG whose pixels lie on their side and whose EXIF data says how to turn them upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    page_image(text).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    return path


def make_typed(path: Path, pages: int, *, user_password: str | None = None) -> Path:
    """A PDF with a text layer; page N says `SENTENCE` and "leaf N"."""
    texts = [text_at(72, 700, f"{SENTENCE} leaf {page}") for page in range(1, pages + 1)]
    return make_pdf(path, [PdfPageSpec(text) for text in texts], user_password=user_password)
