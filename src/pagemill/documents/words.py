"""Words of a line as files need them: each with what parts it from the one before. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from pagemill.domain.page.page import Line, Polygon, Word


@dataclass(frozen=True, slots=True)
class SpacedWord:
    """A word of a line.

    Attributes:
        word: The word.
        is_spaced: Whether a space stands before it; Chinese words follow each other without one.
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
        """The smallest that holds all its points."""
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        return cls(min(xs), min(ys), max(xs), max(ys))


def spaced_words(line: Line) -> Iterator[SpacedWord]:
    """The line's words in order; where it was not parted into words, the line as one.

    Whether a space stands before a word is read off the line's text; where the two do not agree, there is one.
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
