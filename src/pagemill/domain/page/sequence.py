"""Puts passages into reading order.

White space that runs right through a region cuts it: into columns, or, if something spans these, into bands from top
to bottom; bands that share a gutter stay together. If nothing can be cut (text around a quotation, headings over some
columns), T. Breuel's rules decide ("High performance document layout analysis", 2003): a passage comes before those
below it, and before those to its right unless something between the two spans both.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pagemill.domain.page.continuity import continuity
from pagemill.domain.page.passages import Passage

DEEPEST = 30
"""The most cuts within cuts; no real page comes near it."""

OVERHANG = 0.15
"""The share of its width by which a passage may reach into the next column."""

MOST_OVERHANG = 1.5
"""… but at most this many heights of the writing."""

TOUCHING = -0.4
"""In heights of the writing: engines draw boxes too high by this much, so lines below each other overlap."""

CAPTION_ROWS = 6
"""Rows of the longest caption or quotation that columns continue past."""

NO_DOUBT = 2.0
"""The least `continuity`, summed over all columns, that leaves no doubt."""

HEAD_ROWS = 4
"""Rows of the longest heading."""

NARROWEST_STRIP = 0.8
"""In heights of the writing: articles below each other are at least this far apart."""

APART = 1.0
"""In heights of the writing: a running head or page number is this far from everything else."""

Region = Sequence[Passage]


def in_sequence(passages: Region, size: float, depth: int = 0) -> list[Passage]:
    """The passages in reading order; `size` is the height of the writing."""
    if len(passages) < 2:
        return list(passages)
    if depth == DEEPEST:
        return sorted(passages, key=_from_top)
    parts = _without_furniture(passages, size) or _parts(passages, size)
    if len(parts) < 2:
        return _by_rules(passages, size)
    return [passage for part in parts for passage in in_sequence(part, size, depth + 1)]


def _from_top(passage: Passage) -> tuple[float, float]:
    return passage.y0, passage.x0


def _parts(passages: Region, size: float) -> list[list[Passage]]:
    """The columns or bands into which a region is cut; a single part if it cannot be cut."""
    columns, bands = _columns(passages, size), _bands(passages, TOUCHING * size)
    if len(columns) > 1 and (len(bands) < 2 or any(_stand_side_by_side(band, columns) for band in bands)):
        articles = _articles(passages, size)
        return articles if len(articles) > 1 else _with_common_articles(columns, size)
    parts = _join_bands(
        bands, lambda above, below: _shares_columns(above, below, size) and not _ends_between(above, below, size)
    )
    return _past_captions(parts, size)


def _past_captions(parts: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """Join bands whose columns continue below a caption or quotation that spans them all."""
    kept: list[list[Passage]] = []
    for part in parts:
        if len(kept) > 1 and _go_on_past(kept[-2], kept[-1], part, size):
            caption = kept.pop()
            kept[-1] = [*kept[-1], *part]
            kept.append(caption)
        else:
            kept.append(part)
    return kept


def _go_on_past(above: Region, between: Region, below: Region, size: float) -> bool:
    """Whether sentences leave no doubt that the text continues column by column past a few lines."""
    if sum(len(passage.rows) for passage in between) > CAPTION_ROWS:
        return False
    lower = _columns(below, size)
    upper = _columns(_under_what_spans(above, lower), size)
    if len(lower) < 2 or len(upper) != len(lower) or len(_columns([*above, *below], size)) < 2:
        return False
    return _by_columns(upper, lower) - _by_bands(upper, lower) >= NO_DOUBT


def _articles(passages: Region, size: float) -> list[list[Passage]]:
    """The articles: each is read to its end, all columns included, before what stands below it."""
    bands = _with_heads(_bands(passages, TOUCHING * size), size)
    return _join_bands(bands, lambda above, below: not _ends_between(above, below, size))


def _with_heads(bands: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """Bands, with each heading of a single column joined to what it heads."""
    parts: list[list[Passage]] = []
    for at in reversed(range(len(bands))):
        band = bands[at]
        is_head = parts and at and len(_columns(band, size)) == 1 and sum(len(one.rows) for one in band) <= HEAD_ROWS
        if is_head and _gap(band, parts[0]) < _gap(bands[at - 1], band):
            parts[0] = [*band, *parts[0]]
        else:
            parts.insert(0, band)
    return parts


def _gap(above: Region, below: Region) -> float:
    return min(passage.y0 for passage in below) - max(passage.y1 for passage in above)


def _with_common_articles(columns: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """Join columns that contain articles which run across them, one below the other."""
    parts: list[list[Passage]] = []
    for column in columns:
        if parts and len(_articles([*parts[-1], *column], size)) > 1:
            parts[-1] = [*parts[-1], *column]
        else:
            parts.append(column)
    return parts


def _columns(passages: Region, size: float) -> list[list[Passage]]:
    """The columns, left to right, with white space between them; overhanging ends do not count."""

    def extent(passage: Passage) -> tuple[float, float]:
        less = min(OVERHANG * passage.width, MOST_OVERHANG * size)
        return passage.x0 + less, passage.x1 - less

    return _cut(passages, extent, -0.2 * size)


def _bands(passages: Region, narrowest: float) -> list[list[Passage]]:
    """The bands, from top to bottom, with white space between them."""
    return _cut(passages, lambda passage: (passage.y0, passage.y1), narrowest)


def _cut(passages: Region, extent: Callable[[Passage], tuple[float, float]], narrowest: float) -> list[list[Passage]]:
    parts: list[list[Passage]] = []
    reach = 0.0
    for (start, end), passage in sorted(((extent(one), one) for one in passages), key=lambda entry: entry[0]):
        if not parts or start - reach > narrowest:
            parts.append([])
            reach = end
        parts[-1].append(passage)
        reach = max(reach, end)
    return parts


def _stand_side_by_side(band: Region, columns: Sequence[Region]) -> bool:
    """Whether a band contains parts of more than one column."""
    held = {id(passage) for passage in band}
    return sum(any(id(passage) in held for passage in column) for column in columns) > 1


def _join_bands(bands: Sequence[list[Passage]], goes_on: Callable[[Region, Region], bool]) -> list[list[Passage]]:
    """Join each band to the one before if that continues in it."""
    parts: list[list[Passage]] = []
    for band in bands:
        if parts and goes_on(parts[-1], band):
            parts[-1] = [*parts[-1], *band]
        else:
            parts.append(band)
    return parts


def _ends_between(above: Region, below: Region, size: float) -> bool:
    """Whether all columns end at the white strip between two bands, so that each band is read by itself.

    A wide strip speaks for it, and another number of columns below; against it, columns that begin at any height, and
    sentences that go on across it.
    """
    gap = _gap(above, below) / size
    if gap < NARROWEST_STRIP:
        return False
    lower = _columns(below, size)
    upper = _columns(_under_what_spans(above, lower), size)
    if min(len(upper), len(lower)) < 2:
        return False
    likely = 0.5 * min(gap, 4.0) - 1.0 + float(len(upper) != len(lower))
    if not all(_begins_level(column, below, size) for column in lower):
        likely -= 1.5
    return likely + _by_bands(upper, lower) > _by_columns(upper, lower)


def _begins_level(column: Region, below: Region, size: float) -> bool:
    """Whether a column begins at the same height as something in another column."""
    top = min(passage.y0 for passage in column)
    return any(abs(passage.y0 - top) < 0.5 * size for passage in below if passage not in column)


def _under_what_spans(above: Region, columns: Sequence[Region]) -> Region:
    """The part of a region below everything that spans several of these columns."""
    spanning = [passage for passage in above if sum(_overlap([passage], column) for column in columns) > 1]
    bottom = max((passage.y1 for passage in spanning), default=-math.inf)
    return [passage for passage in above if passage not in spanning and passage.y1 > bottom]


def _by_bands(upper: Sequence[Region], lower: Sequence[Region]) -> float:
    """How well sentences continue if each band is read to its end."""
    steps = [*pairwise(upper), (upper[-1], lower[0]), *pairwise(lower)]
    return sum(continuity(_end(before), _start(after)) for before, after in steps)


def _by_columns(upper: Sequence[Region], lower: Sequence[Region]) -> float:
    """How well sentences continue if each column is read through both bands."""
    steps = []
    last: Region | None = None
    for column in upper:
        beneath = [other for other in lower if _overlap(column, other)]
        for one in (column, *beneath):
            if last is not None:
                steps.append((last, one))
            last = one
    return sum(continuity(_end(before), _start(after)) for before, after in steps)


def _overlap(column: Region, other: Region) -> bool:
    left = max(min(passage.x0 for passage in column), min(passage.x0 for passage in other))
    right = min(max(passage.x1 for passage in column), max(passage.x1 for passage in other))
    return left < right


def _start(column: Region) -> str:
    return min(column, key=_from_top).first_text


def _end(column: Region) -> str:
    return max(column, key=lambda passage: passage.y1).last_text


def _shares_columns(above: Region, below: Region, size: float) -> bool:
    """Whether columns continue below a white strip, whatever spans them further up."""
    columns = _columns(below, size)
    upper = _under_what_spans(above, columns)
    if not upper:
        return False
    both = _columns([*upper, *below], size)
    if len(both) < 2 or not _stand_side_by_side(upper, both):
        return False
    return len(below) == 1 or _stand_side_by_side(below, both)


def _without_furniture(passages: Region, size: float) -> list[list[Passage]]:
    """A row that stands apart at the top or bottom, and the rest; empty if no row does."""
    bands = _bands(passages, APART * size)
    first, last = 0, len(bands)
    if len(bands) > 1 and _is_row(bands[0], size):
        first = 1
    if last - first > 1 and _is_row(bands[-1], size):
        last -= 1
    if (first, last) == (0, len(bands)):
        return []
    rest = [passage for band in bands[first:last] for passage in band]
    return [*bands[:first], rest, *bands[last:]]


def _is_row(band: Region, size: float) -> bool:
    high = max(passage.y1 for passage in band) - min(passage.y0 for passage in band)
    return sum(len(passage.rows) for passage in band) <= 3 and high < 1.8 * size


# --- where nothing can be cut ----------------------------------------------------------------------------------------


def _by_rules(passages: Region, size: float) -> list[Passage]:
    """The order by rules: passages that wait for no other, those below the last first; in a cycle, the least bound."""
    from_top = sorted(passages, key=_from_top)
    rules = _Rules(from_top, 0.35 * size)
    waiting = set(range(len(from_top)))
    order: list[int] = []
    while waiting:
        least = min(len(rules.before[at] & waiting) for at in waiting)
        ready = [at for at in waiting if len(rules.before[at] & waiting) == least]
        chosen = min(ready, key=lambda at: (not (order and rules.is_below(at, order[-1])), at))
        order.append(chosen)
        waiting.discard(chosen)
    return [from_top[at] for at in order]


class _Rules:
    """The passages, numbered from the top, that come before each passage."""

    def __init__(self, from_top: Region, slack: float) -> None:
        self._passages, self._slack = from_top, slack
        count = range(len(from_top))
        self._over = [{at for at in count if at != one and self._overlap(one, at)} for one in count]
        self._floats = {at for at in count if self._is_flowed_around(at)}
        self.before = [set(self._find_before(at)) for at in count]

    def is_below(self, at: int, last: int) -> bool:
        """Whether it continues the column of the last one."""
        return at in self._over[last] and at > last

    def _overlap(self, one: int, other: int) -> bool:
        first, second = self._passages[one], self._passages[other]
        return min(first.x1, second.x1) - max(first.x0, second.x0) > self._slack

    def _is_flowed_around(self, at: int) -> bool:
        """Whether a longer passage runs past it in the same column, so that it separates nothing."""
        passage = self._passages[at]
        beside = (self._passages[other] for other in self._over[at])
        return any(
            min(passage.y1, other.y1) - max(passage.y0, other.y0) > 0.5 * passage.height
            and len(other.rows) > len(passage.rows)
            for other in beside
        )

    def _find_before(self, at: int) -> Iterator[int]:
        passage = self._passages[at]
        for other in range(len(self._passages)):
            if other in self._over[at]:
                if other < at:
                    yield other
            elif self._passages[other].x0 < passage.x0 and not self._is_parted(at, other):
                yield other

    def _is_parted(self, one: int, other: int) -> bool:
        first, second = self._passages[one], self._passages[other]
        top, bottom = min(first.y1, second.y1) - self._slack, max(first.y0, second.y0) + self._slack
        spanning = (self._over[one] & self._over[other]) - self._floats
        return any(top <= self._passages[at].y0 and self._passages[at].y1 <= bottom for at in spanning)
