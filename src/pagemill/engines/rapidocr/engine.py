"""The engine: one page image in, one `Page` out. Runs in a worker, on one thread."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pagemill.domain.engines import Engine, EngineConfig
from pagemill.domain.errors import EngineFailed
from pagemill.domain.image import PageImage
from pagemill.domain.page import Line, Page
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_error
from pagemill.engines.pixels import Pixels, pixels_of, turned
from pagemill.engines.rapidocr.detection import DetectionLimits, Detector
from pagemill.engines.rapidocr.lines import page_line
from pagemill.engines.rapidocr.models import Network, model_files
from pagemill.engines.rapidocr.orientation import SAMPLE_LINES, turn_to_upright
from pagemill.engines.rapidocr.recognition import ReadLine, Recogniser
from pagemill.engines.rapidocr.strips import LineStrip, pieces

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
        cv2.setNumThreads(config.threads)
        self._profile = config.profile
        self._trim = allocator_trim()
        self._loaded: _Models | None = _load_models(config)

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """Recognise one page; see `Engine.read`."""
        try:
            return self._read(image, number, rotation, batch_size)
        except Exception as error:
            raise engine_error(error, doing=f"Reading page {number}") from error

    def trim(self) -> None:
        """Give the arena's and the allocator's free memory back to the system."""
        if self._loaded is not None:
            self._loaded.recogniser.shrink()
        self._trim()

    def close(self) -> None:
        """Let go of the models; reading afterwards fails."""
        self._loaded = None
        gc.collect()
        self._trim()

    def _read(self, image: PageImage, number: int, rotation: int | None, batch_size: int | None) -> Page:
        stored = pixels_of(image)
        degrees, lines = rotation, None
        if degrees is None:
            degrees, lines = self._find_upright(stored, batch_size)
        pixels = turned(stored, degrees)
        if lines is None:
            lines = self._lines(self._strips(pixels), batch_size)
        height, width = pixels.shape[:2]
        return assemble(lines, ReadImage(number, width, height, image.dpi, degrees), engine=NAME, profile=self._profile)

    def _find_upright(self, pixels: Pixels, batch_size: int | None) -> tuple[int, list[Line] | None]:
        """Degrees to turn the page by and, where it needs no turning, its lines."""
        strips = sorted(self._strips(pixels), key=lambda strip: -strip.length)
        sample, rest = strips[:SAMPLE_LINES], strips[SAMPLE_LINES:]
        read = self._read_strips(sample, batch_size)
        degrees = turn_to_upright(sample, read, lambda again: self._read_strips(again, batch_size))
        if degrees:
            return degrees, None
        return 0, [*_page_lines(sample, read), *self._lines(rest, batch_size)]

    def _lines(self, strips: Sequence[LineStrip], batch_size: int | None) -> list[Line]:
        return _page_lines(strips, self._read_strips(strips, batch_size))

    def _strips(self, pixels: Pixels) -> list[LineStrip]:
        strips = (LineStrip(pixels, quad) for quad in self._models().detector.lines(pixels))
        return [piece for strip in strips for piece in pieces(strip)]

    def _read_strips(self, strips: Sequence[LineStrip], batch_size: int | None) -> list[ReadLine]:
        return self._models().recogniser.read(strips, most_lines=batch_size)

    def _models(self) -> "_Models":
        if self._loaded is None:
            raise EngineFailed("The engine was closed. Load it again.")
        return self._loaded


@dataclass(frozen=True)
class _Models:
    detector: Detector
    recogniser: Recogniser


def _load_models(config: EngineConfig) -> _Models:
    files = model_files(config)
    detection = Network(files.detection, threads=config.threads, smallest=(32, 32))
    recognition = Network(files.recognition, threads=config.threads, smallest=(48, 32))
    return _Models(Detector(detection, DetectionLimits()), Recogniser(recognition))


def _page_lines(strips: Sequence[LineStrip], read: Sequence[ReadLine]) -> list[Line]:
    return [
        page_line(strip, line)
        for strip, line in zip(strips, read, strict=True)
        if line.text.strip() and line.confidence >= _LEAST_CONFIDENCE
    ]
