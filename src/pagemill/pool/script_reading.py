"""Reads lines of a page again that were not read, or probably misread. Runs in a worker."""

import numpy as np

from pagemill.documents.accounting import with_warnings
from pagemill.documents.doubtful_ink import doubtful_lines
from pagemill.domain.page.doubt import without_doubts
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, Point, Rectangle
from pagemill.domain.page.script_reading import add_second_reading
from pagemill.domain.work.engine_spec import Engine


def read_again(page: Page, image: PageImage, engine: Engine) -> Page:
    """The page with its doubtful lines as another engine reads them, and with warnings of what is still unread.

    Args:
        page: The first reading.
        image: The picture that it was made from, as stored.
        engine: Reads pictures of single lines.
    """
    upright = _turn(image, page.rotation)
    lines = [
        _move(line, place)
        for place in doubtful_lines(page, image)
        for line in engine.read(_crop(upright, place), number=page.number, rotation=0, batch_size=None).lines
    ]
    return with_warnings(add_second_reading(without_doubts(page), lines), image)


def _turn(image: PageImage, degrees: int) -> PageImage:
    if not degrees:
        return image
    pixels = np.asarray(image.data, dtype=np.uint8).reshape(image.height_px, image.width_px, image.channels)
    turned = np.ascontiguousarray(np.rot90(pixels, -(degrees // 90)))
    return PageImage(turned.data, turned.shape[1], turned.shape[0], image.channels, image.dpi)


def _crop(image: PageImage, place: Rectangle) -> PageImage:
    left, top, right, bottom = (round(side) for side in place)
    return image.crop(left, top, min(max(right, left + 1), image.width_px), min(max(bottom, top + 1), image.height_px))


def _move(line: Line, place: Rectangle) -> Line:
    """The line on the page, with the outline of its place."""
    left, top, right, bottom = place

    def move(point: Point) -> Point:
        return round(point[0] + round(left), 1), round(point[1] + round(top), 1)

    words = tuple(word.model_copy(update={"polygon": tuple(map(move, word.polygon))}) for word in line.words)
    outline = ((left, top), (right, top), (right, bottom), (left, bottom))
    return line.model_copy(update={"words": words, "polygon": outline})
