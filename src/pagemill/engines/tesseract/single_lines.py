"""Reads pictures of single lines with Tesseract."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps
from tesserocr import OEM, PSM, RIL, LeptLogLevel, PyTessBaseAPI, set_leptonica_log_level

from pagemill.domain.page.page import Rectangle
from pagemill.engines.line_reading import LineReading
from pagemill.engines.tesseract.recognition import ask_for_memory

_PAPER = 12
"""Pixels of paper around a line, which Tesseract needs."""

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of direction, which Tesseract puts between scripts; the letters themselves imply it."""


class TesseractLines:
    """Reads lines with the data of some languages."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        set_leptonica_log_level(LeptLogLevel.NONE)
        self._api = PyTessBaseAPI(path=str(folder), lang="+".join(names), psm=PSM.SINGLE_LINE, oem=OEM.LSTM_ONLY)
        self._api.SetVariable("debug_file", "/dev/null")

    def read(self, picture: Image.Image, *, dpi: int) -> LineReading:
        """Read the picture, gray, of one line.

        Raises:
            MemoryError: There is not enough memory for a picture of this size.
        """
        picture = ImageOps.expand(picture, _PAPER, fill=_colour_of_paper(picture))
        ask_for_memory(picture)
        width, height = picture.size
        try:
            self._api.SetImageBytes(picture.tobytes(), width, height, 1, width)
            self._api.SetSourceResolution(dpi)
            self._api.Recognize()
            text = " ".join(_MARKS.sub("", self._api.GetUTF8Text()).split())
            return LineReading(text, max(0.0, self._api.MeanTextConf() / 100), tuple(self._places()))
        finally:
            self._api.Clear()

    def close(self) -> None:
        """Unload the data."""
        self._api.End()

    def _places(self) -> list[tuple[Rectangle, float]]:
        places: list[tuple[Rectangle, float]] = []
        found = self._api.GetIterator()
        while found is not None:
            if not found.Empty(RIL.WORD):
                left, top, right, bottom = found.BoundingBox(RIL.WORD)
                place = (float(left - _PAPER), float(top - _PAPER), float(right - _PAPER), float(bottom - _PAPER))
                places.append((place, found.Confidence(RIL.WORD) / 100))
            if not found.Next(RIL.WORD):
                break
        return places


def _colour_of_paper(picture: Image.Image) -> int:
    """The most frequent gray."""
    histogram = picture.histogram()
    return histogram.index(max(histogram))
