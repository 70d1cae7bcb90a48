"""Reads a page again where its lines bend or its colours hide writing from an engine. Runs in a worker.

page ──▶ engine ──▶ words ──▶ flattened, if lines bend ──▶ engine ──▶ words
     words ──▶ stripes in which inks cover each other ──▶ engine, ink by ink ──▶ one page
"""

from collections.abc import Iterator

from pagemill.documents.overprint import stripes
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, Polygon
from pagemill.domain.page.second_reading import SecondReading
from pagemill.domain.work.engine_spec import Engine
from pagemill.pool.flat_reading import read_flat


def looked_at_again(page: Page, image: PageImage, engine: Engine, *, batch_size: int | None) -> Page:
    """The page with the words that only show when it is flattened or its inks are separated; raises as `Engine.read`.

    Args:
        page: As the engine read it.
        image: What it was read from.
        engine: The engine.
        batch_size: As for `Engine.read`.
    """
    page = read_flat(page, image, engine, batch_size=batch_size)
    second = SecondReading(page)

    def lines(picture: PageImage, top: int) -> Iterator[Line]:
        read = engine.read(picture, number=page.number, rotation=0, batch_size=batch_size)
        return (_lower_line(line, top) for line in read.lines)

    for stripe in stripes(page, image):
        if (black := stripe.black()) is not None:
            second.add_black(lines(black, stripe.top))
            del black
        if (colour := stripe.colour()) is not None:
            second.add_colour(lines(colour, stripe.top))
            del colour
    return second.merge()


def _lower_line(line: Line, by: int) -> Line:
    def lower(polygon: Polygon) -> Polygon:
        return tuple((x, y + by) for x, y in polygon)

    words = tuple(word.model_copy(update={"polygon": lower(word.polygon)}) for word in line.words)
    return line.model_copy(update={"polygon": lower(line.polygon), "words": words})
