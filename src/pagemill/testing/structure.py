"""A structure analyser without models. Runs in a worker."""

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageWarning, WarningKind

FACTORY = "pagemill.testing.structure:MarkingAnalyser"
"""The place where a worker finds it."""


class MarkingAnalyser:
    """Reports its input in each page's warnings."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    def find_structure(self, page: Page, image: PageImage) -> Page:
        """See `StructureAnalyser.find_structure`. The page as it was, and a warning."""
        told = f"structured from {image.width_px} x {image.height_px} pixels on {self._threads} threads"
        warning = PageWarning(kind=WarningKind.STRUCTURE, message=told)
        return page.model_copy(update={"warnings": (*page.warnings, warning)})

    def trim(self) -> None:
        """See `StructureAnalyser.trim`. Nothing to give back."""

    def close(self) -> None:
        """See `StructureAnalyser.close`. Nothing to let go of."""
