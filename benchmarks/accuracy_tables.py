"""Tables on generated pages: is each grid right, and is any page worse with structure than without?

Part `tables` of `python -m benchmarks.accuracy`. Pages are drawn with their true lines, so that recognition plays no
part; the layout and table models look at the picture. An error is silent if the page has no warning.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.scoring import edit_distance
from PIL import Image, ImageDraw, ImageFont
from tests.data.tables import Cell

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, PageSource, Polygon, Word
from pagemill.domain.page.reading_order import blocks_in_reading_order
from pagemill.domain.work.engine_spec import StructureAnalyser
from pagemill.engines.structure import load

WIDTH, HEIGHT = 1240, 1754
_PAPER, _INK = 250, 20
_WORDS = [
    "Die",
    "Verwaltung",
    "hat",
    "im",
    "Berichtsjahr",
    "alle",
    "Gebäude",
    "geprüft",
    "und",
    "den",
    "Zustand",
    "der",
    "Dächer",
    "in",
    "einer",
    "Liste",
    "erfasst",
    "wobei",
    "sich",
    "zeigte",
    "dass",
    "vor",
    "allem",
    "ältere",
    "Häuser",
    "Mängel",
    "haben",
    "deren",
    "Behebung",
    "in",
    "den",
    "nächsten",
    "Jahren",
    "beträchtliche",
    "Mittel",
    "erfordern",
    "wird",
    "während",
    "neuere",
    "Bauten",
    "kaum",
    "Aufwand",
    "verursachen",
]
_NAMES = [
    "Sales",
    "Research",
    "Workshop",
    "Stores",
    "Archive",
    "Harbour",
    "Kitchen",
    "Garden",
    "Office",
    "Legal",
    "Fleet",
    "Press",
    "Tower",
    "Dock",
]


@dataclass
class TableSheet:
    """A page in the making: its picture, its lines in reading order, and the grids of its tables."""

    chance: random.Random
    image: Image.Image = field(default_factory=lambda: Image.new("L", (WIDTH, HEIGHT), _PAPER))
    lines: list[Line] = field(default_factory=list)
    grids: list[list[list[str]]] = field(default_factory=list)

    def write(self, text: str, x: float, y: float, *, size: int = 24) -> float:
        """Put a line down; return where it ends."""
        font = ImageFont.load_default(size)
        ImageDraw.Draw(self.image).text((x, y), text, fill=_INK, font=font)
        words, at = [], x
        for part in text.split():
            right = at + font.getlength(part)
            words.append(Word(text=part, polygon=_box(at, y, right, y + 1.2 * size), confidence=0.9))
            at = right + font.getlength(" ")
        right = words[-1].polygon[1][0]
        self.lines.append(
            Line(text=text, polygon=_box(x, y, right, y + 1.2 * size), confidence=0.9, words=tuple(words))
        )
        return right

    def prose(self, x: float, y: float, width: float, rows: int, *, size: int = 24) -> float:
        """Running text; return where it ends."""
        font = ImageFont.load_default(size)
        for _ in range(rows):
            words: list[str] = []
            while font.getlength(" ".join(words)) < width - 120:
                words.append(self.chance.choice(_WORDS))
            self.write(" ".join(words), x, y, size=size)
            y += 1.5 * size
        return y

    def table(self, x: float, y: float, *, rows: int, widths: Sequence[int], pitch: int, ruled: bool) -> float:
        """A table with a head, names in the first column and numbers in the others; return where it ends."""
        size = 22
        head = ["Department", *(str(2019 + at) for at in range(len(widths) - 1))]
        grid = [head, *([self.chance.choice(_NAMES), *self._numbers(len(widths) - 1)] for _ in range(rows - 1))]
        draw = ImageDraw.Draw(self.image)
        for at, row in enumerate(grid):
            left, top = x, y + at * pitch
            for text, width in zip(row, widths, strict=True):
                if ruled:
                    draw.rectangle((left, top, left + width, top + pitch), outline=_INK, width=2)
                self.write(text, left + 14, top + (pitch - 1.2 * size) / 2, size=size)
                left += width
        self.grids.append(grid)
        return y + rows * pitch

    def draw_spanned(self, x: float, y: float, cells: Sequence[Cell], *, widths: Sequence[int], pitch: int) -> None:
        """A ruled table of cells, some of which cover several places."""
        size, edges = 22, [x + sum(widths[:at]) for at in range(len(widths) + 1)]
        draw = ImageDraw.Draw(self.image)
        grid = [[""] * len(widths) for _ in range(max(cell.row + cell.row_span for cell in cells))]
        for cell in cells:
            left, right = edges[cell.column], edges[cell.column + cell.column_span]
            top, bottom = y + cell.row * pitch, y + (cell.row + cell.row_span) * pitch
            draw.rectangle((left, top, right, bottom), outline=_INK, width=2)
            grid[cell.row][cell.column] = cell.text
            if cell.text:
                self.write(cell.text, left + 14, (top + bottom) / 2 - 0.6 * size, size=size)
        self.grids.append(grid)

    def _numbers(self, count: int) -> Iterator[str]:
        return (
            f"{self.chance.uniform(0, 1):.3f}" if count > 3 else f"{self.chance.uniform(1, 9999):,.2f}"
            for _ in range(count)
        )

    def page(self) -> Page:
        """The page as a perfect engine reads it."""
        blocks = blocks_in_reading_order(self.lines, width_px=WIDTH, height_px=HEIGHT)
        return Page(number=1, width_px=WIDTH, height_px=HEIGHT, dpi=150, source=PageSource.OCR, blocks=blocks)


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _letter(sheet: TableSheet) -> None:
    sheet.write("Bericht der Verwaltung", 120, 110, size=36)
    sheet.prose(120, 220, 1000, 38)


def _two_columns(sheet: TableSheet) -> None:
    for left in (100, 650):
        sheet.prose(left, 160, 490, 40, size=20)


def _narrow_letter(sheet: TableSheet) -> None:
    """Paragraphs with wide spaces, as justified text has them."""
    y = 160.0
    for _ in range(9):
        y = sheet.prose(260, y, 720, 3, size=26) + 40


def _table(ruled: bool, *, rows: tuple[int, int], columns: tuple[int, int], pitch: tuple[int, int]) -> "Maker":
    def write(sheet: TableSheet) -> None:
        count = sheet.chance.randint(*columns)
        widths = [220, *[min(180, 800 // count)] * (count - 1)]
        y = sheet.prose(120, 120, 1000, 6) + 40
        number, step = sheet.chance.randint(*rows), sheet.chance.randint(*pitch)
        y = sheet.table(120, y, rows=number, widths=widths, pitch=step, ruled=ruled) + 40
        sheet.prose(120, y, 1000, 4)

    return write


def _spanned_heads(sheet: TableSheet) -> None:
    """A head of two rows, in which some columns have a common title."""
    chance, columns, rows = sheet.chance, sheet.chance.randint(4, 6), sheet.chance.randint(4, 9)
    cells, at = [Cell(0, 0, "Name", row_span=2)], 1
    while at < columns:
        span = min(chance.choice((1, 2, 2, 3)), columns - at)
        under = [Cell(1, at + below, f"{2020 + at + below}") for below in range(span)]
        cells += [Cell(0, at, "Group", column_span=span), *under] if span > 1 else [Cell(0, at, "Share", row_span=2)]
        at += span
    for row in range(2, rows):
        cells += [Cell(row, 0, chance.choice(_NAMES))]
        cells += [Cell(row, column, f"{chance.uniform(1, 999):.2f}") for column in range(1, columns)]
    _draw_spanned(sheet, cells, columns)


def _grouped_rows(sheet: TableSheet) -> None:
    """Groups of rows with a common title, empty cells, and now and then a sum."""
    chance, columns, row = sheet.chance, sheet.chance.randint(3, 5), 1
    cells = [Cell(0, column, f"Head {column + 1}") for column in range(columns)]
    for group in range(chance.randint(2, 4)):
        rows = chance.randint(1, 3)
        cells += [Cell(row, 0, f"Group {group + 1}", row_span=rows)]
        for at in range(row, row + rows):
            cells += [Cell(at, 1, chance.choice(_NAMES))]
            cells += [
                Cell(at, column, chance.choice(("", f"{chance.uniform(1, 999):.1f}"))) for column in range(2, columns)
            ]
        row += rows
    if chance.random() < 0.5:
        cells += [Cell(row, 0, "Total", column_span=columns - 1), Cell(row, columns - 1, "99.9")]
    _draw_spanned(sheet, cells, columns)


def _draw_spanned(sheet: TableSheet, cells: Sequence[Cell], columns: int) -> None:
    y = sheet.prose(120, 120, 1000, 6) + 40
    sheet.draw_spanned(
        120, y, cells, widths=[200, *[800 // (columns - 1)] * (columns - 1)], pitch=sheet.chance.randint(44, 64)
    )


Maker = Callable[[TableSheet], None]
PLAIN_KINDS: dict[str, Maker] = {
    "letter": _letter,
    "two columns": _two_columns,
    "narrow paragraphs": _narrow_letter,
    "ruled table": _table(True, rows=(4, 10), columns=(3, 5), pitch=(48, 70)),
    "unruled table": _table(False, rows=(4, 12), columns=(3, 5), pitch=(36, 60)),
    "dense table": _table(False, rows=(24, 32), columns=(4, 6), pitch=(30, 36)),
    "dense ruled table": _table(True, rows=(24, 32), columns=(4, 6), pitch=(32, 36)),
}
"""Pages whose tables have no spans, so that alignment alone shows their rows and columns."""

KINDS = {**PLAIN_KINDS, "spans in the head": _spanned_heads, "groups of rows": _grouped_rows}


def make_sheet(kind: str, seed: int) -> TableSheet:
    """A page of a kind."""
    sheet = TableSheet(random.Random(f"{kind} {seed}"))  # noqa: S311 - test pages, not secrets
    KINDS[kind](sheet)
    return sheet


@dataclass
class Tally:
    """Pages of one kind: how many are worse than without structure, or have a wrong grid, without a warning."""

    pages: int = 0
    worse: int = 0
    wrong_grids: int = 0
    silent: int = 0


def check(sheet: TableSheet, analyser: StructureAnalyser, tally: Tally) -> None:
    """Count what is wrong with a page."""
    pixels = np.asarray(sheet.image, dtype=np.uint8)[:, :, None]
    plain = sheet.page()
    page = analyser.find_structure(plain, PageImage(np.ascontiguousarray(pixels).data, WIDTH, HEIGHT, 1, 150))
    truth = "".join("".join(line.text.split()) for line in sheet.lines)
    worse = _errors(page, truth) > _errors(plain, truth)
    grids = [block.table.grid for block in page.blocks if block.table is not None]
    wrong = grids != sheet.grids
    tally.pages += 1
    tally.worse += worse
    tally.wrong_grids += wrong
    tally.silent += (worse or wrong) and not page.warnings


def _errors(page: Page, truth: str) -> int:
    return edit_distance("".join(page.text.split()), truth)


def report(analyser: StructureAnalyser | None = None, *, seeds: int = 10) -> str:
    """The table for an analyser, or for the models that are installed, as Markdown."""
    analyser = analyser or load(threads=2)
    rows = [
        "| pages | worse than without structure | wrong grids | silent errors per 100 pages |",
        "|---|---:|---:|---:|",
    ]
    for kind in KINDS:
        tally = Tally()
        for seed in range(seeds):
            check(make_sheet(kind, seed), analyser, tally)
        rows.append(
            f"| {kind} | {tally.worse} of {tally.pages} | {tally.wrong_grids} "
            f"| {100 * tally.silent / tally.pages:.0f} |"
        )
    return "\n".join(rows)
