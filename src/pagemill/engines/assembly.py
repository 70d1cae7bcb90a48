"""Recognised lines → `Page`, for all engines; runs in a worker."""

from collections.abc import Sequence
from dataclasses import dataclass

from pagemill.domain.page.joints import clean_lines
from pagemill.domain.page.page import Line, Page, PageSource
from pagemill.domain.page.reading_order import blocks_in_reading_order
from pagemill.domain.page.strangers import doubt_strangers


@dataclass(frozen=True)
class ReadImage:
    """The facts about a page, without its text.

    Attributes:
        number: 1-based page number.
        width_px: Width of the upright image, pixels.
        height_px: Height of the upright image, pixels.
        dpi: Pixels per inch; None if the source states none.
        rotation: Degrees clockwise by which the stored image was turned.
    """

    number: int
    width_px: int
    height_px: int
    dpi: float | None
    rotation: int


def assemble(lines: Sequence[Line], image: ReadImage, *, engine: str, profile: str) -> Page:
    """The page that an engine read.

    Args:
        lines: In any order, in pixels of the upright image.
        image: The page they were read from.
        engine: The engine's name.
        profile: Its profile.
    """
    page = Page(
        number=image.number,
        width_px=image.width_px,
        height_px=image.height_px,
        dpi=image.dpi,
        rotation=image.rotation,
        source=PageSource.OCR,
        engine=engine,
        profile=profile,
        blocks=blocks_in_reading_order(clean_lines(lines), width_px=image.width_px, height_px=image.height_px),
    )
    return doubt_strangers(page)
