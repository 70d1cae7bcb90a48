"""A page's words as an invisible text layer: the operators of a PDF content stream. Pure."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pagemill.documents.words import Bounds, spaced_words
from pagemill.domain.page.page import Line, Page, Point, Polygon

ToUserSpace = Callable[[float, float], Point]
"""From pixels of the upright page to a PDF page's user space (y up)."""

UNITS = 1000
ADVANCE = 500
"""Width of every character of the glyphless font, in thousandths of its size."""

ASCENT = 800
DESCENT = -200
"""Above and below the baseline: together the font's size, so that a font of the word's height fills its box."""

_SMALLEST = 0.05
_WIDEST_SPACE = 3.0
"""In font sizes; words farther apart need no space between them."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A word in the form for the font.

    Attributes:
        text: Its characters.
        x: Start of its baseline, user space.
        y: Likewise.
        along: Unit vector of the direction of writing.
        length: Along the baseline.
        size: Of the font.
    """

    text: str
    x: float
    y: float
    along: Point
    length: float
    size: float

    def distance(self, following: "_Run") -> float:
        """From its start to that of the next word, measured along its baseline."""
        return (following.x - self.x) * self.along[0] + (following.y - self.y) * self.along[1]

    def gap(self, following: "_Run") -> float:
        """The width of the space before the next word."""
        return min(max(self.distance(following) - self.length, _SMALLEST * self.size), _WIDEST_SPACE * self.size)

    def joined(self, following: "_Run") -> "_Run":
        """The word extended to the next one, so that readers see no space between two Chinese words."""
        length = self.distance(following)
        return replace(self, length=length) if self.length < length < self.length + self.size else self


def text_stream(page: Page, *, font: str, encoded: Callable[[str], str], to_user_space: ToUserSpace) -> bytes:
    """Operators that show every word in its place without drawing it; empty without words.

    The stream restores the graphics state. Put it before the page's own content, where that state is still the initial
    one.

    Args:
        page: The page that was read.
        font: Name of the glyphless font among the page's resources.
        encoded: Text in that font's codes, hexadecimal.
        to_user_space: Maps a pixel of `page` to user space.
    """
    lines = [shown for line in page.lines if (shown := _line(line, font, encoded, to_user_space))]
    return f"q\n{''.join(lines)}Q\n".encode("ascii") if lines else b""


def _line(line: Line, font: str, encoded: Callable[[str], str], to_user_space: ToUserSpace) -> str:
    words = list(spaced_words(line))
    runs = [_run(spaced.word.text, spaced.word.polygon, to_user_space) for spaced in words]
    parts = []
    for at, run in enumerate(runs):
        following = runs[at + 1] if at + 1 < len(runs) else None
        if following is None:
            parts.append(_shown(run, font, encoded))
        elif words[at + 1].is_spaced:
            stretch = _stretch(run.gap(following), run.size, characters=1)
            parts.append(f"{_shown(run, font, encoded)}{stretch:.2f} Tz <{encoded(' ')}> Tj\n")
        else:
            parts.append(_shown(run.joined(following), font, encoded))
    return f"BT\n3 Tr\n{''.join(parts)}ET\n" if parts else ""


def _shown(run: _Run, font: str, encoded: Callable[[str], str]) -> str:
    across, up = run.along
    stretch = _stretch(run.length, run.size, characters=len(run.text))
    return (
        f"{font} {run.size:.3f} Tf {stretch:.2f} Tz "
        f"{across:.5f} {up:.5f} {-up:.5f} {across:.5f} {run.x:.3f} {run.y:.3f} Tm <{encoded(run.text)}> Tj\n"
    )


def _stretch(length: float, size: float, *, characters: int) -> float:
    """The horizontal scaling (Tz, per cent) at which this many characters have this length."""
    return 100 * length * UNITS / (ADVANCE * size * characters)


def _run(text: str, polygon: Polygon, to_user_space: ToUserSpace) -> _Run:
    first, second, third, fourth = (to_user_space(x, y) for x, y in _written_quad(text, polygon))
    along_x = (second[0] - first[0] + third[0] - fourth[0]) / 2
    along_y = (second[1] - first[1] + third[1] - fourth[1]) / 2
    down_x = (fourth[0] - first[0] + third[0] - second[0]) / 2
    down_y = (fourth[1] - first[1] + third[1] - second[1]) / 2
    length = max(math.hypot(along_x, along_y), _SMALLEST)
    across, up = along_x / length, along_y / length
    size = max(abs(across * down_y - up * down_x), _SMALLEST)
    lift = -DESCENT / UNITS * size
    return _Run(text, fourth[0] - up * lift, fourth[1] + across * lift, (across, up), length, size)


def _written_quad(text: str, polygon: Polygon) -> Iterator[Point]:
    """Four corners from the top left of the writing, clockwise.

    Outlines without exactly four corners count as the upright rectangle around them. An upright outline that is much
    higher than wide contains writing that runs down the page, such as vertical Chinese.
    """
    box = Bounds.of(polygon)
    corners = (
        polygon
        if len(polygon) == 4
        else ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    )
    (ax, ay), (bx, by), (cx, cy) = corners[:3]
    along, down = math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)
    if len(text) > 1 and down > 2 * along and abs(bx - ax) > abs(by - ay):
        corners = (*corners[1:], corners[0])
    return iter(corners)
