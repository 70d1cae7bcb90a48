"""Makes pictures in which colour decides what can be read: stamps over text, text on coloured grounds, no paper."""

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFont

Colour = tuple[int, int, int]

RED, BLUE, GREEN, PURPLE = (215, 40, 50), (30, 60, 190), (20, 140, 60), (120, 30, 140)
ORANGE, YELLOW, WHITE, BLACK = (235, 120, 20), (250, 220, 60), (255, 255, 255), (0, 0, 0)
INVOICE = (
    "Invoice number 2026-0417",
    "Customer: Harbour Bakery Ltd",
    "Delivery of 25 kg rye flour",
    "Total amount due 148.50 EUR",
    "Payable within fourteen days",
)
SIZE = (1240, 1000)


def page_of(
    lines: Sequence[str], *, size: tuple[int, int] = SIZE, ink: Colour = BLACK, paper: Colour = WHITE, font: int = 34
) -> Image.Image:
    """A page with these lines."""
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        draw.text((110, 200 + at * font * 1.75), line, fill=ink, font=ImageFont.load_default(font))
    return image


def add_stamp(
    page: Image.Image, text: str, *, colour: Colour, angle: float = 15, opacity: float = 0.8, middle: tuple[int, int]
) -> Image.Image:
    """The page with an oval stamp over it. With an opacity of 0, its ink is that of a printer: it only darkens."""
    layer = Image.new("L", (480, 340), 0)
    draw = ImageDraw.Draw(layer)
    draw.ellipse((10, 10, 470, 330), outline=255, width=9)
    draw.text((240, 170), text, fill=255, font=ImageFont.load_default(54), anchor="mm", stroke_width=1)
    mask = layer.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = (middle[0] - mask.width // 2, middle[1] - mask.height // 2)
    whole = Image.new("L", page.size, 0)
    whole.paste(mask, place)
    ink = Image.new("RGB", page.size, colour)
    if opacity:
        return Image.composite(ink, page, whole.point(lambda sample: round(sample * opacity)))
    return Image.composite(ImageChops.multiply(page, ink), page, whole)


def banner(text: str, *, ink: Colour, ground: Colour, size: tuple[int, int] = SIZE) -> Image.Image:
    """A page with ordinary lines and a coloured banner with a line on it."""
    image = page_of(INVOICE, size=size)
    draw = ImageDraw.Draw(image)
    draw.rectangle((90, 620, size[0] - 90, 720), fill=ground)
    draw.text((130, 640), text, fill=ink, font=ImageFont.load_default(40))
    return image


def without_paper(text: str, *, ink: Colour, mode: str = "RGBA", size: tuple[int, int] = (700, 140)) -> Image.Image:
    """Writing on nothing: all but the letters is transparent."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).text((40, 40), text, fill=255, font=ImageFont.load_default(48))
    image = Image.new("RGBA", size, (*ink, 0))
    image.putalpha(mask)
    if mode == "P":
        return image.quantize(64)
    return image.convert(mode)


def grainy(image: Image.Image, *, strength: float = 6, seed: int = 1) -> Image.Image:
    """As a scanner leaves it: soft, with grain, on paper that is not quite white."""
    chance = random.Random(seed)  # noqa: S311
    grain = Image.frombytes("L", image.size, chance.randbytes(math.prod(image.size)))
    tinted = ImageChops.multiply(image, Image.new("RGB", image.size, (250, 246, 235)))
    return Image.blend(tinted, grain.convert("RGB"), strength / 255)
