"""Rules, formulas, long lines and vertical Japanese, recognised: part `small` of `python -m benchmarks.accuracy`."""

import io
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.silent_errors import Case, find_errors, table
from PIL import Image, ImageDraw, ImageFont

from pagemill import Session
from pagemill.settings_loading import load_settings

_PROSE = (
    "The composition of the mixture was measured every day",
    "and written down in a book that was not seen again.",
    "Two of the samples were lost on the way to the harbour.",
)
_JAPANESE = (
    "吾輩は猫である。名前はまだ無い。",
    "何でも薄暗い、じめじめした所で、",
    "泣いて居た事だけは、記憶して居る。",
)
_JAPANESE_FONT = Path("/usr/share/fonts/truetype/nanum/NanumGothic.ttf")
_IDEOGRAPHS = "三二一浆工口日丁"
_FORMULAS = ("x = y + 2", "F = m a", "a / b = c", "= = =", "y² = x³ + 1")
SEEDS = 6


def cases() -> Iterator[Case]:
    """Every page."""
    for seed in range(SEEDS):
        chance = random.Random(seed)  # noqa: S311 - test pages, not secrets
        yield Case("drawn rules", _png(_rule_pages(chance)), _PROSE, ("mmm", "———", "ooo"))
        yield Case("formulas", _png(_formulas(chance)), _PROSE, tuple(_IDEOGRAPHS))
        yield Case("long lines", _png(_long(chance)), (" ".join(_PROSE),))
        if _JAPANESE_FONT.exists():
            yield Case("vertical Japanese", _png(_vertical(chance)), _JAPANESE)


def _sheet(width: int = 1240) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (width, 900), 250)
    return image, ImageDraw.Draw(image)


def _write(draw: ImageDraw.ImageDraw, text: str, y: float, *, x: float = 100, size: int = 28) -> None:
    draw.text((x, y), text, fill=20, font=ImageFont.load_default(size))


def _rule_pages(chance: random.Random) -> Image.Image:
    image, draw = _sheet()
    for at, text in enumerate(_PROSE):
        _write(draw, text, 100 + 120 * at)
        y = 160 + 120 * at
        for left in range(100, 1100, 1 if at else chance.choice((9, 14))):
            draw.line((left, y, left + 4, y + chance.choice((0, 1))), fill=20, width=chance.choice((2, 3)))
    return image


def _formulas(chance: random.Random) -> Image.Image:
    image, draw = _sheet()
    for at, text in enumerate(_PROSE):
        _write(draw, text, 100 + 160 * at)
        _write(draw, chance.choice(_FORMULAS), 170 + 160 * at, x=500, size=chance.choice((26, 34)))
    return image


def _long(chance: random.Random) -> Image.Image:
    image, draw = _sheet(2900)
    _write(draw, " ".join(_PROSE), 200 + chance.randint(0, 40), x=60)
    return image


def _vertical(chance: random.Random) -> Image.Image:
    """Columns from right to left, with marks at the upper right of their cells."""
    image, draw = _sheet()
    size = chance.choice((24, 30, 38))
    font = ImageFont.truetype(str(_JAPANESE_FONT), size)
    for at, column in enumerate(_JAPANESE):
        for row, letter in enumerate(column):
            aside = 0.6 * size if letter in "、。" else 0.0
            place = (1000 - 2 * size * at + aside, 60 + 1.02 * size * row - aside)
            draw.text(place, letter, fill=20, font=font)
    return image


def _png(image: Image.Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "PNG")
    return made.getvalue()


def report() -> str:
    """The table."""
    findings = []
    with Session(load_settings()) as session:
        for case in cases():
            findings.append(find_errors(case, session))
            print(f"{case.name}: {findings[-1].wrong} {findings[-1].warnings}", file=sys.stderr, flush=True)
    return table(findings, title="small faults")
