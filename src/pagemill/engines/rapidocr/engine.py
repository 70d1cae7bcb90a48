"""The engine: one page image in, one `Page` out. Runs in a worker, on one thread."""

import gc
from collections.abc import Sequence

import cv2
import numpy as np

from pagemill.domain.engines import Engine, EngineConfig
from pagemill.domain.errors import EngineFailed
from pagemill.domain.image import PageImage
from pagemill.domain.page import Line, Page
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_error
from pagemill.engines.rapidocr.detection import DetectionLimits, Detector, Quad
from pagemill.engines.rapidocr.lines import line_crop, page_line
from pagemill.engines.rapidocr.models import Network, model_files
from pagemill.engines.rapidocr.pixels import Pixels, pixels_of, turned
from pagemill.engines.rapidocr.recognition import Recogniser

NAME = "rapidocr"

_LEAST_CONFIDENCE = 0.5  # RapidOCR's own: below it a line is more often a scratch than a word


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR: models read, one small image recognised."""
    try:
        engine = RapidOcrEngine(config)
        engine.read(_warm_up_image(), number=1, rotation=0, batch_size=None)
    except Exception as error:
        raise engine_error(error, doing=f"Loading the engine {NAME}/{config.profile}") from error
    engine.trim()
    return engine


def _warm_up_image() -> PageImage:
    pixels = np.full((96, 320), 255, dtype=np.uint8)
    cv2.putText(pixels, "Pagemill", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0,), 3)
    return PageImage(pixels.reshape(96, 320, 1).data, 320, 96, 1, None)


class RapidOcrEngine:
    """Two networks and the path of a page through them."""

    def __init__(self, config: EngineConfig) -> None:
        files = model_files(config)
        cv2.setNumThreads(config.threads)
        self._profile = config.profile
        self._trim = allocator_trim()
        detection = Network(files.detection, threads=config.threads, smallest=(32, 32))
        recognition = Network(files.recognition, threads=config.threads, smallest=(48, 32))
        self._detector: Detector | None = Detector(detection, DetectionLimits())
        self._recogniser: Recogniser | None = Recogniser(recognition)

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """Recognise one page; see `Engine.read`."""
        try:
            return self._read(image, number, rotation, batch_size)
        except Exception as error:
            raise engine_error(error, doing=f"Reading page {number}") from error

    def trim(self) -> None:
        """Give the arena's and the allocator's free memory back to the system."""
        if self._recogniser is not None:
            self._recogniser.shrink()
        self._trim()

    def close(self) -> None:
        """Let go of the models; reading afterwards fails."""
        self._detector = self._recogniser = None
        gc.collect()
        self._trim()

    def _read(self, image: PageImage, number: int, rotation: int | None, batch_size: int | None) -> Page:
        if self._detector is None or self._recogniser is None:
            raise EngineFailed("The engine was closed. Load it again.")
        degrees = rotation or 0
        pixels = turned(pixels_of(image), degrees)
        quads = self._detector.lines(pixels)
        lines = _page_lines(self._recogniser, pixels, quads, batch_size)
        height, width = pixels.shape[:2]
        return assemble(lines, ReadImage(number, width, height, image.dpi, degrees), engine=NAME, profile=self._profile)


def _page_lines(recogniser: Recogniser, pixels: Pixels, quads: Sequence[Quad], batch_size: int | None) -> list[Line]:
    read = recogniser.read([line_crop(pixels, quad) for quad in quads], most_lines=batch_size)
    return [
        page_line(quad, line)
        for quad, line in zip(quads, read, strict=True)
        if line.text.strip() and line.confidence >= _LEAST_CONFIDENCE
    ]
