"""The engine: one page image in, one `Page` out. Runs in a worker, on one thread."""

import gc

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import assemble
from pagemill.engines.failures import engine_errors
from pagemill.engines.skew import read_level
from pagemill.engines.tesseract.languages import NAME, data_files
from pagemill.engines.tesseract.pictures import gray_picture, turn
from pagemill.engines.tesseract.recognition import Recogniser
from pagemill.engines.upright import Read, read_upright


class TesseractEngine:
    """The data of some languages and the path of a page through them."""

    reads_ink = True

    def __init__(self, config: EngineConfig) -> None:
        self._profile = config.profile
        self._trim = allocator_trim()
        self._recogniser: Recogniser | None = Recogniser(*data_files(config.options, config.languages))

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. Lines are never batched, so `batch_size` has no effect."""
        del batch_size
        with engine_errors(doing=f"Reading page {number}"):
            read = read_upright(self._reading(image), image, number=number, rotation=rotation)
            return assemble(*read, engine=NAME, profile=self._profile)

    def trim(self) -> None:
        """See `Engine.trim`."""
        self._trim()

    def close(self) -> None:
        """See `Engine.close`."""
        if self._recogniser is not None:
            self._recogniser.close()
        self._recogniser = None
        gc.collect()
        self._trim()

    def _reading(self, image: PageImage) -> Read:
        if self._recogniser is None:
            raise EngineFailed("The engine was closed. Load it again.")
        recogniser, gray = self._recogniser, gray_picture(image)

        def lines_at(degrees: int) -> list[Line]:
            return read_level(turn(gray, degrees), lambda level: recogniser.lines(level, dpi=image.dpi))

        return lines_at
