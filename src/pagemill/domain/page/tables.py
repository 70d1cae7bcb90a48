"""Turns the cells that a table model saw, and the lines in them, into a table. Pure.

The model says where rows and columns are and which cells span several. The words show what is really there: each goes
to the cell around it, and a line that runs through several cells is split between them. Empty rows and columns at the
edges, which models tend to add, are dropped. Cells make no table if words are outside them, if they split lines at
ordinary spaces, or if they hold running text (`domain.page.belief`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, takewhile

from pagemill.domain.page.belief import is_running_text, is_torn
from pagemill.domain.page.cell_rows import split_rows
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.page import Block, BlockKind, Line, Polygon, Table, TableCell, Word

_MOST_STRAY = 0.15
"""Share of words that may be well outside all cells; with more, the model has not seen the whole table."""

_MOST_TORN = 0.1
"""Share of lines that cells may split at ordinary spaces."""

_STRAY = 1.5
"""A word this far from the nearest cell is outside, in heights of the writing."""


def table_block(cells: Sequence[GridCell], lines: Sequence[Line], *, polygon: Polygon) -> Block | None:
    """The table of these lines; None if the cells form no table, or not the table of these lines.

    Args:
        cells: As the model saw them.
        lines: All lines of the table, in reading order.
        polygon: The table's outline.
    """
    cells = _separate_cells(cells)
    parts: defaultdict[GridCell, list[Line]] = defaultdict(list)
    stray = torn = 0
    for line in lines if cells else ():
        pieces = list(_part_line(line, cells))
        for cell, part, is_stray in pieces:
            parts[cell].append(part)
            stray += is_stray
        torn += any(is_torn(before, after) for (_, before, _), (_, after, _) in pairwise(pieces))
    if not parts or stray > _MOST_STRAY * sum(map(len, parts.values())) or torn > _MOST_TORN * len(lines):
        return None
    if is_running_text(parts.values(), polygon):
        return None
    return table_of(*split_rows(cells, parts), polygon=polygon)


def table_of(cells: Sequence[GridCell], parts: Mapping[GridCell, Sequence[Line]], *, polygon: Polygon) -> Block | None:
    """The table of these cells and the lines in each; None if it has fewer than two rows or columns."""
    return _block(_without_empty_edges(cells, parts.keys()), parts, polygon)


def _separate_cells(cells: Sequence[GridCell]) -> list[GridCell]:
    """The cells, with spans cut so that no two overlap; cells without a free place are dropped."""
    taken: set[tuple[int, int]] = set()
    kept: list[GridCell] = []
    for cell in cells:
        columns = _count_free(((cell.row, cell.column + at) for at in range(cell.column_span)), taken)
        rows = _count_free(((cell.row + at, cell.column) for at in range(cell.row_span)), taken)
        while any(place in taken for place in _places(cell, rows, columns)):
            rows -= 1
        if rows and columns:
            taken.update(_places(cell, rows, columns))
            kept.append(replace(cell, row_span=rows, column_span=columns))
    return kept


def _count_free(places: Iterable[tuple[int, int]], taken: set[tuple[int, int]]) -> int:
    """How many of the places, from the first on, are free."""
    return sum(1 for _ in takewhile(lambda place: place not in taken, places))


def _places(cell: GridCell, rows: int, columns: int) -> list[tuple[int, int]]:
    return [(cell.row + down, cell.column + across) for down in range(rows) for across in range(columns)]


def _part_line(line: Line, cells: Sequence[GridCell]) -> Iterator[tuple[GridCell, Line, bool]]:
    """Split the line between the cells it passes through, and say whether each part lies outside all cells."""
    words = line.words or (Word(text=line.text, polygon=line.polygon, confidence=line.confidence),)
    placed = [(*_find_nearest(word.polygon, cells), word) for word in words]
    position = 0
    for cell, run in groupby(placed, key=lambda each: each[0]):
        near = list(run)
        part = tuple(word for _, _, word in near)
        text, position = _text_of(line.text, part, position)
        cut = line if len(part) == len(words) else _cut(line, part, text)
        yield cell, cut, all(distance > _STRAY for _, distance, _ in near)


def _cut(line: Line, words: tuple[Word, ...], text: str) -> Line:
    known = [word.confidence for word in words if word.confidence is not None]
    outline = enclosing_polygon(Line(text=word.text, polygon=word.polygon) for word in words)
    confidence = sum(known) / len(known) if known else line.confidence
    return Line(text=text, polygon=outline, confidence=confidence, words=words)


def _text_of(text: str, words: Sequence[Word], position: int) -> tuple[str, int]:
    """The part of a line's text from the first of these words to the last, and where it ends."""
    start = end = -1
    for word in words:
        found = text.find(word.text, position)
        if found < 0:
            return " ".join(word.text for word in words), position
        start = found if start < 0 else start
        end = position = found + len(word.text)
    return text[start:end], position


def _find_nearest(polygon: Polygon, cells: Sequence[GridCell]) -> tuple[GridCell, float]:
    """The cell that holds most of the word, or else the nearest one; and its distance in heights of the word."""
    left, top, right, bottom = _bounds(polygon)
    height = max(1.0, min(bottom - top, right - left))

    def overlap(cell: GridCell) -> float:
        width = min(right, cell.right) - max(left, cell.left)
        return max(0.0, width) * max(0.0, min(bottom, cell.bottom) - max(top, cell.top))

    def distance(cell: GridCell) -> float:
        x, y = (left + right) / 2, (top + bottom) / 2
        across = max(cell.left - x, x - cell.right, 0.0)
        down = max(cell.top - y, y - cell.bottom, 0.0)
        return across + down

    best = max(cells, key=lambda cell: (overlap(cell), -distance(cell)))
    return best, 0.0 if overlap(best) else distance(best) / height


def _bounds(polygon: Polygon) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)


def _without_empty_edges(cells: Sequence[GridCell], filled: Iterable[GridCell]) -> dict[GridCell, GridCell]:
    """Each remaining cell, with its place after dropping empty rows and columns at the edges."""
    filled = list(filled)
    top, bottom = min(cell.row for cell in filled), max(cell.row + cell.row_span for cell in filled)
    left, right = min(cell.column for cell in filled), max(cell.column + cell.column_span for cell in filled)
    kept: dict[GridCell, GridCell] = {}
    for cell in cells:
        row, last_row = max(cell.row, top), min(cell.row + cell.row_span, bottom)
        column, last_column = max(cell.column, left), min(cell.column + cell.column_span, right)
        if row < last_row and column < last_column:
            kept[cell] = replace(
                cell,
                row=row - top,
                column=column - left,
                row_span=last_row - row,
                column_span=last_column - column,
            )
    return kept


def _block(
    kept: Mapping[GridCell, GridCell], parts: Mapping[GridCell, Sequence[Line]], polygon: Polygon
) -> Block | None:
    rows = max(cell.row + cell.row_span for cell in kept.values())
    columns = max(cell.column + cell.column_span for cell in kept.values())
    if rows < 2 or columns < 2:
        return None
    lines: list[Line] = []
    made: list[TableCell] = []
    for seen, cell in sorted(kept.items(), key=lambda pair: (pair[1].row, pair[1].column)):
        held = parts.get(seen, ())
        made.append(_cell(cell, held, first=len(lines)))
        lines += held
    table = Table(rows=rows, columns=columns, cells=tuple(made))
    return Block(polygon=polygon, lines=tuple(lines), kind=BlockKind.TABLE, table=table)


def _cell(cell: GridCell, lines: Sequence[Line], *, first: int) -> TableCell:
    return TableCell(
        row=cell.row,
        column=cell.column,
        row_span=cell.row_span,
        column_span=cell.column_span,
        lines=tuple(range(first, first + len(lines))),
        text=" ".join(line.text for line in lines),
    )
