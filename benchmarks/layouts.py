"""Composes a page: words with their places, and the order in which a person would read them.

Nothing is drawn: reading order works on boxes, so boxes are all that is made. Widths of letters are those of a common
serif; `layout_pages` composes pages from these parts, `layout_boxes` makes of them what an engine or a PDF would give.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum

from benchmarks.samples import WORDS

_WIDTHS = {
    **dict.fromkeys("iljtf.,;:'!|I()", 0.29),
    **dict.fromkeys("mwMW", 0.78),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 0.66),
}
_SPACE = 0.26


@dataclass(frozen=True)
class PlacedText:
    """A word on the page: its left and right end, its base line and the size of its type, in pixels."""

    text: str
    left: float
    right: float
    base: float
    size: float
    turned: int = 0


class Align(Enum):
    """How lines of a paragraph end."""

    JUSTIFIED = 0
    RAGGED = 1
    CENTRED = 2


@dataclass(frozen=True)
class Style:
    """How a text is set: size of the type and distance of base lines in pixels."""

    size: float
    leading: float
    align: Align = Align.JUSTIFIED
    indent: float = 0.0
    hyphenates: bool = True
    capital: bool = False

    def scale(self, factor: float) -> "Style":
        """The same in another size."""
        return replace(self, size=self.size * factor, leading=self.leading * factor)


@dataclass(frozen=True)
class Frame:
    """A column that text runs through."""

    left: float
    top: float
    width: float
    bottom: float


@dataclass(frozen=True)
class Hole:
    """A rectangle that text runs around."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass
class Composition:
    """The page so far.

    Attributes:
        words: All that was set.
        rows: Words that stand on one base line next to each other, as numbers of `words`.
        flow: Paragraphs in reading order, as numbers of `words`.
        floats: What may be read at the end of any paragraph: captions, insets, marginal notes, running heads.
        holes: Rectangles that running text avoids.
    """

    chance: random.Random
    width: float = 1654
    height: float = 2339
    words: list[PlacedText] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    flow: list[list[int]] = field(default_factory=list)
    floats: list[list[int]] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    _target: list[list[int]] | None = None

    @contextmanager
    def float_together(self) -> Iterator[None]:
        """Treat everything that is set inside the block as one float."""
        before, self._target = self._target, []
        yield
        self.floats.append([number for block in self._target for number in block])
        self._target = before

    def begin(self) -> None:
        """Begin a new paragraph."""
        target = self.flow if self._target is None else self._target
        if not target or target[-1]:
            target.append([])

    def put(self, words: Sequence[PlacedText]) -> None:
        """One row of a paragraph."""
        numbers = list(range(len(self.words), len(self.words) + len(words)))
        self.words += words
        self.rows.append(numbers)
        target = self.flow if self._target is None else self._target
        if not target:
            target.append([])
        target[-1] += numbers

    def text(self, left: float, base: float, text: str, size: float, *, space: float = _SPACE) -> float:
        """Set one row as given; returns where it ends."""
        placed, at = [], left
        for word in text.split():
            width = width_of(word, size)
            placed.append(PlacedText(word, at, at + width, base, size))
            at += width + space * size
        self.put(placed)
        return at - space * size

    def right(self, right: float, base: float, text: str, size: float) -> None:
        """One row that ends at `right`."""
        self.text(right - length_of(text, size), base, text, size)

    def write_centred(self, middle: float, base: float, text: str, size: float) -> None:
        """One row around `middle`."""
        self.text(middle - length_of(text, size) / 2, base, text, size)

    def write_alone(self, left: float, base: float, text: str, size: float) -> None:
        """One row that is a paragraph."""
        self.begin()
        self.text(left, base, text, size)


def width_of(word: str, size: float) -> float:
    """The width of a word, in pixels."""
    return size * sum(_WIDTHS.get(letter, 0.49) for letter in word)


def length_of(text: str, size: float) -> float:
    """The width of some words with their spaces, in pixels."""
    words = text.split()
    return sum(width_of(word, size) for word in words) + _SPACE * size * (len(words) - 1)


# --- words -----------------------------------------------------------------------------------------------------------


def sentence(chance: random.Random, words: int) -> list[str]:
    """A sentence of this many words."""
    chosen = [chance.choice(WORDS) for _ in range(words)]
    chosen = [word.capitalize() if chance.random() < 0.07 else word for word in chosen]
    chosen = [f"{chance.randint(2, 1990)}" if chance.random() < 0.02 else word for word in chosen]
    chosen = [word + "," if chance.random() < 0.08 else word for word in chosen]
    return [chosen[0].capitalize(), *chosen[1:-1], chosen[-1].rstrip(",") + chance.choice("....?")]


def prose(chance: random.Random, words: int) -> list[str]:
    """Sentences of about this many words in all."""
    made: list[str] = []
    while len(made) < words:
        made += sentence(chance, chance.randint(6, 24))
    return made


def phrase(chance: random.Random, least: int, most: int) -> str:
    """A heading, label or cell."""
    chosen = [chance.choice(WORDS) for _ in range(chance.randint(least, most))]
    return " ".join([chosen[0].capitalize(), *chosen[1:]])


def amount(chance: random.Random) -> str:
    """Money."""
    return f"{chance.uniform(0.5, 2500):,.2f}"


# --- paragraphs ------------------------------------------------------------------------------------------------------


@dataclass
class Pen:
    """Where the next line goes: frames in turn."""

    page: Composition
    frames: Sequence[Frame]
    at: int = 0
    base: float | None = None

    @property
    def frame(self) -> Frame | None:
        """The column it stands in; None at the end of all."""
        return self.frames[self.at] if self.at < len(self.frames) else None

    @property
    def is_fresh(self) -> bool:
        """Whether it stands at the top of a column."""
        return self.base is None

    def advance(self, leading: float) -> tuple[float, float, float] | None:
        """The left end, width and base of the next line; None if no room is left."""
        while frame := self.frame:
            base = frame.top + leading * 0.75 if self.base is None else self.base + leading
            self.base = base
            if base > frame.bottom:
                self.at, self.base = self.at + 1, None
                continue
            left, width = self._find_free(frame, base, leading)
            if width > 0.4 * frame.width:
                return left, width, base
        return None

    def skip(self, distance: float) -> None:
        """White space, unless at the top of a column."""
        if self.base is not None:
            self.base += distance

    def room(self) -> float:
        """Left in this column."""
        frame = self.frame
        return 0.0 if frame is None else frame.bottom - (frame.top if self.base is None else self.base)

    def _find_free(self, frame: Frame, base: float, leading: float) -> tuple[float, float]:
        left, right = frame.left, frame.left + frame.width
        for hole in self.page.holes:
            if hole.top < base + 0.3 * leading and hole.bottom > base - leading:
                if hole.left <= left + 1 and hole.right > left:
                    left = max(left, hole.right)
                elif hole.left < right and hole.right > left:
                    right = min(right, hole.left)
        return left, right - left


def paragraph(pen: Pen, words: Sequence[str], style: Style) -> bool:
    """Set a paragraph; returns whether all of it found room."""
    pen.page.begin()
    rest, is_first, before = list(words), True, (pen.at, pen.base)
    while rest:
        place = pen.advance(style.leading)
        if place is None:
            return False
        left, width, base = place
        if pen.at != before[0] or base - (before[1] or base) > 1.5 * style.leading:
            pen.page.begin()
        before = pen.at, base
        indent = max(0.0, style.indent if is_first else -style.indent)
        line, rest = _fill_line(rest, width - indent, style)
        _set(pen.page, line, (left + indent, width - indent, base), style, is_last=not rest)
        is_first = False
    return True


def _fill_line(words: list[str], width: float, style: Style) -> tuple[list[str], list[str]]:
    """The words that fit on a line, and the rest."""
    used, count = width_of(words[0], style.size), 1
    while count < len(words):
        more = _SPACE * style.size + width_of(words[count], style.size)
        if used + more > width:
            break
        used, count = used + more, count + 1
    line, rest = words[:count], words[count:]
    if rest and style.hyphenates and width - used > 0.12 * width and len(rest[0]) > 6:
        at = len(rest[0]) // 2
        while at > 1 and used + _SPACE * style.size + width_of(rest[0][:at] + "-", style.size) > width:
            at -= 1
        if at > 1:
            line, rest = [*line, rest[0][:at] + "-"], [rest[0][at:], *rest[1:]]
    return line, rest


def _set(page: Composition, line: list[str], place: tuple[float, float, float], style: Style, *, is_last: bool) -> None:
    left, width, base = place
    line = [word.upper() for word in line] if style.capital else line
    natural = sum(width_of(word, style.size) for word in line)
    space, at = _SPACE * style.size, left
    if style.align is Align.JUSTIFIED and not is_last and len(line) > 1:
        space = max(0.15 * style.size, (width - natural) / (len(line) - 1))
    elif style.align is Align.CENTRED:
        at = left + (width - natural - space * (len(line) - 1)) / 2
    placed = []
    for word in line:
        wide = width_of(word, style.size)
        placed.append(PlacedText(word, at, at + wide, base, style.size))
        at += wide + space
    page.put(placed)
