"""Imitates what a PDF's text layer or an engine would return for a composed page, and scores its reading order."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.layout_kinds import compose_page
from benchmarks.layouts import Composition, PlacedText
from benchmarks.scoring import edit_distance

from pagemill.documents.text_lines import PlacedWord, lines_of_words
from pagemill.domain.page.page import Block, Line, Point, Polygon, Word

ASCENT, DESCENT = 0.9, 0.22
"""The heights of a line's box above and below the base line, in sizes of its type."""

Order = Callable[[Sequence[Line], int, int], Sequence[Block]]


@dataclass(frozen=True)
class ObservedPage:
    """Lines in no order, and the order in which their words should come.

    Attributes:
        name: Kind of page, and where its boxes are from: a text layer, an engine's skewed boxes or its upright ones.
        lines: As they would be given to `blocks_in_reading_order`.
        numbers: The number of each word, by its polygon.
    """

    name: str
    seed: int
    lines: Sequence[Line]
    numbers: dict[Polygon, int]
    page: Composition

    @property
    def kind(self) -> str:
        """Without where its boxes are from."""
        return self.name.partition(",")[0]

    @property
    def width_px(self) -> int:
        """Width of the page."""
        return round(self.page.width)

    @property
    def height_px(self) -> int:
        """Height of the page."""
        return round(self.page.height)

    def score(self, order: Order) -> float:
        """1 less the edit distance of the words' sequence from the true one, as a share of its length.

        That is how OmniDocBench scores reading order (Ouyang and others 2024, arXiv:2412.07626), here word by word.
        """
        blocks = order(self.lines, self.width_px, self.height_px)
        read = [self.numbers[word.polygon] for block in blocks for line in block.lines for word in line.words]
        truth = list(self._truth({number: place for place, number in enumerate(read)}))
        distance = edit_distance("".join(map(_letter, read)), "".join(map(_letter, truth)))
        return 1 - distance / max(1, len(truth))

    def _truth(self, places: dict[int, int]) -> Iterator[int]:
        """The true order, with every float between the two paragraphs nearest to where it was read."""
        ends = [places[block[-1]] for block in self.page.flow]
        after: dict[int, list[list[int]]] = {}
        for block in sorted(self.page.floats, key=lambda block: places[block[0]]):
            start = places[block[0]]
            before = [at for at, end in enumerate(ends) if end < start]
            after.setdefault(max(before, key=lambda at: ends[at], default=-1), []).append(block)
        for at in range(-1, len(self.page.flow)):
            yield from self.page.flow[at] if at >= 0 else ()
            for block in after.get(at, ()):
                yield from block


def _letter(number: int) -> str:
    return chr(0x10000 + number)


def observe_page(seed: int) -> ObservedPage:
    """The page of a seed."""
    name, page = compose_page(seed)
    chance = random.Random(seed * 31 + 7)  # noqa: S311 - test pages, not secrets
    source = chance.choice(("text layer", "text layer", "engine", "engine", "engine, upright"))
    if source == "text layer":
        lines, numbers = _digital(page, chance)
    else:
        lines, numbers = _recognise_page(page, chance, upright="upright" in source and name != "turned table")
    chance.shuffle(lines)
    return ObservedPage(f"{name}, {source}", seed, lines, numbers, page)


# --- a text layer ----------------------------------------------------------------------------------------------------


def _digital(page: Composition, chance: random.Random) -> tuple[list[Line], dict[Polygon, int]]:
    """Words joined to lines as in a PDF, stored by column, row by row or in disorder."""
    rows = [list(row) for row in page.rows]
    stored = chance.choice(("flow", "flow", "flow", "rows", "disorder"))
    if stored == "rows":
        rows.sort(key=lambda row: (round(page.words[row[0]].base / 4), page.words[row[0]].left))
    elif stored == "disorder":
        rows = [[number] for row in rows for number in row]
        chance.shuffle(rows)
    placed = [(number, _place_word(page.words[number])) for row in rows for number in row]
    lines = lines_of_words([word for _, word in placed])
    at = {(word.left, word.top, word.text): number for number, word in placed}
    numbers = {
        word.polygon: at[min(x for x, _ in word.polygon), min(y for _, y in word.polygon), word.text]
        for line in lines
        for word in line.words
    }
    return list(lines), numbers


def _place_word(word: PlacedText) -> PlacedWord:
    high, low = word.base - ASCENT * word.size, word.base + DESCENT * word.size
    if word.turned:
        left, right = word.base - DESCENT * word.size, word.base + ASCENT * word.size
        return PlacedWord(
            word.text, _round_fine(left), _round_fine(word.left), _round_fine(right), _round_fine(word.right), turns=1
        )
    return PlacedWord(word.text, _round_fine(word.left), _round_fine(high), _round_fine(word.right), _round_fine(low))


def _round_fine(value: float) -> float:
    return round(value * 100) / 100


# --- an engine -------------------------------------------------------------------------------------------------------


@dataclass
class _Scan:
    """The position of the paper: turned by `angle` radians, its middle `curl` pixels lower."""

    page: Composition
    chance: random.Random
    angle: float
    curl: float

    def point(self, x: float, y: float) -> Point:
        x, y = x - self.page.width / 2, y - self.page.height / 2
        y += self.curl * (1 - (2 * x / self.page.width) ** 2)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return x * cosine - y * sine + self.page.width / 2, x * sine + y * cosine + self.page.height / 2

    def quad(self, words: Sequence[PlacedText], noise: float) -> Polygon:
        """Around some words that stand side by side; noise is a share of the type's size."""
        first, last, size = words[0], words[-1], max(word.size for word in words)
        left, right = first.left + self._noise(size, noise), last.right + self._noise(size, noise)
        top = max(word.base for word in words) - (ASCENT + self._noise(1, noise / 2)) * size
        bottom = max(word.base for word in words) + (DESCENT + self._noise(1, noise / 2)) * size
        right = max(right, left + 2)
        if first.turned:
            high, low = first.base + ASCENT * size, first.base - DESCENT * size
            corners = [(high, left), (high, right), (low, right), (low, left)]
        else:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return tuple(self.point(x, y) for x, y in corners)

    def _noise(self, size: float, share: float) -> float:
        return self.chance.gauss(0, share * size)


def _recognise_page(
    page: Composition, chance: random.Random, *, upright: bool
) -> tuple[list[Line], dict[Polygon, int]]:
    steepest = 2.0 if upright else 3.0
    angle = math.radians(chance.choice((0.0, chance.uniform(-1, 1), chance.uniform(-steepest, steepest))))
    scan = _Scan(page, chance, angle, chance.choice((0.0, 0.0, 0.0, chance.uniform(-12, 12))))
    noise, lines, numbers = chance.uniform(0.02, 0.14), [], {}
    parts = [part for row in page.rows for part in _parts(page, row, chance)]
    for row in _fuse_rows(parts, page, chance):
        words = []
        for number in row:
            polygon = _shape(scan.quad([page.words[number]], noise), upright=upright)
            words.append(Word(text=page.words[number].text, polygon=polygon, confidence=0.9))
            numbers[polygon] = number
        polygon = _shape(scan.quad([page.words[number] for number in row], noise), upright=upright)
        lines.append(Line(text=" ".join(word.text for word in words), polygon=polygon, words=tuple(words)))
    return lines, numbers


def _shape(polygon: Polygon, *, upright: bool) -> Polygon:
    if not upright:
        return polygon
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return ((min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys)))


def _parts(page: Composition, row: list[int], chance: random.Random) -> Iterator[list[int]]:
    """Split a line where the gap is wide, as a detector does."""
    part = [row[0]]
    for before, number in pairwise(row):
        gap = (page.words[number].left - page.words[before].right) / page.words[number].size
        if gap > 2.2 or (gap > 1.3 and chance.random() < 0.7):
            yield part
            part = []
        part.append(number)
    yield part


def _fuse_rows(rows: list[list[int]], page: Composition, chance: random.Random) -> list[list[int]]:
    """It joins boxes that are close together, even across two columns."""
    rows = sorted(rows, key=lambda row: (page.words[row[0]].turned, page.words[row[0]].left))
    open_rows: list[list[int]] = []
    for row in rows:
        first = page.words[row[0]]
        for other in open_rows:
            last = page.words[other[-1]]
            gap = (first.left - last.right) / min(first.size, last.size)
            level = abs(first.base - last.base) < 0.25 * first.size and last.turned == first.turned
            alike = max(first.size, last.size) < 1.3 * min(first.size, last.size)
            if level and alike and 0 < gap < 1.4 and chance.random() < (0.5 if gap < 0.9 else 0.12):
                other += row
                break
        else:
            open_rows.append(list(row))
    return open_rows
