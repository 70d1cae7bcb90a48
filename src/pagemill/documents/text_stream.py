"""A page's words as an invisible text layer: the operators of a PDF content stream. Pure."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from unicodedata import category, east_asian_width

from pagemill.documents.bidi import drawn_words
from pagemill.documents.words import Bounds, spaced_words
from pagemill.domain.page.direction import has_letters_from_right, runs_from_right
from pagemill.domain.page.page import Line, Page, Point, Polygon, Word

ToUserSpace = Callable[[float, float], Point]
"""From pixels of the upright page to a PDF page's user space (y up)."""

UNITS = 1000
ADVANCE = 500
"""Width of a character of the glyphless font, in thousandths of its size; marks over and under letters have none."""

_MARKS = "\u200b\u200c\u200d\u200e\u200f"
"""Characters between letters that are never drawn."""

MARKS_OF_DIRECTION = "\u200e\u200f"
_DIRECTION = re.compile(f"([{MARKS_OF_DIRECTION}])")

ASCENT = 800
DESCENT = -200
"""Above and below the baseline: together the font's size, so that a font of the word's height fills its box."""

_SMALLEST = 0.05
_WIDEST_SPACE = 3.0
"""In font sizes; words farther apart need no space between them."""

_NARROWEST_SPACE = 0.15
"""In font sizes; poppler ignores spaces and parts words that are 0.1 apart."""

_WIDEST_SPACE_DRAWN = 0.5
"""In font sizes, in lines with text from right to left: pdf.js reads parts that are 0.6 apart from left to right."""

_LEAST_LENGTH = 0.5
"""Share of a word's length that stays when it is cut short."""

_NEARLY_LEVEL = 0.02
"""Slope of a line that counts as none, about a degree: each of its words has its own height anyway."""

_LEAST_ASPECT = 2.0
"""An upright outline with at least this height over width holds writing that runs down."""

_LEAST_ASPECT_WIDE = 1.5
"""Likewise, of letters as wide as high (Chinese): two of them run down in an outline twice as high as wide."""

_NARROW_LETTERS = 7.0
"""Height over width of a level line, times its letters, if these are narrow: "il" is 3.3 times as high as wide."""


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
        is_spaced: Whether a space comes before it.
        begins: Whether it is the first word from right to left in a line of the other direction …
        ends: … or the last.
    """

    text: str
    x: float
    y: float
    along: Point
    length: float
    size: float
    is_spaced: bool = False
    begins: bool = False
    ends: bool = False

    def distance(self, following: "_Run") -> float:
        """From its start to that of the next word, measured along its baseline."""
        return (following.x - self.x) * self.along[0] + (following.y - self.y) * self.along[1]

    def gap(self, following: "_Run") -> float:
        """The width of the space before the next word."""
        return min(max(self.distance(following) - self.length, _SMALLEST * self.size), _WIDEST_SPACE * self.size)

    def cut_before(self, following: "_Run") -> "_Run":
        """The word shortened before the next one, so that readers who measure gaps see a space."""
        shortest = self.length * _LEAST_LENGTH
        length = max(min(self.length, self.distance(following) - _NARROWEST_SPACE * self.size), shortest)
        return replace(self, length=length)

    def extend_near(self, following: "_Run") -> "_Run":
        """The word extended to a narrow space before the next one."""
        return replace(self, length=max(self.length, self.distance(following) - _WIDEST_SPACE_DRAWN * self.size))

    def move_onto(self, other: "_Run") -> "_Run":
        """The word on the baseline of another and as high: pdf.js parts words of different heights."""
        ahead = other.distance(self)
        x, y = other.x + ahead * other.along[0], other.y + ahead * other.along[1]
        return replace(self, x=x, y=y, along=other.along, size=other.size)

    def join(self, other: "_Run") -> "_Run":
        """Both as one word, its text in their order."""
        distance = self.distance(other)
        left, right = (self, other) if distance >= 0 else (other, self)
        length = max(left.length, abs(distance) + right.length)
        return replace(self, text=self.text + other.text, x=left.x, y=left.y, length=length)

    def extend_to(self, following: "_Run") -> "_Run":
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
    runs_down = _runs_down(line)
    runs = [
        replace(_run(spaced.word, to_user_space, runs_down=runs_down), is_spaced=spaced.is_spaced)
        for spaced in spaced_words(line)
    ]
    if axis := _axis(line, to_user_space, runs_down=runs_down):
        runs = [replace(run, along=axis) for run in runs]
    if has_letters_from_right(run.text for run in runs):
        along = axis or _run(Word(text=line.text, polygon=line.polygon), to_user_space, runs_down=runs_down).along
        highest = replace(max(runs, key=lambda run: run.size), along=along)
        runs = _as_drawn(run.move_onto(highest) for run in runs)
    parts = []
    for run, following in zip(runs, (*runs[1:], None), strict=True):
        if following is None:
            parts.append(_show_run(run, font, encoded))
        elif following.is_spaced:
            shorter = run.cut_before(following)
            stretch = _stretch(shorter.gap(following), run.size, characters=1)
            parts.append(f"{_show_run(shorter, font, encoded)}{stretch:.2f} Tz <{encoded(' ')}> Tj\n")
        else:
            parts.append(_show_run(run.extend_to(following), font, encoded))
    return f"BT\n3 Tr\n{''.join(parts)}ET\n" if parts else ""


def _as_drawn(runs: Iterable[_Run]) -> list[_Run]:
    """The words from left to right, with their letters likewise: PDF readers turn such lines themselves.

    The line runs from right to left if its last word is to the left of its first. In a line that runs from left to
    right, words of the other direction are marked as one piece of content. Otherwise pdf.js takes a line with many of
    them for one that runs from right to left.
    """
    words: list[_Run] = []
    for run in runs:
        words[-1:] = [words[-1].join(run)] if words and not run.is_spaced else [*words[-1:], run]
    ahead = words[0].distance(words[-1])
    from_right = ahead < 0 if ahead else runs_from_right([words[0].text])
    places = sorted(words, key=words[0].distance)
    texts = drawn_words([word.text for word in words], from_right=from_right)
    turns = [not from_right and has_letters_from_right([text]) for text in texts]
    drawn = [
        replace(place, text=text, is_spaced=True, begins=turns[at] and not before, ends=turns[at] and not after)
        for at, (place, text, before, after) in enumerate(
            zip(places, texts, (False, *turns[:-1]), (*turns[1:], False), strict=True)
        )
    ]
    return [*(run.extend_near(following) for run, following in pairwise(drawn)), drawn[-1]]


def _show_run(run: _Run, font: str, encoded: Callable[[str], str]) -> str:
    across, up = run.along
    stretch = _stretch(run.length, run.size, characters=sum(map(advance, run.text)) // ADVANCE or 1)
    shown = (
        f"{font} {run.size:.3f} Tf {stretch:.2f} Tz "
        f"{across:.5f} {up:.5f} {-up:.5f} {across:.5f} {run.x:.3f} {run.y:.3f} Tm {_show_text(run.text, encoded)}"
    )
    return "/Span BMC\n" * run.begins + shown + "EMC\n" * run.ends


def _show_text(text: str, encoded: Callable[[str], str]) -> str:
    """The text, with each mark of direction by itself: pdfium skips what has no width, and its users find the words."""
    return "".join(f"<{encoded(part)}> Tj\n" for part in _DIRECTION.split(text) if part)


def advance(letter: str) -> int:
    """The width of a character of the glyphless font; none if it is drawn over or under a letter, or not at all."""
    return 0 if letter in _MARKS or all(category(part) in ("Mn", "Me") for part in letter) else ADVANCE


def _stretch(length: float, size: float, *, characters: int) -> float:
    """The horizontal scaling (Tz, per cent) at which this many characters have this length."""
    return 100 * length * UNITS / (ADVANCE * size * characters)


def _run(word: Word, to_user_space: ToUserSpace, *, runs_down: bool) -> _Run:
    corners = _written_quad(word.polygon, runs_down=runs_down)
    first, second, third, fourth = (to_user_space(x, y) for x, y in corners)
    along_x = (second[0] - first[0] + third[0] - fourth[0]) / 2
    along_y = (second[1] - first[1] + third[1] - fourth[1]) / 2
    down_x = (fourth[0] - first[0] + third[0] - second[0]) / 2
    down_y = (fourth[1] - first[1] + third[1] - second[1]) / 2
    length = max(math.hypot(along_x, along_y), _SMALLEST)
    across, up = along_x / length, along_y / length
    size = max(abs(across * down_y - up * down_x), _SMALLEST)
    lift = -DESCENT / UNITS * size
    return _Run(word.text, fourth[0] - up * lift, fourth[1] + across * lift, (across, up), length, size)


def _axis(line: Line, to_user_space: ToUserSpace, *, runs_down: bool) -> Point | None:
    """The direction of a line that runs along the page, or nearly; None for any other.

    Outlines of words differ by fractions of a degree, and those of words misplaced in their line by more: a level line
    is level as a whole.
    """
    whole = Word(text=line.text, polygon=line.polygon)
    across, up = _run(whole, to_user_space, runs_down=runs_down).along
    if min(abs(across), abs(up)) > _NEARLY_LEVEL:
        return None
    return (math.copysign(1.0, across), 0.0) if abs(across) > abs(up) else (0.0, math.copysign(1.0, up))


def _runs_down(line: Line) -> bool:
    """Whether an upright outline holds writing that runs down the page, such as vertical Chinese.

    The line as a whole says so: words of a few narrow letters ("I", "ill") are higher than wide in level lines, too.
    """
    text = "".join(line.text.split())
    if len(text) < 2 or not _is_upright(line.polygon):
        return False
    first, second, third, _ = _corners(line.polygon)
    along, down = math.dist(first, second), math.dist(second, third)
    narrowest = _LEAST_ASPECT_WIDE if any(map(_is_wide, text)) else max(_LEAST_ASPECT, _NARROW_LETTERS / len(text))
    return down > narrowest * along


def _is_wide(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def _is_upright(polygon: Polygon) -> bool:
    first, second, _, _ = _corners(polygon)
    return abs(second[0] - first[0]) > abs(second[1] - first[1])


def _corners(polygon: Polygon) -> Polygon:
    """Four corners; outlines without exactly four count as the upright rectangle around them."""
    if len(polygon) == 4:
        return polygon
    box = Bounds.of(polygon)
    return ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))


def _written_quad(polygon: Polygon, *, runs_down: bool) -> Polygon:
    """Four corners from the top left of the writing, clockwise."""
    corners = _corners(polygon)
    return (*corners[1:], corners[0]) if runs_down and _is_upright(polygon) else corners
