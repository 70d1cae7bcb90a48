"""Finds tables without ruling lines among blocks in reading order. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from pagemill.domain.page.aligned import LEAST_ROWS, aligned_table, rows_of_parts
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Block, BlockKind, Line

_FLOWING = frozenset({BlockKind.TEXT, BlockKind.LIST})


def with_aligned_tables(blocks: Sequence[Block], *, width_px: int, height_px: int) -> tuple[Block, ...]:
    """The blocks, with a table in place of each run of rows whose cells are clearly aligned."""
    made: list[Block] = []
    for is_flowing, group in groupby(blocks, key=lambda block: block.kind in _FLOWING):
        run = list(group)
        made.extend(_Flow(run, width_px, height_px).blocks() if is_flowing else run)
    return tuple(made)


class _Flow:
    """Blocks of running text that follow each other."""

    def __init__(self, blocks: Sequence[Block], width_px: int, height_px: int) -> None:
        self._blocks = blocks
        self._width, self._height = width_px, height_px
        self._lines = [line for block in blocks for line in block.lines]

    def blocks(self) -> Iterator[Block]:
        """The blocks, tables among them."""
        tables = {start: (end, table) for start, end in self._runs() if (table := self._table(start, end))}
        if not tables:
            yield from self._blocks
            return
        at = 0
        covered = 0
        for block in self._blocks:
            own = list[Line]()
            for line in block.lines:
                if at in tables:
                    yield from _rest(own, block)
                    own = []
                    covered, table = tables[at]
                    yield table
                if at >= covered:
                    own.append(line)
                at += 1
            yield from _rest(own, block)

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Consecutive rows of several parts: the first line of each such run, and the line after its last."""
        start = end = count = 0
        for first, after, parts in sorted(self._rows()):
            if parts > 1 and count and first == end:
                count, end = count + 1, after
                continue
            if count >= LEAST_ROWS:
                yield start, end
            start, end, count = first, after, int(parts > 1)
        if count >= LEAST_ROWS:
            yield start, end

    def _rows(self) -> Iterator[tuple[int, int, int]]:
        """Rows in reading order: the first line, the line after the last, and the number of parts."""
        places = {id(line): at for at, line in enumerate(self._lines)}
        for row in rows_of_parts(self._lines, width_px=self._width, height_px=self._height):
            held = sorted({places[id(atom.box.line)] for atom in row})
            if held == list(range(held[0], held[-1] + 1)):
                yield held[0], held[-1] + 1, len(row)

    def _table(self, start: int, end: int) -> Block | None:
        return aligned_table(self._lines[start:end], width_px=self._width, height_px=self._height)


def _rest(lines: Sequence[Line], block: Block) -> Iterator[Block]:
    if len(lines) == len(block.lines):
        yield block
    elif lines:
        yield Block(lines=tuple(lines), polygon=enclosing_polygon(lines), kind=block.kind)
