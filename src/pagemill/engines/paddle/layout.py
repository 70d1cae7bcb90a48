"""Converts regions and tables of PP-StructureV3 to our form. Pure: it takes plain values from results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.layout import Region
from pagemill.domain.page.page import BlockKind

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; pixels of the page."""

_KINDS = {
    "doc_title": BlockKind.TITLE,
    "paragraph_title": BlockKind.TITLE,
    "abstract_title": BlockKind.TITLE,
    "reference_title": BlockKind.TITLE,
    "content_title": BlockKind.TITLE,
    "table": BlockKind.TABLE,
    "image": BlockKind.FIGURE,
    "figure": BlockKind.FIGURE,
    "chart": BlockKind.FIGURE,
    "flowchart": BlockKind.FIGURE,
    "seal": BlockKind.FIGURE,
    "figure_title": BlockKind.CAPTION,
    "table_title": BlockKind.CAPTION,
    "chart_title": BlockKind.CAPTION,
    "figure_table_chart_title": BlockKind.CAPTION,
    "header": BlockKind.HEADER,
    "header_image": BlockKind.HEADER,
    "footer": BlockKind.FOOTER,
    "footer_image": BlockKind.FOOTER,
    "footnote": BlockKind.FOOTER,
    "number": BlockKind.PAGE_NUMBER,
}


@dataclass(frozen=True)
class RawTable:
    """A table from PP-StructureV3.

    Attributes:
        html: Its rows and cells with spans.
        boxes: The boxes of its cells, in the order of the HTML.
    """

    html: str
    boxes: Sequence[Box]


def region(label: str, box: Box, score: float) -> Region:
    """A region of the page; unknown kinds of PP-StructureV3 count as text."""
    left, top, right, bottom = box
    return Region(_KINDS.get(label, BlockKind.TEXT), left, top, right, bottom, min(1.0, max(0.0, score)))


def table_cells(table: RawTable) -> list[GridCell]:
    """The table's cells; none if its boxes do not match its HTML."""
    places = list(_places(_spans(table.html)))
    if len(places) != len(table.boxes):
        return []
    return [
        GridCell(row, column, *box, row_span=rows, column_span=columns)
        for (row, column, rows, columns), box in zip(places, table.boxes, strict=True)
    ]


def _places(rows: Sequence[Sequence[tuple[int, int]]]) -> Iterator[tuple[int, int, int, int]]:
    """Row, column and spans of each cell: a cell is in the first column that no cell above reaches into."""
    taken: set[tuple[int, int]] = set()
    for row, cells in enumerate(rows):
        column = 0
        for down, across in cells:
            while (row, column) in taken:
                column += 1
            taken.update((row + below, column + beside) for below in range(down) for beside in range(across))
            yield row, column, down, across
            column += across


def _spans(html: str) -> list[list[tuple[int, int]]]:
    reader = _TableReader()
    reader.feed(html)
    return reader.rows


class _TableReader(HTMLParser):
    """Collects the row and column span of every cell, by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[tuple[int, int]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            said = dict(attrs)
            self.rows[-1].append((_span(said.get("rowspan")), _span(said.get("colspan"))))


def _span(said: str | None) -> int:
    return max(1, min(1000, int(said))) if said is not None and said.isdecimal() else 1
