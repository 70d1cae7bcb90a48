"""A structure analyser without models. Runs in a worker."""

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page

FACTORY = "pagemill.testing.structure:MarkingAnalyser"
"""How a worker finds it."""


class MarkingAnalyser:
    """Says in each page's warnings what it was shown."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    def structured(self, page: Page, image: PageImage) -> Page:
        """The page and a warning."""
        told = f"structured from {image.width_px} x {image.height_px} pixels on {self._threads} threads"
        return page.model_copy(update={"warnings": (*page.warnings, told)})

    def trim(self) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to let go of."""
