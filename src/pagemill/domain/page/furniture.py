"""Finds headers, footers and page numbers: rows at the edges of pages that repeat and are set apart. Pure.

```
page ─▶ its outermost rows ─▶ compared with those of the pages around it ─▶ roles ─▶ separate blocks
```

It never holds a whole document: it decides each page as soon as it knows the few pages after it. Letterheads and
forms, which repeat many or large rows, stay unchanged; so do amounts, which differ from page to page.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby

from pagemill.domain.page.edges import EdgeRow, Edges, Piece, edges_of
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Block, BlockKind, Line, Page

SPAN = 4
"""How many pages before and after a page it is compared with: two of its own side if left and right pages differ."""

ENOUGH = 2
"""How many pages around must have the same row."""

MOST_ROWS = 3
"""Rows of the largest header or footer; if more rows repeat, they are a letterhead or a form."""

LARGE = 1.3
"""Rows that are this many times as high as the page's writing are titles and letterheads."""

LEAST_GAP = 0.8
WIDER = 1.5
MOST_GAP = 2.0
"""A header is at least `LEAST_GAP` heights of its writing away from the text, and `WIDER` times as far as rows are from
each other; `MOST_GAP` is always far enough."""

NEAR = 0.03
"""Share of the page's height by which a header may move from page to page."""

ALIKE = 0.85
_SHORT = 6
_LONGEST = 200
"""Letters of a row of furniture; comparing takes time that grows with the square of this."""
_NUMBERS = re.compile(r"(?<![^\W\d_])\d+(?![^\W\d_])|(?<=[\u3000-\u9fff])\d+|\d+(?=[\u3000-\u9fff])")
"""Numbers by themselves or beside ideographs; a digit within a word is a misread letter."""

FURNITURE = frozenset({BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER})
"""Kinds that text and Markdown leave out by default."""

Roles = Mapping[int, BlockKind]
"""Kinds of lines, by position among the page's lines."""


class FurnitureFinder:
    """Gives the headers, footers and page numbers of a document their kinds, page by page.

    It holds at most `SPAN` + 1 pages. The result depends only on the pages and their order.
    """

    def __init__(self) -> None:
        self._before: deque[Edges] = deque(maxlen=SPAN)
        self._waiting: deque[tuple[Page, Edges]] = deque()

    @property
    def has_left(self) -> bool:
        """Whether pages wait for those after them."""
        return bool(self._waiting)

    def add(self, page: Page) -> Iterator[Page]:
        """Take the next page; yield those that are decided now."""
        self._waiting.append((page, edges_of(page)))
        if len(self._waiting) > SPAN:
            yield self._decide_next()

    def rest(self) -> Iterator[Page]:
        """Yield the remaining pages; call it after the last page."""
        while self._waiting:
            yield self._decide_next()

    def _decide_next(self) -> Page:
        page, own = self._waiting.popleft()
        around = [*self._before, *(edges for _, edges in self._waiting)]
        self._before.append(own)
        return with_roles(page, roles_of(own, around))


def with_furniture(pages: Iterable[Page]) -> Iterator[Page]:
    """The pages in their order, with the kinds of their headers, footers and page numbers."""
    finder = FurnitureFinder()
    for page in pages:
        yield from finder.add(page)
    yield from finder.rest()


def without_furniture(page: Page) -> Page:
    """The page without its headers, footers and page numbers."""
    kept = tuple(block for block in page.blocks if block.kind not in FURNITURE)
    return page if len(kept) == len(page.blocks) else page.model_copy(update={"blocks": kept})


def roles_of(own: Edges, around: Sequence[Edges]) -> Roles:
    """The kinds of the lines at a page's edges, judged by the pages around it.

    Args:
        own: The page's edges.
        around: The edges of pages before and after it, in any order.
    """
    top = _furniture(own, own.top, [(edges.number - own.number, edges.top) for edges in around])
    bottom = _furniture(own, own.bottom, [(edges.number - own.number, edges.bottom) for edges in around])
    roles = _roles(top, BlockKind.HEADER) | _roles(bottom, BlockKind.FOOTER)
    return roles if len(roles) < own.lines else {}


@dataclass(frozen=True, slots=True)
class _Found:
    """A row of furniture; `numbers` are the positions of its page numbers."""

    row: EdgeRow
    numbers: frozenset[int]


_Others = Sequence[tuple[int, Sequence[EdgeRow]]]
"""For each page around: how many pages further on it is, and its rows at the same edge."""


def _roles(found: Iterable[_Found], kind: BlockKind) -> dict[int, BlockKind]:
    return {
        piece.line: BlockKind.PAGE_NUMBER if piece.line in one.numbers else kind
        for one in found
        for piece in one.row.pieces
    }


def _furniture(own: Edges, rows: Sequence[EdgeRow], others: _Others) -> list[_Found]:
    """The rows that are furniture, from the edge inwards."""
    found: list[_Found] = []
    for row in rows:
        numbers = _numbers(row, others)
        if not _repeats(row, numbers, others):
            break
        found.append(_Found(row, numbers))
    if len(found) > MOST_ROWS or any(each.row.size > LARGE * own.size for each in found):
        return [each for each in found[:1] if _is_number(each) and each.row.is_at_edge]
    while found and not (found[-1].row.is_at_edge and (_is_number(found[-1]) or _stands_apart(found[-1].row, own))):
        found.pop()
    return found


def _is_number(found: _Found) -> bool:
    return len(found.numbers) == len(found.row.pieces)


def _stands_apart(row: EdgeRow, own: Edges) -> bool:
    return row.gap >= min(MOST_GAP, max(LEAST_GAP, WIDER * own.gap))


def _numbers(row: EdgeRow, others: _Others) -> frozenset[int]:
    """Positions of the pieces that are page numbers: they count on from page to page, or are explicit and alone."""
    if len(row.pieces) == 1 and row.pieces[0].is_explicit:
        return frozenset({row.pieces[0].line})
    least = min(ENOUGH, len(others))
    return frozenset(
        piece.line
        for piece in row.pieces
        if piece.number is not None and 0 < least <= _count(row, others, _goes_on_from(piece))
    )


_Test = Callable[[Piece, int], bool]
"""Whether a piece this many pages further on is the same."""


def _count(row: EdgeRow, others: _Others, is_same: _Test) -> int:
    """How many pages have the same piece at the same height."""
    return sum(
        any(is_same(piece, pages) for other in rows if abs(other.middle - row.middle) <= NEAR for piece in other.pieces)
        for pages, rows in others
    )


def _goes_on_from(number: Piece) -> _Test:
    return lambda piece, pages: (
        piece.number is not None and number.number is not None and piece.number - number.number == pages
    )


def _repeats(row: EdgeRow, numbers: frozenset[int], others: _Others) -> bool:
    """Whether a row is the same on other pages, or has a number that counts on from page to page."""
    if numbers and len(others) >= ENOUGH:
        return True
    least = ENOUGH if not numbers else len(others)
    return all(piece.line in numbers or _count(row, others, _same_text_as(piece)) >= least for piece in row.pieces)


def _same_text_as(own: Piece) -> _Test:
    return lambda piece, pages: _is_same(own.text, piece.text, pages)


def _is_same(own: str, other: str, pages: int) -> bool:
    """Whether two texts are the same, except for misread letters and numbers that count pages."""
    if own == other:
        return True
    if max(len(own), len(other)) > _LONGEST:
        return False
    for before, after in zip(_NUMBERS.findall(own), _NUMBERS.findall(other), strict=False):
        if before != after and int(after) - int(before) != pages:
            return False
    one, two = ("".join(_NUMBERS.sub("#", text).split()) for text in (own, other))
    if one == two:
        return True
    if one.count("#") != two.count("#") or min(len(one), len(two)) < _SHORT:
        return False
    return _likeness(one, two) >= ALIKE


@lru_cache(maxsize=4096)
def _likeness(one: str, two: str) -> float:
    """Each pair of rows is compared several times: from either page, and for each format of an archive."""
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    most = matcher.quick_ratio()
    return most if most < ALIKE else matcher.ratio()


def with_roles(page: Page, roles: Roles) -> Page:
    """The page with these lines in separate blocks, in the same reading order."""
    if not roles:
        return page
    blocks: list[Block] = []
    first = 0
    for block in page.blocks:
        blocks += _split_block(block, [roles.get(first + at) for at in range(len(block.lines))])
        first += len(block.lines)
    return page.model_copy(update={"blocks": tuple(blocks)})


def _split_block(block: Block, roles: Sequence[BlockKind | None]) -> Iterator[Block]:
    """The block, split where lines of another kind begin."""
    if not any(roles):
        yield block
        return
    for kind, run in groupby(zip(roles, block.lines, strict=True), key=lambda each: each[0]):
        lines: tuple[Line, ...] = tuple(line for _, line in run)
        yield Block(lines=lines, polygon=enclosing_polygon(lines), kind=kind or block.kind)
