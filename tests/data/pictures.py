"""Makes pictures for PDF pages: scans of writing, photos, drawings; gray, columns and rows and bytes."""

import random
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Picture = tuple[int, int, bytes]


def as_picture(image: Image.Image) -> Picture:
    """The gray samples of an image, as `PdfPageSpec.images` takes them."""
    return image.width, image.height, image.convert("L").tobytes()


def write_lines(
    lines: Sequence[str], *, size: tuple[int, int] = (850, 1100), font: int = 24, ink: int = 0, paper: int = 255
) -> Image.Image:
    """A picture with these lines from its top; at 100 pixels per inch, `size` is a letter page."""
    image = Image.new("L", size, paper)
    draw = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        draw.text((font, font + at * 2 * font), line, fill=ink, font=ImageFont.load_default(font))
    return image


def photo(size: tuple[int, int] = (400, 300), *, seed: int = 1) -> Image.Image:
    """Soft shapes and grain, as a photo has them, and no writing."""
    chance = random.Random(seed)  # noqa: S311
    image = Image.new("L", size, 128)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, radius = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(5, 80)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=chance.randrange(256))
    soft = image.filter(ImageFilter.GaussianBlur(4))
    grain = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
    return Image.blend(soft, grain, 0.2)


def draw_rules(size: tuple[int, int] = (850, 400)) -> Image.Image:
    """A table without a word in it: rules, boxes, rows of boxes to be filled in, a bar code, a solid bar."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for y in range(20, 200, 30):
        draw.line((20, y, size[0] - 20, y), fill=0, width=2)
    for x in range(20, size[0], 120):
        draw.line((x, 20, x, 170), fill=0, width=2)
    for x in range(40, 400, 30):
        draw.rectangle((x, 220, x + 20, 240), outline=0, width=2)
    for at, x in enumerate(range(450, 700, 8)):
        draw.rectangle((x, 210, x + 1 + at % 3, 250), fill=0)
    draw.rectangle((40, 300, 600, 330), fill=0)
    return image


def scribble(*, size: tuple[int, int] = (850, 300), letter: int = 28, seed: int = 1) -> Image.Image:
    """Lines of letters that are of no script: they look like writing, and no engine can read them."""
    chance = random.Random(seed)  # noqa: S311
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for top in range(30, size[1] - 2 * letter, 2 * letter):
        left = 30
        while left < size[0] - 3 * letter:
            for _ in range(chance.randrange(3, 8)):
                corners = [(left + chance.randrange(letter * 2 // 3), top + at * letter // 4) for at in range(5)]
                draw.line(chance.sample(corners, 5), fill=0, width=3, joint="curve")
                left += letter
            left += letter
    return image
