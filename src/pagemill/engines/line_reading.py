"""What a reader of single lines returns. Only workers import this."""

from dataclasses import dataclass

from pagemill.domain.page.page import Rectangle


@dataclass(frozen=True)
class LineReading:
    """What was read in the picture of a line.

    Attributes:
        text: In reading order.
        confidence: 0 … 1.
        words: Places and confidences of its words in the picture, as the engine counts words.
    """

    text: str
    confidence: float
    words: tuple[tuple[Rectangle, float], ...]
