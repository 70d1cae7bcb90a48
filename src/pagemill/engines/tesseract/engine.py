"""The engine: one page image in, one `Page` out. Runs in a worker, on one thread."""

import gc
from typing import Self

from PIL import Image, ImageDraw, ImageFont

from pagemill.domain.engines import EngineConfig
from pagemill.domain.errors import EngineFailed
from pagemill.domain.image import PageImage
from pagemill.domain.page import Line, Page
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_error
from pagemill.engines.skew import read_level
from pagemill.engines.tesseract.languages import NAME, data_files
from pagemill.engines.tesseract.pictures import gray_picture, turned
from pagemill.engines.tesseract.recognition import Recogniser
from pagemill.engines.upright import upright


class TesseractEngine:
    """The data of some languages and the path of a page through them."""

    def __init__(self, config: EngineConfig) -> None:
        self._profile = config.profile
        self._trim = allocator_trim()
        self._recogniser: Recogniser | None = Recogniser(*data_files(config.options, config.languages))

    @classmethod
    def ready(cls, config: EngineConfig) -> Self:
        """An engine that has read one small image, so that the next one waits for nothing."""
        picture = Image.new("L", (320, 96), 255)
        ImageDraw.Draw(picture).text((20, 30), "Pagemill", fill=0, font=ImageFont.load_default(32))
        engine = cls(config)
        engine.read(PageImage(memoryview(picture.tobytes()), 320, 96, 1, None), number=1, rotation=0, batch_size=None)
        engine.trim()
        return engine

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """Recognise one page; see `Engine.read`. Lines are never batched, so `batch_size` means nothing here."""
        del batch_size
        try:
            return self._read(image, number, rotation)
        except Exception as error:
            raise engine_error(error, doing=f"Reading page {number}") from error

    def trim(self) -> None:
        """Give the allocator's free memory back to the system."""
        self._trim()

    def close(self) -> None:
        """Let go of the data; reading afterwards fails."""
        if self._recogniser is not None:
            self._recogniser.close()
        self._recogniser = None
        gc.collect()
        self._trim()

    def _read(self, image: PageImage, number: int, rotation: int | None) -> Page:
        if self._recogniser is None:
            raise EngineFailed("The engine was closed. Load it again.")
        recogniser, gray = self._recogniser, gray_picture(image)

        def lines_at(degrees: int) -> list[Line]:
            return read_level(turned(gray, degrees), lambda level: recogniser.lines(level, dpi=image.dpi))

        degrees, lines = upright(lines_at) if rotation is None else (rotation, lines_at(rotation))
        width, height = gray.size if degrees % 180 == 0 else gray.size[::-1]
        return assemble(lines, ReadImage(number, width, height, image.dpi, degrees), engine=NAME, profile=self._profile)
