"""Turns lines into the rows that a person reads: splits lines over two columns, and joins the pieces of a row."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pagemill.domain.page.atoms import Atom, atoms_of, box_of
from pagemill.domain.page.columns import column_lanes, number_lanes, structural_lanes
from pagemill.domain.page.geometry import Box, typical_size
from pagemill.domain.page.lanes import Lane, Pair, Piece, facing_pairs, lanes_between
from pagemill.domain.page.paragraphs import Row

SAME_ROW = 0.5
"""Boxes that share this much of the lower one's height are in one row."""

DRIFTED_ROW = 0.15
"""The same for a number and the piece to its left: on curled paper they drift apart."""

WIDEST_SPACE = 2.5
"""The words of a line in one column are at most this far apart, in heights of the writing."""

WIDEST_INDENT = 3.0
"""Longest gap between a bullet or number and its item, in heights of the writing."""

_MARK = re.compile(r"[•‣◦▪●○■□◆·∙–—*-]|\d{1,3}[.)]|\(?[a-zA-Z][.)]")

Key = tuple[int, int]


@dataclass(eq=False, slots=True)
class PlacedRow:
    """Boxes that are read from left to right, the rectangle around them, and the height of their writing; pixels."""

    boxes: Row
    x0: float
    y0: float
    x1: float
    y1: float
    size: float

    @classmethod
    def of(cls, boxes: Iterable[Box]) -> "PlacedRow":
        """A row from boxes in any order; at least one."""
        row = tuple(sorted(boxes, key=lambda box: (box.x0, box.y0)))
        if len(row) == 1:
            box = row[0]
            return cls(row, box.x0, box.y0, box.x1, box.y1, box.height)
        top, bottom = min(box.y0 for box in row), max(box.y1 for box in row)
        right, size = max(box.x1 for box in row), max(box.height for box in row)
        return cls(row, row[0].x0, top, right, bottom, size)


def placed_rows(boxes: Sequence[Box], *, slope: float | None) -> list[PlacedRow]:
    """The rows of one column, or of cells side by side, in no order.

    Args:
        boxes: Lines, level.
        slope: How the page was turned to make them level; None if lines cannot be split between their words.
    """
    size = typical_size(boxes)
    pieces = _Faced.of([Piece.of([atom]) for atom in atoms_of(boxes, slope=slope, size=size)], size)
    segments = _segments(pieces, size)
    apart = {_key(pair) for lane in column_lanes(segments.lanes, size) for pair in lane.pairs}
    drifting = {_key(pair) for lane in number_lanes(segments.lanes, size) for pair in lane.pairs} - apart

    def joins(pair: Pair) -> bool:
        least = DRIFTED_ROW if _key(pair) in drifting else SAME_ROW
        return _key(pair) not in apart and pair.left.shared_height(pair.right) > least

    rows = _join_pieces(segments.pieces, segments.pairs, joins)
    return [PlacedRow.of(_boxes(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class _Faced:
    """Pieces, the pairs that face each other, and the lanes between them."""

    pieces: Sequence[Piece]
    pairs: Sequence[Pair]
    lanes: Sequence[Lane]

    @classmethod
    def of(cls, pieces: Sequence[Piece], size: float) -> "_Faced":
        pairs = facing_pairs(pieces)
        return cls(pieces, pairs, lanes_between(pieces, pairs, size=size))


def _segments(faced: _Faced, size: float) -> _Faced:
    """Join pieces across gaps that are only word spaces, and bullets with their items."""
    apart = {_key(pair) for lane in structural_lanes(faced.lanes, size) for pair in lane.pairs}

    def is_space(pair: Pair) -> bool:
        own, gap = min(pair.left.height, pair.right.height), pair.gap
        if gap < WIDEST_INDENT * size and _MARK.fullmatch(pair.left.text):
            return pair.left.shared_height(pair.right) > SAME_ROW
        is_large = own > 1.35 * size and gap < 0.9 * own
        if pair.left.shared_height(pair.right) <= SAME_ROW:
            return False
        return gap < WIDEST_SPACE * max(size, own) and (is_large or _key(pair) not in apart)

    groups = _join_pieces(faced.pieces, faced.pairs, is_space)
    if len(groups) == len(faced.pieces):
        return faced
    return _Faced.of([held[0] if len(held) == 1 else Piece.of(_atoms(held)) for held in groups], size)


def _key(pair: Pair) -> Key:
    return id(pair.left), id(pair.right)


def _join_pieces(pieces: Sequence[Piece], pairs: Iterable[Pair], joins: Callable[[Pair], bool]) -> list[list[Piece]]:
    """Join the pieces of each row, the most level pairs first, so that no two pieces overlap in x."""
    groups = {id(piece): [piece] for piece in pieces}
    likely = [(-pair.left.shared_height(pair.right), at, pair) for at, pair in enumerate(pairs) if joins(pair)]
    for _, _, pair in sorted(likely):
        left, right = groups[id(pair.left)], groups[id(pair.right)]
        if left is right or any(one.meets(other) for one in left for other in right):
            continue
        left += right
        groups.update((id(piece), left) for piece in right)
    return list({id(group): group for group in groups.values()}.values())


def _atoms(pieces: Iterable[Piece]) -> list[Atom]:
    return [atom for piece in pieces for atom in piece.atoms]


def _boxes(pieces: Iterable[Piece]) -> Iterator[Box]:
    """The lines, and the parts of lines that were split."""
    by_line: dict[int, list[Atom]] = {}
    for atom in _atoms(pieces):
        by_line.setdefault(id(atom.box), []).append(atom)
    for held in by_line.values():
        run: list[Atom] = []
        for atom in sorted(held, key=lambda atom: atom.start):
            if run and run[-1].end != atom.start:
                yield box_of(run)
                run = []
            run.append(atom)
        yield box_of(run)
