"""Words that stand close keep the spaces between them, and vertical Japanese its marks, on either runtime."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page
from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines import rapidocr
from pagemill.engines.registry import engine_specs, unusable_engines

NANUM = Path("/usr/share/fonts/truetype/nanum/NanumGothic.ttf")
PROSE = (
    "For down it time, or the other as there",
    "made hand that 985 any name and no one",
    "Composition of the mixture was measured",
    "two of the samples were lost on the way",
    "spell large year look do and off he went",
    "it was said to be so in all of them but one",
)
NUMBERS = ("1,250.00 17 25.50", "25 000 km at 12:30", "A-17/B 3.5%")
JAPANESE = (
    "吾輩は猫である。名前はまだ無い。",
    "どこで生れたか、とんと見当がつかぬ。",
    "何でも薄暗い、じめじめした所で、",
    "泣いて居た事だけは、記憶して居る。",
)
_MARKED = re.compile(".[、。]")
GAPS = ("吾輩は　猫である", "東京都　千代田区")


@pytest.fixture(scope="module", params=["load", "load_on_onnxruntime"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if reason := unusable_engines(engine_specs()).get("rapidocr"):
        pytest.skip(reason)
    engine = getattr(rapidocr, request.param)(EngineConfig(profile="accurate", threads=1))
    yield engine
    engine.close()


def write(lines: Sequence[str], *, space: float, size: int) -> Image.Image:
    """Lines whose words stand closer than the font wants: `space` of its space."""
    font = ImageFont.load_default(size)
    image = Image.new("L", (1100, 3 * size * len(lines) + 80), 250)
    draw = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        x = 40.0
        for word in line.split(" "):
            draw.text((x, 40 + 3 * size * at), word, fill=15, font=font)
            x += font.getlength(word) + space * font.getlength(" ")
    return image


def write_down(columns: Sequence[str], *, size: int) -> Image.Image:
    """Columns from right to left, with marks at the upper right of their cells."""
    if not NANUM.exists():
        pytest.skip(f"needs {NANUM.name}; scripts/system-parts installs it")
    font = ImageFont.truetype(str(NANUM), size)
    image = Image.new("L", (2 * size * len(columns) + 80, size * 20 + 80), 250)
    draw = ImageDraw.Draw(image)
    for at, column in enumerate(columns):
        x = image.width - 40 - size - 2 * size * at
        for row, letter in enumerate(column):
            aside = 0.6 * size if letter in "、。" else 0.0
            draw.text((x + aside, 40 + 1.02 * size * row - aside), letter, fill=15, font=font)
    return image


def write_level(lines: Sequence[str], *, size: int) -> Image.Image:
    font = ImageFont.truetype(str(NANUM), size)
    image = Image.new("L", (size * 20 + 80, 2 * size * len(lines) + 80), 250)
    for at, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 40 + 2 * size * at), line, fill=15, font=font)
    return image


def read_page(engine: Engine, image: Image.Image) -> Page:
    pixels = np.asarray(image, dtype=np.uint8)[..., None].copy()
    stored = PageImage(pixels.data, image.width, image.height, 1, 200)
    return engine.read(stored, number=1, rotation=None, batch_size=None)


def read(engine: Engine, image: Image.Image) -> list[str]:
    return [line.text for line in read_page(engine, image).lines]


def count_spaces(lines: Sequence[str]) -> int:
    return sum(line.count(" ") for line in lines)


@pytest.mark.parametrize(("space", "size", "lost"), [(0.6, 22, 0), (0.5, 26, 0), (0.5, 22, 8)])
def test_words_that_stand_close_are_parted(engine: Engine, space: float, size: int, lost: int) -> None:
    """What the network writes by itself lacks 1, 1 and 11 of 48 spaces."""
    found = read(engine, write(PROSE, space=space, size=size))
    assert count_spaces(PROSE) - count_spaces(found) <= lost


@pytest.mark.parametrize("space", [0.6, 1.0, 2.0])
def test_no_space_is_added_within_words_and_numbers(engine: Engine, space: float) -> None:
    lines = (*PROSE, *NUMBERS)
    assert [line.replace(" ", "") for line in read(engine, write(lines, space=space, size=26))] == [
        line.replace(" ", "") for line in lines
    ]
    assert read(engine, write(PROSE, space=space, size=26)) == list(PROSE)


@pytest.mark.parametrize("size", [28, 40])
def test_vertical_japanese_keeps_its_marks(engine: Engine, size: int) -> None:
    assert _MARKED.findall("".join(read(engine, write_down(JAPANESE, size=size)))) == _MARKED.findall("".join(JAPANESE))


@pytest.mark.parametrize("turned", [0, 90, 270])
def test_a_page_of_vertical_japanese_is_not_taken_for_one_on_its_side(engine: Engine, turned: int) -> None:
    """A page of level lines that lies on its side is."""
    assert read_page(engine, write_down(JAPANESE, size=32)).rotation == 0
    level = write_level(JAPANESE, size=32).rotate(turned, expand=True)
    assert read_page(engine, level).rotation == turned


def test_wide_gaps_in_vertical_japanese_get_no_marks(engine: Engine) -> None:
    found = "".join(read(engine, write_down(GAPS, size=32)))
    assert found == "".join(GAPS).replace("　", "")
