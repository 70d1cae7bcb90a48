"""Makes page images and scanned documents.

Fonts are those inside Pillow (Latin) and OpenCV (Chinese), so that every machine makes the same pages.
"""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.page.image import PageImage

ENGLISH = (
    "Every page is a unit of work",
    "Memory is reserved before it is used",
    "Invoice 2026-0417 of 31 December",
    "The balance is 1,284.50 in total",
    "Nothing that is done is done twice",
)
CHINESE = ("文档识别服务", "模型在空闲以后自动卸载", "合同编号 2026 日期 Monday", "系统根据内存决定页面数量")
LEFT = (
    "The harbour lies below the old town,",
    "and in the morning the boats come in",
    "with whatever the night has given them.",
    "Men in heavy coats carry the baskets",
    "up the steps to the covered market,",
    "where the price is called out aloud.",
    "By eight o'clock everything is sold,",
    "and the square belongs to the gulls.",
)
RIGHT = (
    "Later the ferry brings its travellers,",
    "who look for the museum and a coffee.",
    "Most of them stay no longer than noon,",
    "for the road along the coast is long.",
    "Only the painters remain until night",
    "and wait for the lamps on the water.",
    "They say that no other light is so",
    "hard to keep and so easy to lose.",
)

_PAPER = 255
_INK = 0


def blank_page(width: int = 1000, height: int = 700) -> Image.Image:
    """An empty gray page."""
    return Image.new("L", (width, height), _PAPER)


def text_page(lines: Sequence[str] = ENGLISH, *, width: int = 1000, height: int = 700, size: int = 34) -> Image.Image:
    """A gray page with one column of Latin lines, `size` pixels high."""
    page = blank_page(width, height)
    write(page, lines, x=2 * size, y=2 * size, size=size)
    return page


def two_column_page(left: Sequence[str] = LEFT, right: Sequence[str] = RIGHT, *, size: int = 30) -> Image.Image:
    """A gray page with two columns whose lines share their baselines."""
    page = blank_page(1400, 700)
    write(page, left, x=80, y=100, size=size)
    write(page, right, x=760, y=100, size=size)
    return page


def chinese_page(lines: Sequence[str] = CHINESE, *, size: int = 40) -> Image.Image:
    """A gray page with Chinese and mixed lines."""
    pixels = np.array(blank_page())
    for row, line in enumerate(lines):
        cv2.putText(pixels, line, (80, 120 + 2 * row * size), (_INK,), cv2.FontFace("uni"), size)
    return Image.fromarray(pixels)


def write(page: Image.Image, lines: Sequence[str], *, x: int, y: int, size: int) -> None:
    """Write lines below each other, the first one's top left corner at (x, y)."""
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for row, line in enumerate(lines):
        draw.text((x, y + round(1.7 * row * size)), line, fill=_INK, font=font)


def page_image(image: Image.Image, *, dpi: float | None = 150.0) -> PageImage:
    """The image as engines are given it: gray as one channel, everything else as three."""
    pixels = np.ascontiguousarray(image if image.mode == "L" else image.convert("RGB"))
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    return PageImage(pixels.reshape(height, width, channels).data, width, height, channels, dpi)


def scanned_pdf(pages: Sequence[Image.Image], *, dpi: int = 150) -> bytes:
    """A PDF of images without a text layer."""
    return _save_pages(pages, "PDF", resolution=dpi)


def multi_page_tiff(pages: Sequence[Image.Image], *, dpi: int = 150) -> bytes:
    """A TIFF with one frame for each page."""
    return _save_pages(pages, "TIFF", dpi=(dpi, dpi))


def _save_pages(pages: Sequence[Image.Image], kind: str, **settings: int | tuple[int, int]) -> bytes:
    target = io.BytesIO()
    pages[0].save(target, kind, save_all=True, append_images=list(pages[1:]), **settings)
    return target.getvalue()
