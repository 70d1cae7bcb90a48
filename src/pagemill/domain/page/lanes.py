"""Lanes: white strips between pieces of text that are side by side.

A lane is followed from one line to the next (local evidence). It may begin and end anywhere, whatever the rest of the
page contains; anything that crosses it ends it. It separates columns or the cells of rows, or is a chance row of word
spaces.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pagemill.domain.page.atoms import Atom

NARROWEST = 0.3
"""The least width of a lane, in heights of the writing."""

EDGE = 0.15
"""Engines draw boxes too wide at their ends by up to this much, in heights of the writing."""

JUT = 0.6
"""The end of a line may stick out this far, in heights of the writing."""

LONGEST_BREAK = 5.0
"""A lane ends if it has nothing on both sides for this long, in heights of the writing."""

LEVEL = 0.3
"""Two pieces face each other if they share this much of the lower one's height."""


class Wording(NamedTuple):
    """The features of a piece's text that tell columns from cells: `lower` is 1 if it begins in lower case."""

    words: int
    lower: float
    is_numeric: bool
    is_label: bool


@dataclass(eq=False, slots=True)
class Piece:
    """Atoms of one base line that belong together, from left to right, and the rectangle around them, pixels.

    `facing_pairs` sets `before` and `after`: the pieces that face it on the left and on the right.
    """

    atoms: tuple[Atom, ...]
    x0: float
    y0: float
    x1: float
    y1: float
    wording: Wording | None = None
    before: "Piece | None" = None
    after: "Piece | None" = None

    @classmethod
    def of(cls, atoms: Sequence[Atom]) -> "Piece":
        """A piece from atoms in any order."""
        if len(atoms) == 1:
            atom = atoms[0]
            return cls((atom,), atom.x0, atom.y0, atom.x1, atom.y1)
        held = tuple(sorted(atoms, key=lambda atom: atom.x0))
        return cls(
            held,
            min(atom.x0 for atom in held),
            min(atom.y0 for atom in held),
            max(atom.x1 for atom in held),
            max(atom.y1 for atom in held),
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
    def text(self) -> str:
        """Its text."""
        return " ".join(atom.text for atom in self.atoms)

    def meets(self, other: "Piece") -> bool:
        """Whether one is above the other for half of the narrower one's width."""
        return min(self.x1, other.x1) - max(self.x0, other.x0) > 0.5 * min(self.width, other.width)

    def shared_height(self, other: "Piece") -> float:
        """The height that both share, in heights of the lower one; negative if one is below the other."""
        shared = min(self.y1, other.y1) - max(self.y0, other.y0)
        return shared / (min(self.height, other.height) or 1.0)


@dataclass(eq=False, slots=True)
class Pair:
    """Two pieces that face each other, with nothing between them."""

    left: Piece
    right: Piece

    @property
    def top(self) -> float:
        """The top of the lower piece."""
        return max(self.left.y0, self.right.y0)

    @property
    def bottom(self) -> float:
        """The bottom of the higher piece."""
        return min(self.left.y1, self.right.y1)

    @property
    def is_level(self) -> bool:
        """Whether both are at the same height."""
        left, right = self.left, self.right
        return abs(left.y0 + left.y1 - right.y0 - right.y1) <= 0.7 * min(left.height, right.height)

    @property
    def gap(self) -> float:
        """The white space between them; slightly negative if they overlap."""
        return self.right.x0 - self.left.x1


@dataclass(eq=False, slots=True)
class Lane:
    """A strip that is white from `left` to `right` down to `bottom`, and the pairs that face each other across it."""

    left: float
    right: float
    bottom: float
    pairs: list[Pair] = field(default_factory=list)

    def goes_on(self, pair: Pair, size: float) -> bool:
        """Whether it continues between the two pieces; if so, narrow it to the gap between them."""
        left, right = max(self.left, pair.left.x1 - EDGE * size), min(self.right, pair.right.x0 + EDGE * size)
        if right - left >= NARROWEST * size:
            self.left, self.right = left, right
        elif not self._juts_out(pair, size):
            return False
        self.bottom = max(self.bottom, pair.bottom)
        return True

    def _juts_out(self, pair: Pair, size: float) -> bool:
        """Whether only the end of a line that sticks out a little stops the lane here."""
        left, right = pair.left.x1 - EDGE * size, pair.right.x0 + EDGE * size
        if right <= left or pair.left.x0 > self.left or pair.right.x1 < self.right:
            return False
        return left - self.right < JUT * size and self.left - right < JUT * size

    @property
    def top(self) -> float:
        """Its top."""
        return self.pairs[0].top

    def runs_beside(self, other: "Lane") -> bool:
        """Whether the other lane is beside it for most of its length."""
        shared = min(self.bottom, other.bottom) - max(self.top, other.top)
        return other is not self and shared > 0.7 * (self.bottom - self.top)

    def is_in_line(self, other: "Lane", size: float) -> bool:
        """Whether it leaves most of the other lane's strip open."""
        shared = min(self.right, other.right) - max(self.left, other.left)
        return shared >= max(NARROWEST * size, 0.7 * (other.right - other.left))

    def sides(self) -> tuple[list[Piece], list[Piece]]:
        """The pieces to its left and to its right, each once, from the top."""
        lefts = {id(pair.left): pair.left for pair in self.pairs}
        rights = {id(pair.right): pair.right for pair in self.pairs}
        return list(lefts.values()), list(rights.values())


def facing_pairs(pieces: Iterable[Piece]) -> list[Pair]:
    """All pairs that face each other, from top to bottom, from left to right."""
    beside: list[Piece] = []
    from_top = sorted(pieces, key=_top_of)
    for piece in from_top:
        piece.before = piece.after = None
        top, bottom, middle = piece.y0, piece.y1, piece.x0 + piece.x1
        beside = [other for other in beside if other.y1 > top]
        for other in beside:
            shared = (bottom if bottom < other.y1 else other.y1) - top
            if shared < LEVEL * (bottom - top) and shared < LEVEL * (other.y1 - other.y0):
                continue
            left, right = (other, piece) if other.x0 + other.x1 < middle else (piece, other)
            if left.x1 > right.x0 and left.meets(right):
                continue
            if right.before is None or left.x1 > right.before.x1:
                right.before = left
            if left.after is None or right.x0 < left.after.x0:
                left.after = right
        beside.append(piece)
    return sorted(_pairs(from_top), key=lambda pair: (pair.top, pair.left.x1))


def _top_of(piece: Piece) -> float:
    return piece.y0


def _pairs(pieces: Iterable[Piece]) -> Iterator[Pair]:
    for piece in pieces:
        if piece.before is not None:
            yield Pair(piece.before, piece)
        if piece.after is not None and piece.after.before is not piece:
            yield Pair(piece, piece.after)


def lanes_between(pieces: Sequence[Piece], pairs: Sequence[Pair], *, size: float) -> list[Lane]:
    """The lanes along which pairs follow each other; a pair across several lanes counts for the longest."""
    from_top = sorted(pieces, key=_top_of)
    edge, jut, longest = EDGE * size, JUT * size, LONGEST_BREAK * size
    at, active, done = 0, list[Lane](), list[Lane]()
    for pair in pairs:
        top, left, right = pair.top, pair.left.x1 - edge, pair.right.x0 + edge
        while at < len(from_top) and from_top[at].y0 <= top:
            x0, x1 = from_top[at].x0 + jut, from_top[at].x1 - jut
            at += 1
            if any(x0 <= lane.left and x1 >= lane.right for lane in active):
                active = _keep_active(active, [lane for lane in active if x0 > lane.left or x1 < lane.right], done)
        if any(top - lane.bottom >= longest for lane in active):
            active = _keep_active(active, [lane for lane in active if top - lane.bottom < longest], done)
        near = [lane for lane in active if lane.left < right + jut and lane.right > left - jut]
        between = [lane for lane in near if lane.goes_on(pair, size)]
        if not between:
            between = [Lane(left, right, pair.bottom)]
            active += between
        max(between, key=lambda lane: len(lane.pairs)).pairs.append(pair)
    return [*done, *active]


def _keep_active(active: list[Lane], kept: list[Lane], done: list[Lane]) -> list[Lane]:
    if len(kept) < len(active):
        done += [lane for lane in active if lane not in kept]
    return kept
