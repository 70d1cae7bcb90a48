"""Words of a line for output files, each with or without a space before it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from pagemill.domain.page.page import Line, Polygon, Word


@dataclass(frozen=True, slots=True)
class SpacedWord:
    """A word of a line.

    Attributes:
        word: The word.
        is_spaced: Whether a space comes before it; Chinese words follow each other without one.
    """

    word: Word
    is_spaced: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """The upright rectangle around a polygon, pixels, y down."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, polygon: Polygon) -> "Bounds":
        """The smallest rectangle around all its points."""
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        return cls(min(xs), min(ys), max(xs), max(ys))


def spaced_words(line: Line) -> Iterator[SpacedWord]:
    """The line's words in order, or the line as one word if it has none.

    The line's text says whether a space comes before a word; if the two disagree, there is a space.
    """
    words = line.words or (Word(text=line.text, polygon=line.polygon, confidence=line.confidence),)
    position = 0
    for word in words:
        found = line.text.find(word.text, position)
        is_spaced = found < 0 or found > position
        if found >= 0:
            position = found + len(word.text)
        if word.text.strip():
            yield SpacedWord(word, is_spaced and word is not words[0])
