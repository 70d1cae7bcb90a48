"""The cells of a table before it has its text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell as a table model saw it: its place in the grid, counted from 0, and on the page, in pixels."""

    row: int
    column: int
    left: float
    top: float
    right: float
    bottom: float
    row_span: int = 1
    column_span: int = 1
