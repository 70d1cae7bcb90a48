"""Reads the unknown parts of a page, in as few and as small pictures as possible. Runs in a worker."""

import math
from collections.abc import Callable, Iterator

from pagemill.documents.claims import Claim, are_borne_out
from pagemill.documents.document import Unread
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, Rectangle
from pagemill.domain.page.patchwork import Patch, patch_page
from pagemill.domain.page.regions import join_rects
from pagemill.domain.work.engine_spec import Engine

MARGIN = 24
"""Pixels around a region: an engine needs some paper around a line."""

SMALLEST = 160
"""Pixels of the shorter side of the smallest part that is read by itself."""

MOST_PARTS = 6
_AROUND = 0.4
"""Paper around a line of hidden text that is compared, in heights of the line."""

_PAPER = 6

LARGEST_SHARE = 0.5
"""If the parts cover more than this share of the page, the page is read as a whole."""


SecondLook = Callable[[Page, PageImage], Page]
"""Adds words that only show at a second look to a page, as `second_look.looked_at_again` does."""


def read_unread(
    unread: Unread,
    number: int,
    engine: Engine,
    *,
    rotation: int | None,
    batch_size: int | None,
    second_look: SecondLook | None = None,
) -> Page:
    """Recognise a page, or only its unknown parts, and join them with the known words. Raises as `Engine.read`."""

    def read(image: PageImage) -> Page:
        page = engine.read(image, number=number, rotation=rotation, batch_size=batch_size)
        return second_look(page, image) if second_look else page

    unread = _test_words(unread, read)
    if unread.known is None:
        return read(unread.image)
    patches = [
        Patch(read(unread.image.crop(left, top, right, bottom)), left, top)
        for left, top, right, bottom in parts_of(unread)
    ]
    return patch_page(unread.known, patches)


def _test_words(unread: Unread, read: Callable[[PageImage], Page]) -> Unread:
    """Compare claims of hidden text with the image: if they are wrong, the whole page must be read."""
    if not unread.claims or are_borne_out(
        unread.claims, [_lines_at(claim, unread.image, read) for claim in unread.claims]
    ):
        return unread
    whole = (0.0, 0.0, float(unread.image.width_px), float(unread.image.height_px))
    return Unread(unread.image, unread.shown, (whole,) if unread.shown else (), notes=unread.notes)


def _lines_at(claim: Claim, image: PageImage, read: Callable[[PageImage], Page]) -> list[Line]:
    """What an engine reads in a narrow frame around a line of hidden text."""
    left, top, right, bottom = claim.rect
    around = max(_PAPER, _AROUND * min(right - left, bottom - top))
    ((x, y, end, foot),) = _whole_pixels(
        [
            (
                max(0.0, left - around),
                max(0.0, top - around),
                min(image.width_px, right + around),
                min(image.height_px, bottom + around),
            )
        ]
    )
    if x >= end or y >= foot:
        return []
    return list(read(image.crop(x, y, end, foot)).lines)


def parts_of(unread: Unread) -> list[tuple[int, int, int, int]]:
    """The parts of the image to read, each with some paper around it; left, top, right, bottom."""
    image = unread.image
    regions = (_with_margin(region, image) for region in unread.regions)
    parts = join_rects(regions, gap=0, most=MOST_PARTS)
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in parts)
    if area > LARGEST_SHARE * image.pixels:
        return [(0, 0, image.width_px, image.height_px)]
    return list(_whole_pixels(parts))


def _with_margin(region: Rectangle, image: PageImage) -> Rectangle:
    left, right = _widen(region[0], region[2], image.width_px)
    top, bottom = _widen(region[1], region[3], image.height_px)
    return left, top, right, bottom


def _widen(start: float, end: float, most: int) -> tuple[float, float]:
    around = max(MARGIN, (SMALLEST - (end - start)) / 2)
    return max(0.0, start - around), min(float(most), end + around)


def _whole_pixels(parts: list[Rectangle]) -> Iterator[tuple[int, int, int, int]]:
    for left, top, right, bottom in parts:
        yield math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
