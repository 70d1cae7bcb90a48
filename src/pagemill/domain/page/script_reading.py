"""Merges lines that an engine for their script has read again into a page. Pure."""

from collections.abc import Sequence

from pagemill.domain.page.doubt import is_doubtful_line
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Block, BlockKind, Line, Page, Rectangle, Word
from pagemill.domain.page.reading_order import blocks_in_reading_order

_READ_WELL = 0.9
_MOST = 0.7
"""If well-read words of the first reading fill more than this share of a line's width, the line stays as it was."""

_SAME_PLACE = 0.5


def add_second_reading(page: Page, lines: Sequence[Line]) -> Page:
    """The page with these lines in place of the words that were read there before.

    Numbers and Latin words that the first engine read with high confidence stay.

    Args:
        page: The first reading.
        lines: The second reading of parts of it, in pixels of the page.
    """
    better = [_keep_sure_words(line, sure) for line in lines if (sure := _sure_words(page, line)) is not None]
    if not better:
        return page
    boxes = [_box(line.polygon) for line in better]
    if all(block.kind is BlockKind.TEXT for block in page.blocks):
        left = [kept for line in page.lines if (kept := _outside(line, boxes)) is not None]
        blocks = blocks_in_reading_order([*left, *better], width_px=page.width_px, height_px=page.height_px)
    else:
        blocks = (
            *_blocks_outside(page, boxes),
            *blocks_in_reading_order(better, width_px=page.width_px, height_px=page.height_px),
        )
    return page.model_copy(update={"blocks": blocks})


def _sure_words(page: Page, line: Line) -> list[Word] | None:
    """Well-read words in the place of the line; None if they are nearly all of it."""
    box = _box(line.polygon)
    inside = [
        word
        for old in page.lines
        if not is_doubtful_line(old)
        for word in old.words or (Word(text=old.text, polygon=old.polygon, confidence=old.confidence),)
        if _has_middle_in(word, box)
    ]
    sure = [word for word in inside if word.confidence is None or word.confidence >= _READ_WELL]
    width = sum(right - left for left, _, right, _ in (_box(word.polygon) for word in sure))
    return None if width > _MOST * (box[2] - box[0]) else sure


def _keep_sure_words(line: Line, sure: Sequence[Word]) -> Line:
    words = tuple(_prefer_sure(word, sure) for word in line.words)
    if words == line.words:
        return line
    return line.model_copy(update={"words": words, "text": " ".join(word.text for word in words)})


def _prefer_sure(word: Word, sure: Sequence[Word]) -> Word:
    box = _box(word.polygon)
    for other in sure:
        if _is_telling(other.text) and _share_of(_box(other.polygon), box) >= _SAME_PLACE:
            return word.model_copy(update={"text": other.text, "confidence": other.confidence})
    return word


def _is_telling(text: str) -> bool:
    return len(text) > 1 and any(letter.isdigit() or (letter.isascii() and letter.isalpha()) for letter in text)


def _outside(line: Line, boxes: Sequence[Rectangle]) -> Line | None:
    words = line.words or (Word(text=line.text, polygon=line.polygon, confidence=line.confidence),)
    left = [word for word in words if not any(_has_middle_in(word, box) for box in boxes)]
    if len(left) == len(words):
        return line
    if not left:
        return None
    text = " ".join(word.text for word in left)
    return line.model_copy(update={"text": text, "words": tuple(left), "polygon": enclosing_polygon(left)})


def _blocks_outside(page: Page, boxes: Sequence[Rectangle]) -> list[Block]:
    """The blocks with the lines that lie outside; tables keep their lines, because their cells refer to them."""
    kept = []
    for block in page.blocks:
        if block.table is not None or not block.lines:
            kept.append(block)
            continue
        lines = tuple(left for line in block.lines if (left := _outside(line, boxes)) is not None)
        if lines or block.picture is not None:
            kept.append(block.model_copy(update={"lines": lines}))
    return kept


def _has_middle_in(word: Word, box: Rectangle) -> bool:
    left, top, right, bottom = _box(word.polygon)
    x, y = (left + right) / 2, (top + bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _share_of(one: Rectangle, other: Rectangle) -> float:
    """Length that both share along the line, over that of the longer one."""
    both = min(one[2], other[2]) - max(one[0], other[0])
    return both / max(one[2] - one[0], other[2] - other[0], 1.0)


def _box(polygon: Sequence[tuple[float, float]]) -> Rectangle:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)
