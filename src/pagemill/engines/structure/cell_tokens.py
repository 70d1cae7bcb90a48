"""Decodes the output of a SLANet network: tokens of a table's HTML, and a box where one opens a cell. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pagemill.domain.page.grid import GridCell

_ROW = "<tr>"
_BARE, _WHOLE = "<td>", "<td></td>"
_OPENS, _CLOSES = "<td", "</td>"
_ROWS, _COLUMNS = " rowspan=", " colspan="

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the network.

    Attributes:
        token: A piece of HTML: `<tr>`, `<td></td>`, or `<td`, ` colspan="2"`, `>` and `</td>`.
        box: The cell, if the token opens one.
    """

    token: str
    box: Box


def vocabulary(named: Sequence[str]) -> list[str]:
    """The tokens by the network's numbers, made from those that it names.

    PaddleOCR trains it with a single token for a cell without spans, in the place of `<td>`, and with marks for start
    and end around the list.
    """
    tokens = [name for name in named if name != _BARE]
    return ["", *tokens, *([] if _WHOLE in tokens else [_WHOLE]), ""]


def cells_of(steps: Iterable[Step]) -> list[GridCell]:
    """The cells of the table, with boxes in shares of the picture. Cells move to the next free place of their row."""
    cells: list[GridCell] = []
    taken: set[tuple[int, int]] = set()
    row = -1
    opened: GridCell | None = None
    for step in steps:
        if step.token == _ROW:
            row += 1
        elif step.token in (_WHOLE, _OPENS):
            opened = GridCell(max(0, row), 0, *step.box)
        elif opened is not None:
            opened = _with_span(opened, step.token)
        if opened is not None and step.token in (_WHOLE, _CLOSES):
            cells.append(_place(opened, taken))
            opened = None
    return cells


def _with_span(cell: GridCell, token: str) -> GridCell:
    if token.startswith(_ROWS):
        return replace(cell, row_span=_number(token))
    return replace(cell, column_span=_number(token)) if token.startswith(_COLUMNS) else cell


def _number(token: str) -> int:
    return int(token.partition('"')[2].rstrip('"'))


def _place(cell: GridCell, taken: set[tuple[int, int]]) -> GridCell:
    """The cell in the first free column of its row."""
    column = 0
    while (cell.row, column) in taken:
        column += 1
    taken.update(
        (cell.row + down, column + across) for down in range(cell.row_span) for across in range(cell.column_span)
    )
    return replace(cell, column=column)
