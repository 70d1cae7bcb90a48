"""Puts passages into reading order.

White space that runs right through a region cuts it: at strips where columns end, into parts that are read one below
the other; otherwise into columns. If nothing can be cut, rules decide.
"""

from collections.abc import Callable, Sequence

from pagemill.domain.page.cuts import (
    Region,
    bands_of,
    bottom_of,
    columns_of,
    from_top,
    overlap,
    rows_in,
    top_of,
)
from pagemill.domain.page.passages import Passage
from pagemill.domain.page.rules import ordered_by_rules
from pagemill.domain.page.strips import (
    HEAD_ROWS,
    Setting,
    by_bands,
    by_columns,
    columns_end,
    is_headline,
    under_what_spans,
)

DEEPEST = 30
"""Maximum depth of cuts within cuts; no real page comes near it."""

CAPTION_ROWS = 6
"""Rows of the longest caption or quotation that columns continue past."""

NO_DOUBT = 2.0
"""The least `continuity`, summed over all columns, that leaves no doubt."""

APART = 1.0
"""A running head or page number is this far from everything else, in heights of the writing."""


def in_sequence(passages: Region, size: float) -> list[Passage]:
    """The passages of a page in reading order; `size` is the height of the writing."""
    head, body, foot = _furniture(passages, size)
    return [*_in_sequence(head, size), *_in_sequence(body, size), *_in_sequence(foot, size)]


def _in_sequence(passages: Region, size: float, depth: int = 0, *, is_whole: bool = False) -> list[Passage]:
    """Order a region. `is_whole` says that its columns are known to continue to its bottom."""
    if len(passages) < 2:
        return list(passages)
    if depth == DEEPEST:
        return sorted(passages, key=from_top)
    parts = [] if is_whole else _past_captions(_articles(bands_of(passages, size), size), size)
    is_whole = len(parts) > 1
    if not is_whole:
        parts = _with_common_articles(columns_of(passages, size), size)
    if len(parts) < 2:
        return ordered_by_rules(passages, size)
    return [one for part in parts for one in _in_sequence(part, size, depth + 1, is_whole=is_whole)]


def _articles(bands: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """The articles: each is read to its end, all columns included, before what is below it."""
    setting = Setting.of(bands, size)

    def goes_on(above: Region, below: Region) -> bool:
        return not columns_end(above, below, setting, size)

    groups = _parted_at_headlines(bands, setting, size)
    return [part for group in groups for part in _join_bands(_with_heads(group, size), goes_on)]


def _parted_at_headlines(bands: Sequence[list[Passage]], setting: Setting, size: float) -> list[list[list[Passage]]]:
    """The bands, in groups that each begin with a headline over all columns, except perhaps the first."""
    groups: list[list[list[Passage]]] = []
    for at, band in enumerate(bands):
        if not groups or (at + 1 < len(bands) and is_headline(bands[at - 1], band, bands[at + 1], setting, size)):
            groups.append([])
        groups[-1].append(band)
    return groups


def _join_bands(bands: Sequence[list[Passage]], goes_on: Callable[[Region, Region], bool]) -> list[list[Passage]]:
    """Join each band to the one before if that continues in it."""
    parts: list[list[Passage]] = []
    for band in bands:
        if parts and goes_on(parts[-1], band):
            parts[-1] = [*parts[-1], *band]
        else:
            parts.append(band)
    return parts


def _with_heads(bands: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """The bands, with each heading of a single column (and a few rows like it) joined to the band below it."""
    parts: list[list[Passage]] = []
    for at in reversed(range(len(bands))):
        band = bands[at]
        if parts and at and _is_head(band, parts[0], size) and _gap(band, parts[0]) < _gap(bands[at - 1], band):
            parts[0] = [*band, *parts[0]]
        else:
            parts.insert(0, band)
    return parts


def _is_head(band: Region, below: Region, size: float) -> bool:
    """Whether a band may be a heading of a single column."""
    return rows_in(band) <= HEAD_ROWS and sum(overlap(band, column) for column in columns_of(below, size)) == 1


def _gap(above: Region, below: Region) -> float:
    return top_of(below) - bottom_of(above)


def _past_captions(parts: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """Join parts whose columns continue below a caption or quotation that spans them all."""
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
    if rows_in(between) > CAPTION_ROWS:
        return False
    lower = columns_of(below, size)
    upper = columns_of(under_what_spans(above, lower), size)
    if len(lower) < 2 or len(upper) != len(lower) or len(columns_of([*above, *below], size)) < 2:
        return False
    if min(map(rows_in, upper)) <= HEAD_ROWS:
        return False  # authors side by side, not columns
    return by_columns(upper, lower) - by_bands(upper, lower) >= NO_DOUBT


def _with_common_articles(columns: Sequence[list[Passage]], size: float) -> list[list[Passage]]:
    """Join columns that contain articles which run across them, one below the other."""
    parts: list[list[Passage]] = []
    for column in columns:
        if parts and len(_articles(bands_of([*parts[-1], *column], size), size)) > 1:
            parts[-1] = [*parts[-1], *column]
        else:
            parts.append(column)
    return parts


def _furniture(passages: Region, size: float) -> tuple[Region, Region, Region]:
    """A row set apart at the top of the page, the rest, and a row set apart at the bottom."""
    bands = bands_of(passages, size, apart=APART)
    first = int(len(bands) > 1 and _is_row(bands[0], size))
    last = len(bands) - int(len(bands) - first > 1 and _is_row(bands[-1], size))
    head, body, foot = (
        [one for band in some for one in band] for some in (bands[:first], bands[first:last], bands[last:])
    )
    return head, body, foot


def _is_row(band: Region, size: float) -> bool:
    high = bottom_of(band) - top_of(band)
    return rows_in(band) <= 3 and high < 1.8 * size
