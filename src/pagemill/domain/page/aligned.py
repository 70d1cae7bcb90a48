"""Recognises tables without ruling lines by the alignment of their cells. Pure.

```
lines ─▶ parts between wide gaps ─▶ rows ─▶ lanes that run through all rows ─▶ columns ─▶ cells
```
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from pagemill.domain.page.atoms import Atom, atoms_of, box_of
from pagemill.domain.page.geometry import Box, enclosing_polygon, page_slope, typical_size, upright_boxes
from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.page import Block, Line
from pagemill.domain.page.tables import table_of

LEAST_ROWS = 3
LANE = 0.7
"""The narrowest white space between two columns, in heights of the writing."""

CROSSED = 0.1
"""Share of rows that may have something across a lane: headings over several columns."""

LEAST_FILLED = 0.6
"""Share of the places of a table that have text."""

SLACK = 0.8
"""How far an edge may be from the alignment of its column, in heights of the writing."""

LEAST_ALIGNED = 0.7
"""Share of a column's cells that begin, end or are centred at one place."""

LONGEST = 45
"""Highest average number of letters in a cell; more is running text."""

_Row = list[Atom]


def aligned_table(lines: Sequence[Line], *, width_px: int, height_px: int) -> Block | None:
    """The table that these lines form; None if their columns are not clear.

    Args:
        lines: Lines that are close together, in any order.
        width_px: Width of the page.
        height_px: Height of the page.
    """
    rows = rows_of_parts(lines, width_px=width_px, height_px=height_px)
    size = typical_size(atom.box for row in rows for atom in row) if rows else 1.0
    several = [row for row in rows if len(row) > 1]
    if len(several) < LEAST_ROWS or 2 * len(several) < len(rows):
        return None
    columns = _columns(several, size)
    if len(columns) < 2:
        return None
    cells = _cells(rows, columns)
    if not _is_table(cells, columns, rows=len(rows), size=size):
        return None
    parts = {cell: [_line(run) for run in _runs(atoms)] for cell, atoms in cells.items()}
    return table_of(_complete(list(cells), len(rows), len(columns)), parts, polygon=enclosing_polygon(lines))


def rows_of_parts(lines: Sequence[Line], *, width_px: int, height_px: int) -> list[_Row]:
    """Visual rows from the top, each of the parts of its lines between wide gaps; without upended lines."""
    slope = page_slope(lines)
    boxes = upright_boxes(lines, width_px=width_px, height_px=height_px, slope=slope)
    level = [box for box in boxes if not box.is_upended]
    if not level:
        return []
    atoms = atoms_of(level, slope=slope, size=typical_size(level))
    rows: list[_Row] = []
    for atom in sorted(atoms, key=lambda atom: (atom.y0 + atom.y1, atom.x0)):
        if rows and _share_row(rows[-1][-1], atom):
            rows[-1].append(atom)
        else:
            rows.append([atom])
    for row in rows:
        row.sort(key=lambda atom: atom.x0)
    return rows


def mean_letters(lines: Sequence[Line], *, width_px: int, height_px: int) -> float:
    """Average number of letters in the parts of lines between wide gaps."""
    rows = rows_of_parts(lines, width_px=width_px, height_px=height_px)
    letters = [len(atom.text) for row in rows for atom in row]
    return sum(letters) / len(letters) if letters else 0.0


def _share_row(one: Atom, other: Atom) -> bool:
    shared = min(one.y1, other.y1) - max(one.y0, other.y0)
    return shared > 0.5 * min(one.y1 - one.y0, other.y1 - other.y0)


def _columns(rows: Sequence[_Row], size: float) -> list[tuple[float, float]]:
    """The left and right bound of each column; between columns are lanes that hardly any row crosses."""
    most = int(CROSSED * len(rows))
    ends = sorted(
        (edge, step) for row in rows for left, right in _cover_of(row) for edge, step in ((left, 1), (right, -1))
    )
    lanes: list[tuple[float, float]] = []
    covered, start = 0, None
    for edge, step in ends:
        before, covered = covered, covered + step
        if before > most >= covered:
            start = edge
        elif before <= most < covered and start is not None and edge - start >= LANE * size:
            lanes.append((start, edge))
    bounds = [float("-inf"), *((left + right) / 2 for left, right in lanes), float("inf")]
    return list(pairwise(bounds))


def _cover_of(row: _Row) -> Iterator[tuple[float, float]]:
    """The spans that a row covers, from left to right, without overlaps."""
    reach = float("-inf")
    for atom in row:
        if atom.x1 > reach:
            yield max(atom.x0, reach), atom.x1
            reach = atom.x1


def _cells(rows: Sequence[_Row], columns: Sequence[tuple[float, float]]) -> dict[GridCell, list[Atom]]:
    """The cells that have text, and their parts."""
    cells: dict[GridCell, list[Atom]] = {}
    for number, row in enumerate(rows):
        top, bottom = min(atom.y0 for atom in row), max(atom.y1 for atom in row)
        at: dict[tuple[int, int], list[Atom]] = {}
        for atom in row:
            first, last = _place(atom, columns)
            overlapping = next((key for key in at if key[0] <= last and first <= key[1]), None)
            held = at.pop(overlapping) if overlapping else []
            key = (min(first, overlapping[0]), max(last, overlapping[1])) if overlapping else (first, last)
            at[key] = [*held, atom]
        for (first, last), atoms in sorted(at.items()):
            left, right = min(atom.x0 for atom in atoms), max(atom.x1 for atom in atoms)
            cells[GridCell(number, first, left, top, right, bottom, column_span=last - first + 1)] = atoms
    return cells


def _place(atom: Atom, columns: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """The first and the last column of a part."""
    slack = 0.2 * (atom.y1 - atom.y0)
    held = [at for at, (left, right) in enumerate(columns) if atom.x1 - slack > left and atom.x0 + slack < right]
    return held[0], held[-1]


def _is_table(
    cells: dict[GridCell, list[Atom]], columns: Sequence[tuple[float, float]], *, rows: int, size: float
) -> bool:
    """Whether cells are short, fill their places and are aligned in every column."""
    filled = sum(cell.column_span for cell in cells)
    letters = sum(len(atom.text) for atoms in cells.values() for atom in atoms)
    if filled < LEAST_FILLED * rows * len(columns) or letters > LONGEST * len(cells):
        return False
    held = [[cell for cell in cells if cell.column == at and cell.column_span == 1] for at in range(len(columns))]
    if not all(len(column) >= LEAST_ROWS - 1 and _is_aligned(column, SLACK * size) for column in held):
        return False
    return len(columns) > 2 or any(_is_numeric(cells[cell] for cell in column) for column in held)


def _is_aligned(cells: Sequence[GridCell], slack: float) -> bool:
    """Whether most of a column's cells begin, end or are centred at one place."""
    edges = (
        [cell.left for cell in cells],
        [cell.right for cell in cells],
        [(cell.left + cell.right) / 2 for cell in cells],
    )
    return any(
        sum(abs(edge - median(found)) <= slack for edge in found) >= LEAST_ALIGNED * len(found) for found in edges
    )


def _is_numeric(cells: Iterator[list[Atom]]) -> bool:
    """Whether most cells of a column are numbers: two columns of words may be anything."""
    texts = ["".join(atom.text for atom in atoms) for atoms in cells]
    numbers = sum(2 * sum(map(str.isdigit, text)) >= len(text.strip()) for text in texts)
    return numbers >= LEAST_ALIGNED * len(texts)


def _runs(atoms: Sequence[Atom]) -> Iterator[list[Atom]]:
    """Parts of one line that follow each other."""
    run: list[Atom] = []
    for atom in atoms:
        if run and not (run[-1].box is atom.box and run[-1].end == atom.start):
            yield run
            run = []
        run.append(atom)
    if run:
        yield run


def _line(run: Sequence[Atom]) -> Line:
    box: Box = box_of(run)
    return box.line


def _complete(filled: Sequence[GridCell], rows: int, columns: int) -> list[GridCell]:
    """These cells, and an empty one for every place without a cell, in row order."""
    taken = {(cell.row, cell.column + across) for cell in filled for across in range(cell.column_span)}
    empty = (
        GridCell(row, column, 0.0, 0.0, 0.0, 0.0)
        for row in range(rows)
        for column in range(columns)
        if (row, column) not in taken
    )
    return sorted([*filled, *empty], key=lambda cell: (cell.row, cell.column))
