"""Pages made by script, such as an office scans, with their true text.

Fonts are those that come with Pillow (Latin) and OpenCV (Chinese), so that every machine makes the same pages.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

DPI = 200
_A4 = (1654, 2339)
_PAPER = 248
_VOCABULARY = """
    the of and to in is that for it as with was on be by this are from at which an have not has but all were they
    their one can we there been if more when will would who so no out up said what its about than into them some
    could time these two may then do first any my now such like other how our over man even most after also through
    year years where much before right too means work long people between each under water order state system
    program number government company service interest development important national business public general
    education community university agreement department information production international responsibility
    memory queue worker budget invoice delivery shipment balance quarter margin revenue forecast committee statement
    illustration parallel bookkeeping villages pillow office traffic efficient allocation accommodation
"""
WORDS = _VOCABULARY.split()
_CHINESE = (
    "文档识别服务把扫描的页面变成可以搜索的文字",
    "每一个任务都有自己的内存预算和运行记录",
    "系统根据可用内存决定同时处理多少页面",
    "模型在空闲一段时间以后会自动卸载",
    "合同编号日期金额以及双方的地址和电话",
    "北京上海广州深圳杭州成都武汉西安",
    "公司于本季度完成了全部订单的交付工作",
    "如有问题请在七个工作日内与我们联系",
    "本报告由财务部门编制并经董事会审核批准",
)


@dataclass(frozen=True)
class SamplePage:
    """A page image with its true text in reading order."""

    name: str
    image: Image.Image
    text: str


@dataclass
class Sheet:
    """Paper in the making; `lines` is what was written on it, in reading order."""

    size: tuple[int, int]
    chance: random.Random
    image: Image.Image = field(init=False)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = Image.new("L", self.size, _PAPER)

    def write(self, x: int, y: int, text: str, *, points: float) -> None:
        """Put one line of Latin text down, its top left corner at (x, y)."""
        ImageDraw.Draw(self.image).text((x, y), text, fill=25, font=_font(points))
        self.lines.append(text)

    def write_chinese(self, x: int, y: int, text: str, *, points: float) -> None:
        """The same for Chinese and mixed text."""
        pixels = np.array(self.image)
        size = _pixels(points)
        cv2.putText(pixels, text, (x, y + size), (25,), cv2.FontFace("uni"), size)
        self.image = Image.fromarray(pixels)
        self.lines.append(text)

    def sentence(self, width: int, *, points: float) -> str:
        """Words that fill a line of that width."""
        font, words = _font(points), [self.word()]
        while font.getlength(" ".join([*words, extra := self.word()])) < width:
            words.append(extra)
        return " ".join(words)

    def word(self) -> str:
        """A word, now and then a number, sometimes with a capital or a comma."""
        if self.chance.random() < 0.08:
            return f"{self.chance.uniform(1, 9999):,.2f}"
        word = self.chance.choice(WORDS)
        return self.chance.choice((word, word, word, word.capitalize(), word + ","))


def _letter(sheet: Sheet) -> None:
    paragraphs(sheet, 200, 220, 1250, 11, rows=38)


def _report(sheet: Sheet) -> None:
    sheet.write(160, 150, "Quarterly statement of the committee", points=18)
    paragraphs(sheet, 160, 260, 1330, 9, rows=52)


def _two_columns(sheet: Sheet) -> None:
    sheet.write(160, 150, "Two columns of running text", points=16)
    paragraphs(sheet, 160, 260, 620, 9, rows=52)
    paragraphs(sheet, 880, 260, 620, 9, rows=52)


def _invoice(sheet: Sheet) -> None:
    sheet.write(150, 150, "Invoice 2026-0417", points=20)
    paragraphs(sheet, 150, 300, 500, 10, rows=4)
    for row in range(24):
        y = 620 + row * 62
        cells = (str(row + 1), sheet.sentence(600, points=10), f"{sheet.chance.randint(1, 40)} pcs", _amount(sheet))
        for x, cell in zip((150, 250, 1000, 1280), cells, strict=True):
            sheet.write(x, y, cell, points=10)


def _receipt(sheet: Sheet) -> None:
    for row in range(4):
        sheet.write(110, 60 + row * 40, sheet.sentence(330, points=9).upper(), points=9)
    for row in range(22):
        y = 260 + row * 42
        sheet.write(40, y, sheet.sentence(260, points=8).upper(), points=8)
        sheet.write(480, y, _amount(sheet), points=8)
    sheet.write(40, 1240, "TOTAL", points=13)
    sheet.write(430, 1240, _amount(sheet), points=13)


def _small_print(sheet: Sheet) -> None:
    paragraphs(sheet, 160, 180, 640, 6, rows=70)
    paragraphs(sheet, 880, 180, 620, 6, rows=70)


def _chinese(sheet: Sheet) -> None:
    sentences = cycle(sheet.chance.sample(_CHINESE, len(_CHINESE)))
    for row, sentence in enumerate(islice(sentences, 30)):
        text = f"{sentence}，{sheet.word()} {sheet.word()}。" if row % 2 else f"{row + 1}. {sentence}。"
        sheet.write_chinese(180, 200 + row * 68, text, points=12)


_LAYOUTS: dict[str, tuple[tuple[int, int], Callable[[Sheet], None]]] = {
    "letter": (_A4, _letter),
    "report": (_A4, _report),
    "two columns": (_A4, _two_columns),
    "invoice": (_A4, _invoice),
    "receipt": ((640, 1400), _receipt),
    "small print": (_A4, _small_print),
    "chinese": (_A4, _chinese),
}


def sample_pages(count: int, *, seed: int = 2026) -> Iterator[SamplePage]:
    """Scans of `count` pages, all layouts in turn, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - test pages, not secrets
    for number, name in enumerate(islice(cycle(_LAYOUTS), count), start=1):
        sheet = compose(name, chance)
        yield SamplePage(f"{number:02} {name}", scan_image(sheet.image, chance), "\n".join(sheet.lines))


def compose(layout: str, chance: random.Random) -> Sheet:
    """A clean sheet of one of the layouts."""
    size, write = _LAYOUTS[layout]
    sheet = Sheet(size, chance)
    write(sheet)
    return sheet


def scan_image(image: Image.Image, chance: random.Random) -> Image.Image:
    """The image as a flatbed scanner returns it: slightly askew, soft and noisy."""
    askew = image.rotate(chance.uniform(-0.7, 0.7), resample=Image.Resampling.BICUBIC, fillcolor=_PAPER)
    soft = np.asarray(askew.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    noise = np.random.default_rng(chance.randrange(2**32)).normal(0, 5, soft.shape)
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8)).convert("RGB")


def paragraphs(sheet: Sheet, x: int, y: int, width: int, points: float, *, rows: int) -> None:
    """Write `rows` lines of running text below each other, each as long as `width` allows."""
    leading = math.ceil(_pixels(points) * 1.5)
    for row in range(rows):
        sheet.write(x, y + row * leading, sheet.sentence(width, points=points), points=points)


def _amount(sheet: Sheet) -> str:
    return f"{sheet.chance.uniform(0.5, 2500):,.2f}"


def _pixels(points: float) -> int:
    return round(points * DPI / 72)


def _font(points: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(_pixels(points))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise SystemExit("Pillow was built without FreeType; install Pillow from its wheel.")
    return font
