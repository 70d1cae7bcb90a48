"""Decides whether columns end at a white strip that runs across them, or continue below it.

The score is a weighted sum of evidence. The weights are rounded from a logistic regression on composed pages
(`benchmarks/layout_pages.py`) other than those that judge it; each has the sign that a typesetter would give it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pagemill.domain.page.continuity import continuity
from pagemill.domain.page.cuts import (
    JUT,
    Region,
    bottom_of,
    columns_of,
    from_top,
    left_of,
    overlap,
    right_of,
    rows_in,
    top_of,
)
from pagemill.domain.page.passages import Passage

WIDE = 3.0
"""A wider strip or gutter adds no evidence, in heights of the writing."""

HEAD_ROWS = 4
"""Rows of the longest heading."""

LARGE = 1.15
"""The type of a heading is larger than this, in heights of the writing."""

NEAR = 1.2
"""A heading is closer than this to the text below it, in heights of the writing."""

CLEAR = 2.0
"""White space from the top to the bottom of a region that is wider than this parts panels, as in a leaflet."""

HEADLINE = 1.3
"""The type of a headline is at least this large, in heights of the writing."""

MANY_GAPS = 3
"""If this many gaps within columns are about as high as a strip, the strip is nothing special."""

_WEIGHTS = {
    "always": -1.8,
    "strip": 1.1,
    "gutter": -0.5,
    "panels": -2.0,
    "usual": -2.0,
    "other number of columns": 1.0,
    "one column above": 1.0,
    "lone head": 2.5,
    "spanning head": 2.0,
    "tail": -2.0,
    "same edges": -1.1,
    "level": 1.5,
    "heads": 0.8,
    "sentences": 0.4,
}


@dataclass(frozen=True)
class Setting:
    """The region in which a strip lies.

    Attributes:
        gaps: Heights of gaps between passages of a column while another column continues beside them, pixels.
        gutter: The narrowest white space between columns that nothing in the region crosses, pixels; 0 if there is
            none.
    """

    gaps: Sequence[float]
    gutter: float

    @classmethod
    def of(cls, bands: Sequence[Region], size: float) -> "Setting":
        """The setting of the strips between these bands."""
        return cls(
            _gaps_within_columns(bands, size), _narrowest(columns_of([one for band in bands for one in band], size))
        )


@dataclass(frozen=True)
class Strip:
    """A white strip and the regions above and below it.

    Attributes:
        upper: The columns above it, below anything that spans several of them.
        lower: The columns below it, above anything that spans several of them.
        through: The two parts of each column that is on both sides.
        gutter: The narrowest white space between columns, pixels.
    """

    above: Region
    below: Region
    size: float
    upper: Sequence[Region]
    lower: Sequence[Region]
    through: Sequence[tuple[Region, Region]]
    gutter: float

    @classmethod
    def between(cls, above: Region, below: Region, size: float) -> "Strip":
        """The strip between two bands."""
        facing = columns_of([*_outermost(above, is_last=True), *_outermost(below, is_last=False)], size)
        hanging, standing = under_what_spans(above, facing), _over_what_spans(below, facing)
        upper, lower = columns_of(hanging, size), columns_of(standing, size)
        columns = columns_of([*hanging, *standing], size)
        held = {id(passage) for passage in hanging}
        parted = [
            ([one for one in column if id(one) in held], [one for one in column if id(one) not in held])
            for column in columns
        ]
        through = [(over, under) for over, under in parted if over and under] if len(columns) > 1 else []
        return cls(above, below, size, upper, lower, through, _narrowest(columns))

    @property
    def height(self) -> float:
        """The strip's height, in heights of the writing."""
        return (top_of(self.below) - bottom_of(self.above)) / self.size

    @property
    def is_over_lone_head(self) -> bool:
        """Whether only a heading in large type is below: one of a single column would be joined to its text."""
        sizes = [row.size for passage in self.below for row in passage.rows]
        is_large = min(sizes) > LARGE * self.size
        return is_large and len(sizes) <= HEAD_ROWS and len(self.lower) == 1 and self.height > NEAR

    @property
    def is_over_spanning_head(self) -> bool:
        """Whether a headline below spans several columns that are above."""
        first = min(self.below, key=from_top)
        return first.rows[0].size >= HEADLINE * self.size and _count_under([first], self._last) > 1

    @property
    def is_over_tail(self) -> bool:
        """Whether only one column continues below."""
        is_one = len(self.lower) == 1 and not self.is_over_lone_head
        return is_one and _count_under(self.lower[0], self._last) < 2

    @cached_property
    def _last(self) -> Sequence[Region]:
        """What the columns above end with."""
        return columns_of(_outermost(self.above, is_last=True), self.size)


def _count_under(region: Region, columns: Sequence[Region]) -> int:
    return sum(overlap(region, column) for column in columns)


def _narrowest(columns: Sequence[Region]) -> float:
    return min((left_of(right) - right_of(left) for left, right in pairwise(columns)), default=0.0)


def columns_end(above: Region, below: Region, setting: Setting, size: float) -> bool:
    """Whether everything above a strip is read before everything below it.

    Args:
        above: The band above the strip, or several that are read as one.
        below: The band below.
        setting: The region.
        size: Height of the writing, pixels.
    """
    strip = Strip.between(above, below, size)
    if not strip.through:
        return True
    return sum(_WEIGHTS[name] * value for name, value in evidence(strip, setting).items()) > 0


def is_headline(above: Region, band: Region, below: Region, setting: Setting, size: float) -> bool:
    """Whether a band is a headline over all columns of the band below it.

    It may be shorter than they are wide, but nothing stands beside it, and they begin level right below it.
    """
    first = min(band, key=from_top)
    large = first.rows[0].size
    if large < HEADLINE * size or rows_in(band) > HEAD_ROWS or len(columns_of(band, size)) > 1:
        return False
    columns = columns_of(_outermost(below, is_last=False), size)
    tops = [top_of(column) for column in columns]
    is_near = min(tops) - bottom_of(band) < NEAR * large
    is_left = abs(left_of(band) - left_of(below)) < size
    others = columns_of(_outermost(above, is_last=True), size)
    is_other = len(columns) > 1 and len(others) not in {1, len(columns)} and setting.gutter <= CLEAR * size
    is_new = is_other or _count_under(band, columns) > 1
    return is_new and max(tops) - min(tops) < 0.5 * size and is_near and is_left


def evidence(strip: Strip, setting: Setting) -> dict[str, float]:
    """The features that show an end, each of the order of 1."""
    upper, lower, size = strip.upper, strip.lower, strip.size
    usual = sum(gap > 0.85 * strip.height * size for gap in setting.gaps)
    level = sum(_begins_level(column, strip.below, size) for column in lower) if len(lower) > 1 else 0
    same = sum(_have_same_edges(over, under, size) for over, under in strip.through) / len(strip.through)
    return {
        "always": 1.0,
        "strip": min(WIDE, max(0.0, strip.height)),
        "gutter": min(WIDE, max(0.0, strip.gutter / size)),
        "panels": float(setting.gutter > CLEAR * size),
        "usual": min(MANY_GAPS, usual) / MANY_GAPS,
        "other number of columns": float(len(upper) != len(lower) and min(len(upper), len(lower)) > 1),
        "one column above": float(len(upper) == 1),
        "lone head": float(strip.is_over_lone_head),
        "spanning head": float(strip.is_over_spanning_head),
        "tail": same if strip.is_over_tail else 0.0,
        "same edges": same,
        "level": level / len(lower),
        "heads": float(len(lower) > 1 and any(_begins_large(column, size) for column in lower)),
        "sentences": by_bands(upper, lower) - by_columns(upper, lower),
    }


def _gaps_within_columns(bands: Sequence[Region], size: float) -> list[float]:
    gaps: list[float] = []
    for band in bands:
        for column in columns_of(band, size) if len(band) > 1 else ():
            reach = -math.inf
            for passage in sorted(column, key=from_top):
                if -math.inf < reach < passage.y0:
                    gaps.append(passage.y0 - reach)
                reach = max(reach, passage.y1)
    return gaps


def under_what_spans(above: Region, columns: Sequence[Region]) -> Region:
    """The part of a region below everything that spans several of these columns."""
    spanning = [passage for passage in above if sum(overlap([passage], column) for column in columns) > 1]
    bottom = max((passage.y1 for passage in spanning), default=-math.inf)
    return [passage for passage in above if passage not in spanning and passage.y1 > bottom]


def _over_what_spans(below: Region, columns: Sequence[Region]) -> Region:
    """The part of a region above everything that spans several of these columns."""
    spanning = [passage for passage in below if sum(overlap([passage], column) for column in columns) > 1]
    top = min((passage.y0 for passage in spanning), default=math.inf)
    return [passage for passage in below if passage not in spanning and passage.y0 < top]


def _outermost(region: Region, *, is_last: bool) -> Region:
    """The first passages in each column of the region, or the last ones."""
    found: list[Passage] = []
    hidden: list[tuple[float, float]] = []
    for passage in sorted(region, key=lambda one: -one.y1 if is_last else one.y0):
        met = [(left, right) for left, right in hidden if _meets(passage, left, right)]
        if not met:
            found.append(passage)
        ends = [*met, (passage.x0, passage.x1)]
        hidden = [span for span in hidden if span not in met]
        hidden.append((min(left for left, _ in ends), max(right for _, right in ends)))
    return found


def _meets(passage: Passage, left: float, right: float) -> bool:
    return min(passage.x1, right) - max(passage.x0, left) > JUT * min(passage.width, right - left)


def by_bands(upper: Sequence[Region], lower: Sequence[Region]) -> float:
    """How well sentences continue if each band is read to its end."""
    steps = [*pairwise(upper), (upper[-1], lower[0]), *pairwise(lower)]
    return sum(continuity(_end(before), _start(after)) for before, after in steps)


def by_columns(upper: Sequence[Region], lower: Sequence[Region]) -> float:
    """How well sentences continue if each column is read through both bands."""
    order: list[Region] = []
    for column in upper:
        order += [column, *(other for other in lower if overlap(column, other))]
    return sum(continuity(_end(before), _start(after)) for before, after in pairwise(order))


def _begins_level(column: Region, below: Region, size: float) -> bool:
    """Whether a column begins at the same height as something in another column."""
    top = top_of(column)
    return any(abs(passage.y0 - top) < 0.5 * size for passage in below if passage not in column)


def _begins_large(column: Region, size: float) -> bool:
    return min(column, key=from_top).rows[0].size > LARGE * size


def _have_same_edges(above: Region, below: Region, size: float) -> bool:
    """Whether two regions are about as wide and share an edge."""
    left, right = abs(left_of(above) - left_of(below)), abs(right_of(above) - right_of(below))
    widths = [right_of(region) - left_of(region) for region in (above, below)]
    return min(left, right) < size and abs(widths[0] - widths[1]) < 0.25 * max(widths)


def _start(column: Region) -> str:
    return min(column, key=from_top).first_text


def _end(column: Region) -> str:
    return max(column, key=lambda passage: passage.y1).last_text
