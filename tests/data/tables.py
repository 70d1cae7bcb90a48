"""Pages with tables, drawn by script, with what is in every cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.page.page import Line, Polygon, Word

PAPER, INK = 250, 20
SIZE = 26


@dataclass(frozen=True)
class Cell:
    """What is drawn in a place of the grid, and how many places it takes."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1


STAFF = (
    Cell(0, 0, "Department", row_span=2),
    Cell(0, 1, "Staff in 2025", column_span=2),
    Cell(0, 3, "Budget", row_span=2),
    Cell(1, 1, "office"),
    Cell(1, 2, "field"),
    Cell(2, 0, "Sales"),
    Cell(2, 1, "14"),
    Cell(2, 2, "9"),
    Cell(2, 3, "410,500.00"),
    Cell(3, 0, "Research"),
    Cell(3, 1, "22"),
    Cell(3, 2, "3"),
    Cell(3, 3, "1,020,000.00"),
    Cell(4, 0, "Workshop"),
    Cell(4, 1, "5"),
    Cell(4, 2, "31"),
    Cell(4, 3, "377,250.00"),
)
"""A ruled table of five rows and four columns, with spans both ways."""


@dataclass
class TablePage:
    """A page in the making, and the lines that stand on it."""

    image: Image.Image
    lines: list[Line]

    @classmethod
    def blank(cls, width: int = 1240, height: int = 1754) -> "TablePage":
        """An empty sheet of A4 at 150 dpi."""
        return cls(Image.new("L", (width, height), PAPER), [])

    def write(self, text: str, x: int, y: int, *, size: int = SIZE) -> None:
        """Put a line down, its top left corner there."""
        font = ImageFont.load_default(size)
        ImageDraw.Draw(self.image).text((x, y), text, fill=INK, font=font)
        words, at = [], float(x)
        for part in text.split():
            right = at + font.getlength(part)
            words.append(Word(text=part, polygon=_rectangle(at, y, right, y + 1.2 * size), confidence=0.9))
            at = right + font.getlength(" ")
        outline = _rectangle(x, y, words[-1].polygon[1][0], y + 1.2 * size)
        self.lines.append(Line(text=text, polygon=outline, confidence=0.9, words=tuple(words)))

    def draw_table(
        self, cells: Sequence[Cell], x: int, y: int, *, widths: Sequence[int], row_height: int = 64, ruled: bool = True
    ) -> None:
        """Draw a table, its top left corner there; one that is not ruled has lines between its rows only."""
        edges = [x + sum(widths[:column]) for column in range(len(widths) + 1)]
        draw = ImageDraw.Draw(self.image)
        for cell in cells:
            left, right = edges[cell.column], edges[cell.column + cell.column_span]
            top, bottom = y + cell.row * row_height, y + (cell.row + cell.row_span) * row_height
            if ruled:
                draw.rectangle((left, top, right, bottom), outline=INK, width=2)
            elif cell.column == 0:
                draw.line((x, bottom, edges[-1], bottom), fill=INK, width=2)
            self.write(cell.text, left + 16, round((top + bottom) / 2 - 0.6 * SIZE))


def report_page(*, ruled: bool = True) -> TablePage:
    """A heading, two paragraphs, and the table of staff between them."""
    page = TablePage.blank()
    page.write("The year in figures", 120, 130, size=44)
    for row, text in enumerate(BEFORE):
        page.write(text, 120, 250 + 40 * row)
    page.draw_table(STAFF, 120, 560, widths=(280, 200, 200, 280), ruled=ruled)
    for row, text in enumerate(AFTER):
        page.write(text, 120, 980 + 40 * row)
    return page


BEFORE = (
    "Every department has told us how many people it had at the end of the year,",
    "and what they may spend. People who work in two places are counted where they",
    "spend most of their time. Those who were away for more than half of the year",
    "are left out, and so is everybody who was with us for less than a month or so.",
    "The table below gives the figures as they were known by the end of January.",
)
AFTER = (
    "The workshop has grown most, since the old hall could be taken over in spring.",
    "Research has nearly the same number of people as before, but in larger rooms.",
    "All figures of the budget are in thousands, without what was left from before.",
    "They were approved by the committee in its first meeting of the present year.",
)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))
