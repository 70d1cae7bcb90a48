"""Joins rows to passages: rows that follow each other down one column, whatever is beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pagemill.domain.page.continuity import continuity
from pagemill.domain.page.rows import PlacedRow

SLACK = 0.3
"""The ends of rows are accurate to this much, in heights of the writing."""

WIDEST_BREAK = 1.2
"""White space between rows of one passage, in heights of the writing."""

LINE_BREAK = 0.55
"""White space between lines of a paragraph, in heights of the writing."""

GOES_ON = 1.0
"""The `continuity` above which two rows surely belong to one sentence."""


@dataclass(eq=False, slots=True)
class Passage:
    """Rows from top to bottom, and the rectangle around them, pixels."""

    rows: list[PlacedRow]
    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def of(cls, rows: list[PlacedRow]) -> "Passage":
        """A passage from rows in order; at least one."""
        return cls(
            rows,
            min(row.x0 for row in rows),
            min(row.y0 for row in rows),
            max(row.x1 for row in rows),
            max(row.y1 for row in rows),
        )

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Extent along y."""
        return self.y1 - self.y0

    @property
    def first_text(self) -> str:
        """The beginning of its text."""
        return self.rows[0].boxes[0].line.text

    @property
    def last_text(self) -> str:
        """The end of its text."""
        return self.rows[-1].boxes[-1].line.text


def passages_of(rows: Iterable[PlacedRow], size: float) -> list[Passage]:
    """Put every row into one passage; `size` is the height of the writing, pixels.

    A row continues in the row below it if each is the other's only neighbour. Among several neighbours, the two must be
    the only ones that are a line apart and share an edge, and the sentence must continue or the others have another
    size. So a column continues past a quotation that it runs around.
    """
    from_top = sorted(rows, key=_twice_middle)
    seen = _Skyline(from_top, SLACK * size)
    found: list[Passage] = []
    taken: set[int] = set()
    for row in from_top:
        if id(row) in taken:
            continue
        run = [row]
        while (following := seen.find_following(run[-1], size)) is not None and id(following) not in taken:
            taken.add(id(following))
            run.append(following)
        found.append(Passage.of(run))
    return found


def _twice_middle(row: PlacedRow) -> float:
    return row.y0 + row.y1


class _Skyline:
    """The rows that each row faces directly above and directly below, with no other row between."""

    def __init__(self, from_top: Sequence[PlacedRow], slack: float) -> None:
        self._above: dict[int, list[PlacedRow]] = {}
        self._below: dict[int, list[PlacedRow]] = {id(row): [] for row in from_top}
        self._line: list[tuple[float, float, PlacedRow]] = []
        for row in from_top:
            covered = self._cover(row, slack)
            hidden = {id(over) for other in covered for over in self._above[id(other)]}
            self._above[id(row)] = seen = [other for other in covered if id(other) not in hidden]
            for other in seen:
                self._below[id(other)].append(row)

    def _cover(self, row: PlacedRow, slack: float) -> list[PlacedRow]:
        """Add the row, and return the rows that it hides from rows further down."""
        left, right = row.x0 + slack, row.x1 - slack
        if right <= left:
            left = right = (row.x0 + row.x1) / 2
        line, seen = [(left, right, row)], []
        for x0, x1, other in self._line:
            if x0 >= right or x1 <= left:
                line.append((x0, x1, other))
                continue
            if other not in seen:
                seen.append(other)
            if x0 < row.x0 - slack:
                line.append((x0, row.x0, other))
            if x1 > row.x1 + slack:
                line.append((row.x1, x1, other))
        self._line = line
        return seen

    def find_following(self, row: PlacedRow, size: float) -> PlacedRow | None:
        """The row in which this row continues."""
        below = self._below[id(row)]
        fitting = [other for other in below if _hang_together(row, other, size)]
        if len(below) > 1:
            fitting = [other for other in fitting if _is_next_line(row, other)]
        if len(fitting) != 1:
            return None
        following = fitting[0]
        above = self._above[id(following)]
        if len(above) > 1 and [other for other in above if _is_next_line(other, following)] != [row]:
            return None
        rivals = [other for other in (*below, *above) if other is not row and other is not following]
        return following if all(_runs_past(row, following, rival) for rival in rivals) else None


def _runs_past(above: PlacedRow, below: PlacedRow, rival: PlacedRow) -> bool:
    """Whether the text is of another kind than the text beside it, or continues in mid-sentence."""
    small, large = sorted((below.size, rival.size))
    return large > 1.2 * small or continuity(above.boxes[-1].line.text, below.boxes[0].line.text) >= GOES_ON


def _hang_together(above: PlacedRow, below: PlacedRow, size: float) -> bool:
    small, large = sorted((above.size, below.size))
    return below.y0 - above.y1 < WIDEST_BREAK * max(size, small) and large < 1.35 * small


def _is_next_line(above: PlacedRow, below: PlacedRow) -> bool:
    """Whether it is at the distance of a line, and begins, ends or is centred like the line above."""
    small, large = sorted((above.size, below.size))
    left, right = abs(above.x0 - below.x0), abs(above.x1 - below.x1)
    middle = abs(above.x0 + above.x1 - below.x0 - below.x1) / 2
    return below.y0 - above.y1 < LINE_BREAK * small and large < 1.25 * small and min(left, right, middle) < 1.5 * small
