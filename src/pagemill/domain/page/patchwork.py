"""Puts a page together from known words and from parts that were recognised. Pure.

known words ─────────────────────────┐
part, read upright ──▶ on the page ──┼──▶ all turned like most of the writing ──▶ one reading order
part, read upright ──▶ on the page ──┘
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Line, Page, PageSource, Point, Polygon, Rectangle, Word
from pagemill.domain.page.reading_order import blocks_in_reading_order

_SAME = 0.5
"""A recognised word is a known word read again if known words cover this share of it."""


@dataclass(frozen=True)
class Patch:
    """A part of a page image that was read as a separate page.

    Attributes:
        page: What was read, in pixels of the part, turned upright by `page.rotation`.
        left: The part's left edge, in pixels of the stored page.
        top: The part's top edge, likewise.
    """

    page: Page
    left: int = 0
    top: int = 0


@dataclass(frozen=True)
class _Turn:
    """From pixels of a picture that was turned upright to those of the picture as stored, or the other way."""

    degrees: int
    width: float
    height: float

    def to_stored(self, point: Point) -> Point:
        """`width` and `height` are those of the upright picture."""
        x, y = point
        match self.degrees % 360:
            case 90:
                return y, self.width - x
            case 180:
                return self.width - x, self.height - y
            case 270:
                return self.height - y, x
            case _:
                return point

    def to_upright(self, point: Point) -> Point:
        """`width` and `height` are those of the stored picture."""
        return _Turn(-self.degrees, self.width, self.height).to_stored(point)


def patch_page(known: Page, patches: Sequence[Patch]) -> Page:
    """The known page with the words that were recognised beside its own, each word with its source.

    A recognised word in the place of a known one is left out. If nothing was recognised, the result is the known page.

    Args:
        known: Words of the text layer.
        patches: Parts of the page's stored picture, which has as many pixels as the known page.
    """
    upright = _Turn(known.rotation, known.width_px, known.height_px)
    size = known.width_px, known.height_px
    stored_size = size if known.rotation % 180 == 0 else (size[1], size[0])
    ours = [_move_line(line, upright.to_stored, PageSource.TEXT_LAYER) for line in known.lines]
    taken = [_box(word.polygon) for line in ours for word in line.words]
    read = [left for patch in patches for line in _stored_lines(patch) if (left := _without_taken(line, taken))]
    if not read:
        return known
    rotation = _rotation(known, patches)
    back = _Turn(rotation, *stored_size)
    lines = [_move_line(line, back.to_upright) for line in (*ours, *read)] if rotation else [*ours, *read]
    width_px, height_px = stored_size if rotation % 180 == 0 else (stored_size[1], stored_size[0])
    first = patches[0].page
    return known.model_copy(
        update={
            "width_px": width_px,
            "height_px": height_px,
            "rotation": rotation,
            "source": PageSource.MIXED if ours else PageSource.OCR,
            "engine": first.engine,
            "profile": first.profile,
            "blocks": blocks_in_reading_order(lines, width_px=width_px, height_px=height_px),
        }
    )


def _rotation(known: Page, patches: Sequence[Patch]) -> int:
    """The direction of most of the writing; if there is a tie, that of the known words."""
    letters = Counter({known.rotation: len(known.text)})
    for patch in patches:
        letters[patch.page.rotation] += len(patch.page.text)
    return max(letters, key=letters.__getitem__)


def _stored_lines(patch: Patch) -> Iterator[Line]:
    turn = _Turn(patch.page.rotation, patch.page.width_px, patch.page.height_px)

    def move(point: Point) -> Point:
        x, y = turn.to_stored(point)
        return x + patch.left, y + patch.top

    return (_move_line(line, move, PageSource.OCR) for line in patch.page.lines)


def _move_line(line: Line, moved: Callable[[Point], Point], source: PageSource | None = None) -> Line:
    """The line at another place; with a source, its words get that source, and it gets words if it has none."""
    words = line.words or (Word(text=line.text, polygon=line.polygon, confidence=line.confidence),)
    return line.model_copy(
        update={
            "polygon": tuple(map(moved, line.polygon)),
            "words": tuple(
                word.model_copy(update={"polygon": tuple(map(moved, word.polygon)), "source": source or word.source})
                for word in words
            ),
        }
    )


def _without_taken(line: Line, taken: Sequence[Rectangle]) -> Line | None:
    """The line without words in the places of known words; None if no word remains."""
    kept = [word for word in line.words if not _is_taken(_box(word.polygon), taken)]
    if len(kept) == len(line.words):
        return line
    if not kept:
        return None
    text = " ".join(word.text for word in kept)
    return line.model_copy(update={"text": text, "words": tuple(kept), "polygon": _outline(kept)})


def _is_taken(box: Rectangle, taken: Sequence[Rectangle]) -> bool:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return sum(_shared_area(box, other) for other in taken) > _SAME * area


def _shared_area(one: Rectangle, other: Rectangle) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outline(words: Sequence[Word]) -> Polygon:
    return enclosing_polygon([Line(text=word.text, polygon=word.polygon) for word in words])


def _box(polygon: Polygon) -> Rectangle:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
