"""Turns lines, and the regions that a layout model saw, into blocks of a kind in reading order. Pure.

Regions say which lines belong together and what they are. The order comes from `reading_order`, which knows more about
columns and rows than any list of rectangles. A table or figure counts as one short line at its top edge, so that its
content cannot look like columns of the page. A table counts only if its lines fit a grid or at least
form rows of cells; otherwise its lines are read as if the model had seen no table.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pagemill.domain.page.aligned import aligned_table, mean_letters
from pagemill.domain.page.aligned_blocks import with_aligned_tables
from pagemill.domain.page.geometry import enclosing_polygon, typical_size, upright_boxes
from pagemill.domain.page.page import Block, BlockKind, Line, Polygon, Table
from pagemill.domain.page.reading_order import blocks_in_reading_order, rows_of_lines

_CONTAINERS = frozenset({BlockKind.TABLE, BlockKind.FIGURE, BlockKind.FORMULA})
_WHOLE = frozenset({BlockKind.TITLE, BlockKind.CAPTION, BlockKind.HEADER, BlockKind.FOOTER})
"""Kinds whose region is always one block."""

_SAME = 0.7
"""Regions are rivals when this much of the smaller lies in the larger."""

_TELLING = 0.1
"""How much lower the confidence of a title, caption, header or footer may be than that of running text there."""

_WORDY = 0.5
"""A figure holds at most this share of a page's writing; more means a photographed page."""

_FULL = 0.95
"""If this share of places has text, alignment alone shows rows and columns."""

_WORDY_CELL = 30
"""Highest average number of letters in a part of a line; more is running text unless lines are read row by row."""

_LONGEST_FORMULA = 150
"""Highest number of letters in a formula; more is running text."""

_WORD = re.compile(r"\b[^\W\d_]{4,}\b")
_PROSE = 0.5
"""Words of at least four letters are at most this share of a formula; more is running text."""

_LIKELY_FORMULA = 0.5
_SIGN = re.compile("[=\u2200-\u22ff\u0391-\u03c9]")
"""An equals sign, an operator, or a Greek letter."""

_EDGE = 0.12
"""Share of the page's height at each edge in which a header or footer counts without other pages."""

_MOST_EDGE_LINES = 3
_LONGEST_EDGE_LINE = 70
"""Highest number of letters in a line of a header or footer; longer lines are notes, which must stay in the text."""

_MARK = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the page, and its kind according to a layout model; pixels of the upright page.

    `confidence` is the model's, 0 … 1.
    """

    kind: BlockKind
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0

    @property
    def area(self) -> float:
        """Square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    @property
    def polygon(self) -> Polygon:
        """The outline, from the top left corner clockwise."""
        return ((self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom))

    def holds(self, line: Line) -> bool:
        """Whether the centre of the line is in the region."""
        xs, ys = [x for x, _ in line.polygon], [y for _, y in line.polygon]
        x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def shared_part(self, other: "Region") -> float:
        """The share of the smaller region that is inside the larger one."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        smaller = min(self.area, other.area)
        return max(0.0, width) * max(0.0, height) / smaller if smaller else 0.0


@dataclass(frozen=True, slots=True)
class _Item:
    """One line in reading order, or a table or figure in its place (then `line` is its mark).

    Attributes:
        block: Number of the block that reading order chose for the line.
        kind: That block's kind.
        region: The region that holds it; None outside all regions.
    """

    line: Line
    block: int
    kind: BlockKind
    region: Region | None

    @property
    def is_container(self) -> bool:
        return self.region is not None and self.region.kind in _CONTAINERS

    @property
    def group(self) -> tuple[Region | None, int]:
        """Consecutive items with equal groups form one block."""
        is_whole = self.region is not None and self.region.kind in _WHOLE
        return self.region, -1 if is_whole else self.block


TableMaker = Callable[[Region, Sequence[Line]], Block | None]


def blocks_by_layout(
    lines: Sequence[Line], regions: Iterable[Region], *, width_px: int, height_px: int, table: TableMaker
) -> tuple[Block, ...]:
    """The page's blocks, with the kinds of its regions.

    Every line is in exactly one block. Without regions, the blocks are those of `blocks_in_reading_order`.

    Args:
        lines: The page's lines, in any order.
        regions: The regions of the layout model, in any order; they may overlap.
        width_px: Width of the page.
        height_px: Height of the page.
        table: Makes a block from a table's region and lines; None if it finds no grid, and the lines remain rows.
    """
    kept, contained = _believe(lines, regions, _Paper(width_px, height_px), table)
    held = {id(line) for region in contained for line in lines if _region_of(line, kept) is region}
    rest = [line for line in lines if id(line) not in held]
    items = _in_order(rest, kept, width_px=width_px, height_px=height_px)
    blocks: list[Block] = []
    for (region, _), run in groupby(items, key=lambda item: item.group):
        if region is not None and region.kind in _CONTAINERS:
            blocks.append(contained[region])
        else:
            blocks.append(_block(list(run), region))
    return with_aligned_tables(blocks, width_px=width_px, height_px=height_px)


@dataclass(frozen=True, slots=True)
class _Paper:
    width_px: int
    height_px: int


def _believe(
    lines: Sequence[Line], regions: Iterable[Region], paper: _Paper, table: TableMaker
) -> tuple[list[Region], dict[Region, Block]]:
    """The regions that count, and the blocks of tables and figures among them."""
    left = [region for region in _widen_tables(regions, lines, paper) if _is_likely(region, lines, paper)]
    while True:
        kept = _without_rivals(left, lines)
        contained: dict[Region, Block] = {}
        doubted: list[Region] = []
        for region in kept:
            if region.kind in _CONTAINERS:
                block = _make_container(
                    region, [line for line in lines if _region_of(line, kept) is region], paper, table
                )
                if block is None:
                    doubted.append(region)
                else:
                    contained[region] = block
        if not doubted:
            return kept, contained
        left = [region for region in left if region not in doubted]


def _is_likely(region: Region, lines: Sequence[Line], paper: _Paper) -> bool:
    """Whether the content of a region fits its kind: a header, for example, is short and at the page's edge."""
    if region.kind is BlockKind.FORMULA:
        return _may_be_formula(" ".join(line.text for line in lines if region.holds(line)))
    if region.kind not in {BlockKind.HEADER, BlockKind.FOOTER}:
        return True
    middle = (region.top + region.bottom) / 2 / paper.height_px
    held = [line for line in lines if region.holds(line)]
    is_short = len(held) <= _MOST_EDGE_LINES and all(len(line.text) <= _LONGEST_EDGE_LINE for line in held)
    return is_short and (middle <= _EDGE if region.kind is BlockKind.HEADER else middle >= 1 - _EDGE)


def _may_be_formula(text: str) -> bool:
    """Whether a text is short and mostly something else than words."""
    letters = len(text.replace(" ", ""))
    return letters <= _LONGEST_FORMULA and sum(map(len, _WORD.findall(text))) <= _PROSE * letters


def _widen_tables(regions: Iterable[Region], lines: Sequence[Line], paper: _Paper) -> list[Region]:
    """The regions. A table that misses a part of some clearly aligned rows is widened to all of them."""
    found = list(regions)
    if all(region.kind is not BlockKind.TABLE for region in found):
        return found
    width, height = paper.width_px, paper.height_px
    plain = blocks_in_reading_order(lines, width_px=width, height_px=height)
    tables = [block for block in with_aligned_tables(plain, width_px=width, height_px=height) if block.table]
    return [_with_rest_of(region, tables) if region.kind is BlockKind.TABLE else region for region in found]


def _with_rest_of(region: Region, tables: Iterable[Block]) -> Region:
    for table in tables:
        if 0 < sum(map(region.holds, table.lines)) < len(table.lines):
            xs, ys = [x for x, _ in table.polygon], [y for _, y in table.polygon]
            region = replace(
                region,
                left=min(region.left, *xs),
                top=min(region.top, *ys),
                right=max(region.right, *xs),
                bottom=max(region.bottom, *ys),
            )
    return region


def _without_rivals(regions: Iterable[Region], lines: Sequence[Line]) -> list[Region]:
    """Regions without rivals: tables and figures keep their content; otherwise the more confident region stays."""
    seen = [region for region in regions if region.area and not _is_whole_page(region, lines)]
    likely = (region for region in seen if not any(_is_outdone(region, other, lines) for other in seen))
    kept: list[Region] = []
    for region in sorted(likely, key=_precedence):
        if all(region.shared_part(other) < _SAME for other in kept):
            kept.append(region)
    return kept


def _precedence(region: Region) -> tuple[bool, float, float, float]:
    telling = _TELLING if region.kind in _WHOLE else 0.0
    return region.kind not in _CONTAINERS, -(region.confidence + telling), region.top, region.left


def _is_outdone(region: Region, other: Region, lines: Sequence[Line]) -> bool:
    """Whether a region of about the same size has another kind, with more confidence, than this table or figure.

    Layout models often call a formula both a formula and text, so signs of mathematics decide between these two.
    """
    if region.kind not in _CONTAINERS or other.confidence <= region.confidence:
        return False
    smaller, larger = sorted((region.area, other.area))
    if smaller <= larger / 2 or region.shared_part(other) < _SAME:
        return False
    may_be_both = region.kind is BlockKind.FORMULA and other.kind is BlockKind.TEXT
    if may_be_both and region.confidence >= _LIKELY_FORMULA:
        return not any(_SIGN.search(line.text) for line in lines if region.holds(line))
    return True


def _is_whole_page(region: Region, lines: Sequence[Line]) -> bool:
    if region.kind is not BlockKind.FIGURE:
        return False
    inside = sum(len(line.text) for line in lines if region.holds(line))
    return inside > _WORDY * sum(len(line.text) for line in lines)


def _region_of(line: Line, regions: Iterable[Region]) -> Region | None:
    return next((region for region in regions if region.holds(line)), None)


def _in_order(lines: Sequence[Line], regions: Sequence[Region], *, width_px: int, height_px: int) -> list[_Item]:
    """Lines and containers in reading order, with all lines of a region at the place of its first one."""
    boxes = upright_boxes(lines, width_px=width_px, height_px=height_px)
    size = typical_size(boxes) if boxes else 1.0
    marks = {_mark(region, size): region for region in regions if region.kind in _CONTAINERS}
    blocks = blocks_in_reading_order([*lines, *marks], width_px=width_px, height_px=height_px)
    items = [
        _Item(line, number, block.kind, region)
        for number, block in enumerate(blocks)
        for line, region in _place_lines(block, marks, regions)
    ]
    first: dict[Region | None, int] = {}
    for position, item in enumerate(items):
        first.setdefault(item.region, position)
    ranks = {id(item): _rank(item, position, first) for position, item in enumerate(items)}
    return sorted(items, key=lambda item: ranks[id(item)])


def _place_lines(
    block: Block, marks: Mapping[Line, Region], regions: Sequence[Region]
) -> Iterator[tuple[Line, Region | None]]:
    """The lines of a block with their regions. Lines of a paragraph that a region missed join their neighbours."""
    found = [marks.get(line) or _region_of(line, regions) for line in block.lines]
    flowing = [region for region in found if region is not None and region.kind not in _CONTAINERS]
    nearest = flowing[0] if flowing else None
    for line, region in zip(block.lines, found, strict=True):
        nearest = region if region is not None and region.kind not in _CONTAINERS else nearest
        yield line, region or nearest


def _rank(item: _Item, position: int, first: Mapping[Region | None, int]) -> int:
    return position if item.region is None else first[item.region]


def _mark(region: Region, size: float) -> Line:
    """The line that represents a table or figure while lines are put in order."""
    bottom = min(region.bottom, region.top + size)
    return Line(
        text=_MARK,
        polygon=((region.left, region.top), (region.right, region.top), (region.right, bottom), (region.left, bottom)),
    )


def _make_container(region: Region, lines: Sequence[Line], paper: _Paper, table: TableMaker) -> Block | None:
    """The block of a table or figure; None for a table whose lines do not form rows of cells."""
    width, height = paper.width_px, paper.height_px
    blocks = blocks_in_reading_order(lines, width_px=width, height_px=height)
    ordered = tuple(line for block in blocks for line in block.lines)
    if region.kind is BlockKind.TABLE and lines:
        is_tabular = _is_tabular(rows_of_lines(ordered, width_px=width, height_px=height))
        if not is_tabular and mean_letters(ordered, width_px=width, height_px=height) > _WORDY_CELL:
            return None
        aligned = aligned_table(ordered, width_px=width, height_px=height)
        if made := _better(table(region, ordered), aligned):
            return made
        if not is_tabular:
            return None
    return Block(polygon=region.polygon, lines=ordered, kind=region.kind)


def _is_tabular(rows: Sequence[Sequence[Line]]) -> bool:
    """Whether most of the writing is in rows of several cells."""
    letters = [(len(row), sum(len(line.text) for line in row)) for row in rows]
    return 2 * sum(count for cells, count in letters if cells > 1) > sum(count for _, count in letters)


def _better(seen: Block | None, aligned: Block | None) -> Block | None:
    """The model's table, unless it has no spans and the aligned one fills its grid."""
    if seen is None or seen.table is None or aligned is None or aligned.table is None:
        return seen or aligned
    return aligned if not seen.table.has_spans and _is_full(aligned.table) else seen


def _is_full(table: Table) -> bool:
    filled = sum(cell.row_span * cell.column_span for cell in table.cells if cell.lines)
    return filled >= _FULL * table.rows * table.columns


def _block(run: Sequence[_Item], region: Region | None) -> Block:
    lines = tuple(item.line for item in run)
    return Block(lines=lines, polygon=enclosing_polygon(lines), kind=_kind(run[0].kind, region))


def _kind(seen: BlockKind, region: Region | None) -> BlockKind:
    """The region's kind, except for lists: layout models call them running text."""
    if region is None or (region.kind is BlockKind.TEXT and seen is BlockKind.LIST):
        return seen
    return region.kind
