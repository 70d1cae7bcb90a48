"""Whether pictures fill a page together, as the strips of a scan do. Pure."""

from collections.abc import Sequence

from pagemill.documents.page_frame import PageRect

FILLS = 0.9
"""Pictures fill a page if they cover at least this share of it."""

_CELLS = 24


def first_of_filling(pictures: Sequence[PageRect], page: PageRect) -> int | None:
    """Position of the last picture that fills the page together with all pictures after it; None if none does.

    What is drawn before that picture cannot be seen.

    Args:
        pictures: Those that hide what is under them, in the order in which they are drawn.
        page: The visible part of the page.
    """
    filled: set[tuple[int, int]] = set()
    for at in range(len(pictures) - 1, -1, -1):
        filled |= _cells(pictures[at], page)
        if len(filled) >= FILLS * _CELLS * _CELLS:
            return at
    return None


def _cells(rect: PageRect, page: PageRect) -> set[tuple[int, int]]:
    """The cells of a grid over the page whose middles the rectangle covers."""
    columns = _span(rect[0], rect[2], page[0], page[2])
    rows = _span(rect[1], rect[3], page[1], page[3])
    return {(column, row) for column in columns for row in rows}


def _span(start: float, end: float, first: float, last: float) -> range:
    step = max(last - first, 1e-6) / _CELLS
    covered = (at for at in range(_CELLS) if start <= first + (at + 0.5) * step <= end)
    found = list(covered)
    return range(found[0], found[-1] + 1) if found else range(0)
