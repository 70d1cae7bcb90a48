"""The outermost rows of a page, reduced to the few figures by which pages are compared. Pure."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pagemill.domain.page.geometry import Box, typical_size, upright_boxes
from pagemill.domain.page.page import BlockKind, Page

OUTERMOST = 6
"""How many rows at each edge to look at: more than a header has, so that repeated forms are recognised."""

ZONE = 0.15
"""Share of the page's height at each edge in which headers and footers may be."""

_LONGEST = 160
"""Number of letters of a piece to compare."""

_WORD = r"(?:page|seite|pagina|página|pág|pg|side|sida|sivu|strana|strona|стр|第|p)"
_OF = r"(?:\s*(?:/|of|von|de|di|sur|av|af|z|из)\s*(?P<of>\d{1,5}))"
_NUMBER = re.compile(
    rf"\W*(?P<word>{_WORD})?\.?\s*(?P<number>\d{{1,5}}|[ivxlc]{{1,8}}){_OF}?\s*(?:页|頁|ページ)?\W*", re.IGNORECASE
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class Piece:
    """One line of an edge row.

    Attributes:
        line: Its position among the page's lines.
        text: Its text without case, and with single spaces.
        number: The page number that it may be; None if it holds anything else.
        is_explicit: It says that it is one ("Page 3 of 7").
    """

    line: int
    text: str
    number: int | None
    is_explicit: bool


@dataclass(frozen=True, slots=True)
class EdgeRow:
    """Lines side by side.

    Attributes:
        pieces: From left to right.
        middle: Where it is, as a share of the page's height.
        size: Height of its writing, pixels.
        gap: White between it and the next row towards the middle of the page, in heights of its writing.
        is_at_edge: It is close enough to the edge to be furniture.
    """

    pieces: tuple[Piece, ...]
    middle: float
    size: float
    gap: float
    is_at_edge: bool


@dataclass(frozen=True, slots=True)
class Edges:
    """A page's outermost rows.

    Attributes:
        number: The page's number.
        top: From the top edge inwards.
        bottom: From the bottom edge inwards.
        lines: How many lines the page has.
        size: Typical height of its writing, pixels.
        gap: Typical white between its rows, in heights of the writing.
    """

    number: int
    top: tuple[EdgeRow, ...] = ()
    bottom: tuple[EdgeRow, ...] = ()
    lines: int = 0
    size: float = 1.0
    gap: float = 0.0


def edges_of(page: Page) -> Edges:
    """The rows at the page's edges. Lines of tables, and lines that run up or down the page, do not count."""
    lines = tuple(page.lines)
    boxes = upright_boxes(lines, width_px=page.width_px, height_px=page.height_px)
    fixed = _in_tables(page)
    kept = [(at, box) for at, box in enumerate(boxes) if not box.is_upended]
    if not kept:
        return Edges(page.number, lines=len(lines))
    rows = list(_rows(kept))
    size = typical_size(box for _, box in kept)
    gaps = [_gap(above, below) for above, below in pairwise(rows)]
    downwards = [*gaps, math.inf]
    upwards = [math.inf, *gaps]

    def edge(order: Sequence[int], gaps: Sequence[float]) -> Iterator[EdgeRow]:
        for at in order[:OUTERMOST]:
            if any(line in fixed for line, _ in rows[at]):
                return
            yield _edge_row(rows[at], gaps[at], page.height_px)

    order = range(len(rows))
    return Edges(
        page.number,
        tuple(edge(order, downwards)),
        tuple(edge(order[::-1], upwards)),
        len(lines),
        size,
        max(0.0, median(gaps)) / size if gaps else 0.0,
    )


_Row = list[tuple[int, Box]]


def _in_tables(page: Page) -> set[int]:
    fixed: set[int] = set()
    first = 0
    for block in page.blocks:
        if block.kind is BlockKind.TABLE:
            fixed.update(range(first, first + len(block.lines)))
        first += len(block.lines)
    return fixed


def _rows(boxes: Sequence[tuple[int, Box]]) -> Iterator[_Row]:
    """Lines that are side by side, from top to bottom."""
    row: _Row = []
    for at, box in sorted(boxes, key=lambda each: (each[1].middle, each[1].x0, each[0])):
        if row and not box.shares_row(row[-1][1]):
            yield row
            row = []
        row.append((at, box))
    if row:
        yield row


def _gap(above: _Row, below: _Row) -> float:
    """White between two rows, pixels."""
    return min(box.y0 for _, box in below) - max(box.y1 for _, box in above)


def _edge_row(row: _Row, gap: float, height: int) -> EdgeRow:
    size = max(box.height for _, box in row) or 1.0
    middle = sum(box.middle for _, box in row) / len(row) / height
    pieces = tuple(_piece(at, box.line.text) for at, box in sorted(row, key=lambda each: each[1].x0))
    return EdgeRow(pieces, middle, size, gap / size, min(middle, 1 - middle) <= ZONE)


def _piece(line: int, text: str) -> Piece:
    found = _NUMBER.fullmatch(text[:_LONGEST])
    number = None if found is None else _value(found["number"])
    is_explicit = found is not None and number is not None and bool(found["word"]) and bool(found["of"])
    return Piece(line, " ".join(text[:_LONGEST].casefold().split()), number, is_explicit)


def _value(text: str) -> int | None:
    """The number, in digits or Roman; None if it is neither."""
    if text.isdigit():
        return int(text)
    values = [_ROMAN[letter] for letter in text.lower()]
    total = sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
    return total if total > 0 else None
