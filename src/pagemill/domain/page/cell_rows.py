"""Splits a row of a table if the model mistook several rows for one. Pure.

A row of the grid is really several rows if its cells hold lines at the same heights and these lines do not wrap: they
are numbers, or as far apart as the table's other rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from pagemill.domain.page.grid import GridCell
from pagemill.domain.page.page import Line

Parts = Mapping[GridCell, Sequence[Line]]

_SAME_PITCH = 0.15
_LEAST_PITCH = 1.6
"""Lines that wrap are closer to each other than this, in heights of the writing."""


def split_rows(cells: Sequence[GridCell], parts: Parts) -> tuple[list[GridCell], dict[GridCell, Sequence[Line]]]:
    """The cells and their lines, with one row for each of several rows that the model mistook for one."""
    made: list[GridCell] = []
    filled: dict[GridCell, Sequence[Line]] = {}
    counts = {row: _levels(row, cells, parts) for row in sorted({cell.row for cell in cells})}
    for cell in cells:
        levels = counts[cell.row]
        before = sum(len(counts[row]) - 1 for row in counts if row < cell.row)
        if len(levels) > 1 and cell.row_span == 1:
            for at, (top, bottom) in enumerate(levels):
                one = replace(cell, row=cell.row + before + at, top=top, bottom=bottom)
                made.append(one)
                if held := [line for line in parts.get(cell, ()) if top <= _middle(line) < bottom]:
                    filled[one] = held
        else:
            more = sum(len(counts.get(row, [()])) - 1 for row in range(cell.row, cell.row + cell.row_span))
            one = replace(cell, row=cell.row + before, row_span=cell.row_span + more)
            made.append(one)
            if cell in parts:
                filled[one] = parts[cell]
    return made, filled


_Level = tuple[float, float]


def _levels(row: int, cells: Sequence[GridCell], parts: Parts) -> list[_Level]:
    """Top and bottom of each real row in this row of the grid, which may be only one."""
    own = [cell for cell in cells if cell.row == row and cell.row_span == 1]
    whole = (min((cell.top for cell in own), default=0.0), max((cell.bottom for cell in own), default=0.0))
    held = [parts[cell] for cell in own if cell in parts]
    lines = sorted((line for lines in held for line in lines), key=_middle)
    if len(held) < 2 or len(lines) < 4 or any(_runs_over(row, cell) for cell in cells):
        return [whole]
    levels = list(_clusters(lines))
    if len(levels) < 2 or not all(_fills(lines, levels) for lines in held):
        return [whole]
    if not (_has_numbers(held, levels) or _are_as_far_apart_as_rows(levels, cells, parts)):
        return [whole]
    middles = [median(map(_middle, level)) for level in levels]
    edges = [float("-inf"), *((above + below) / 2 for above, below in pairwise(middles)), float("inf")]
    return list(pairwise(edges))


def _runs_over(row: int, cell: GridCell) -> bool:
    """Whether a cell of another row reaches into this one: then it is not known which of its rows it belongs to."""
    return cell.row_span > 1 and cell.row < row < cell.row + cell.row_span


def _clusters(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines at the same height, from the top."""
    level: list[Line] = []
    for line in lines:
        if level and _middle(line) - _middle(level[-1]) > 0.5 * min(_height(line), _height(level[-1])):
            yield level
            level = []
        level.append(line)
    if level:
        yield level


def _fills(lines: Sequence[Line], levels: Sequence[Sequence[Line]]) -> bool:
    """Whether a cell has something at each height."""
    return all(any(line is other for line in lines for other in level) for level in levels)


def _has_numbers(held: Sequence[Sequence[Line]], levels: Sequence[Sequence[Line]]) -> bool:
    return any(len(lines) == len(levels) and all(_is_number(line.text) for line in lines) for lines in held)


def _is_number(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return digits > 0 and digits >= sum(letter.isalpha() for letter in text)


def _are_as_far_apart_as_rows(levels: Sequence[Sequence[Line]], cells: Sequence[GridCell], parts: Parts) -> bool:
    """Whether the lines are as far apart as the table's rows of one line."""
    by_row: dict[int, list[Line]] = {}
    for cell in cells:
        if cell.row_span == 1:
            by_row.setdefault(cell.row, []).extend(parts.get(cell, ()))
    single = {row: _middle(lines[0]) for row, lines in by_row.items() if len(list(_clusters_of(lines))) == 1}
    pitches = [single[row + 1] - single[row] for row in single if row + 1 in single]
    if len(pitches) < 2:
        return False
    usual, size = median(pitches), median(_height(line) for level in levels for line in level)
    steps = [_middle(below[0]) - _middle(above[0]) for above, below in pairwise(levels)]
    return all(abs(step - usual) < _SAME_PITCH * usual and step > _LEAST_PITCH * size for step in steps)


def _clusters_of(lines: Sequence[Line]) -> Iterator[list[Line]]:
    return _clusters(sorted(lines, key=_middle))


def _middle(line: Line) -> float:
    ys = [y for _, y in line.polygon]
    return (min(ys) + max(ys)) / 2


def _height(line: Line) -> float:
    ys = [y for _, y in line.polygon]
    return max(ys) - min(ys)
