"""The engine: one page image in, one `Page` out. Runs in a worker, on one thread."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_error
from pagemill.engines.pixels import Pixels, pixels_of, turn
from pagemill.engines.rapidocr.detection import DetectionLimits, Detector
from pagemill.engines.rapidocr.lines import page_line
from pagemill.engines.rapidocr.models import NetworksFactory, model_files
from pagemill.engines.rapidocr.orientation import SAMPLE_LINES, turn_to_upright
from pagemill.engines.rapidocr.recognition import ReadLine, Recogniser
from pagemill.engines.rapidocr.strips import LineStrip, pieces

_LEAST_CONFIDENCE = 0.5  # RapidOCR's own: below it a line is more often a scratch than a word


def _warm_up_image() -> PageImage:
    pixels = np.full((96, 320), 255, dtype=np.uint8)
    cv2.putText(pixels, "Pagemill", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0,), 3)
    return PageImage(pixels.reshape(96, 320, 1).data, 320, 96, 1, None)


class RapidOcrEngine:
    """Two networks and the path of a page through them."""

    reads_ink = True

    @classmethod
    def load_ready(cls, name: str, config: EngineConfig, networks: NetworksFactory) -> Self:
        """Load the models and recognise one small image.

        Args:
            name: The engine's, as pages name it.
            config: Its configuration.
            networks: A runtime's loader.
        """
        engine = cls(name, config, networks)
        engine.read(_warm_up_image(), number=1, rotation=0, batch_size=None)
        engine.trim()
        return engine

    def __init__(self, name: str, config: EngineConfig, networks: NetworksFactory) -> None:
        cv2.setNumThreads(config.threads)
        self._name = name
        self._profile = config.profile
        self._trim = allocator_trim()
        loaded = networks(model_files(config, engine=name), threads=config.threads)
        self._own_batch_size = self._batch_size = loaded.batch_size
        self._loaded: _Models | None = _Models(
            Detector(loaded.detection, DetectionLimits()), Recogniser(loaded.recognition)
        )

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`."""
        self._batch_size = batch_size or self._own_batch_size
        try:
            return self._read(image, number, rotation)
        except Exception as error:
            raise engine_error(error, doing=f"Reading page {number}") from error

    def trim(self) -> None:
        """See `Engine.trim`. This also shrinks the runtime's arena."""
        if self._loaded is not None:
            self._loaded.recogniser.shrink()
        self._trim()

    def close(self) -> None:
        """See `Engine.close`."""
        self._loaded = None
        gc.collect()
        self._trim()

    def _read(self, image: PageImage, number: int, rotation: int | None) -> Page:
        stored = pixels_of(image)
        degrees, lines = rotation, None
        if degrees is None:
            degrees, lines = self._find_upright(stored)
        pixels = turn(stored, degrees)
        if lines is None:
            lines = self._lines(self._strips(pixels))
        height, width = pixels.shape[:2]
        return assemble(
            lines, ReadImage(number, width, height, image.dpi, degrees), engine=self._name, profile=self._profile
        )

    def _find_upright(self, pixels: Pixels) -> tuple[int, list[Line] | None]:
        """Degrees to turn the page by and, if that is 0, its lines."""
        strips = sorted(self._strips(pixels), key=lambda strip: -strip.length)
        sample, rest = strips[:SAMPLE_LINES], strips[SAMPLE_LINES:]
        read = self._read_strips(sample)
        degrees = turn_to_upright(sample, read, self._read_strips)
        if degrees:
            self._models().recogniser.shrink()  # free the memory of these lines before the next search
            return degrees, None
        return 0, [*_page_lines(sample, read), *self._lines(rest)]

    def _lines(self, strips: Sequence[LineStrip]) -> list[Line]:
        return _page_lines(strips, self._read_strips(strips))

    def _strips(self, pixels: Pixels) -> list[LineStrip]:
        strips = (LineStrip(pixels, quad) for quad in self._models().detector.lines(pixels))
        return [piece for strip in strips for piece in pieces(strip)]

    def _read_strips(self, strips: Sequence[LineStrip]) -> list[ReadLine]:
        return self._models().recogniser.read(strips, batch_size=self._batch_size)

    def _models(self) -> "_Models":
        if self._loaded is None:
            raise EngineFailed("The engine was closed. Load it again.")
        return self._loaded


@dataclass(frozen=True)
class _Models:
    detector: Detector
    recogniser: Recogniser


def _page_lines(strips: Sequence[LineStrip], read: Sequence[ReadLine]) -> list[Line]:
    return [
        page_line(strip, line)
        for strip, line in zip(strips, read, strict=True)
        if line.text.strip() and line.confidence >= _LEAST_CONFIDENCE
    ]
