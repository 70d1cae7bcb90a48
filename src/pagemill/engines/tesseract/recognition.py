"""Reads the lines of a picture with Tesseract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image
from tesserocr import OEM, PSM, RIL, LeptLogLevel, PyResultIterator, PyTessBaseAPI, set_leptonica_log_level

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.page import Line, Polygon, Word
from pagemill.engines.tesseract.needs import reading_bytes
from pagemill.engines.tesseract.pictures import within_limits

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_TOP_TO_BOTTOM = 2  # Tesseract's WritingDirection
_LEAST_DPI = 70  # Tesseract reports lower values as a mistake


@dataclass(frozen=True)
class _ReadWord:
    """A word, how it begins, and its box."""

    text: str
    begins_line: bool
    after_space: bool
    runs_down: bool
    place: Rectangle
    confidence: float

    @property
    def polygon(self) -> Polygon:
        return _corners(self.place, runs_down=self.runs_down)


class Recogniser:
    """Reads pictures with the data of some languages."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        set_leptonica_log_level(LeptLogLevel.NONE)  # it complains about many pages that it reads well
        self._api = PyTessBaseAPI(path=str(folder), lang="+".join(names), psm=PSM.AUTO, oem=OEM.LSTM_ONLY)
        self._api.SetVariable("debug_file", "/dev/null")

    def lines(self, picture: Image.Image, *, dpi: float | None) -> list[Line]:
        """The picture's lines, in any order, in its pixels.

        Raises:
            MemoryError: There is not enough memory for a picture of this size.
            EngineFailed: Tesseract gave up.
        """
        fitting, scale = within_limits(picture)
        ask_for_memory(fitting)
        width, height = fitting.size
        try:
            self._api.SetImageBytes(fitting.tobytes(), width, height, 1, width)
            if dpi:
                self._api.SetSourceResolution(max(_LEAST_DPI, round(dpi / scale)))
            if not self._api.Recognize():
                raise EngineFailed("Tesseract could not recognise this page.")
            return [_line(words) for words in _by_line(_words(self._api.GetIterator(), scale))]
        finally:
            self._api.Clear()

    def close(self) -> None:
        """Unload the data."""
        self._api.End()


def ask_for_memory(picture: Image.Image) -> None:
    """Allocate the memory for reading and free it untouched: if that fails, reading does not start.

    Leptonica continues without an image that it could not allocate; Tesseract then crashes or, worse, reads nothing.
    """
    np.empty(reading_bytes(picture.width * picture.height), dtype=np.uint8)


def _words(found: PyResultIterator | None, scale: float) -> Iterator[_ReadWord]:
    while found is not None:
        if not found.Empty(RIL.WORD) and (text := found.GetUTF8Text(RIL.WORD).strip()):
            left, top, right, bottom = (side * scale for side in found.BoundingBox(RIL.WORD))
            yield _ReadWord(
                text=text,
                begins_line=found.IsAtBeginningOf(RIL.TEXTLINE),
                after_space=found.BlanksBeforeWord() > 0,
                runs_down=found.Orientation()[1] == _TOP_TO_BOTTOM,
                place=(left, top, right, bottom),
                confidence=min(1.0, max(0.0, found.Confidence(RIL.WORD) / 100)),
            )
        if not found.Next(RIL.WORD):
            return


def _by_line(words: Iterator[_ReadWord]) -> Iterator[list[_ReadWord]]:
    line: list[_ReadWord] = []
    for word in words:
        if word.begins_line and line:
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def _line(words: Sequence[_ReadWord]) -> Line:
    lefts, tops, rights, bottoms = zip(*(word.place for word in words), strict=True)
    place = (min(lefts), min(tops), max(rights), max(bottoms))
    return Line(
        text="".join(" " * word.after_space + word.text for word in words).strip(),
        polygon=_corners(place, runs_down=words[0].runs_down),
        confidence=fmean([word.confidence for word in words], weights=[len(word.text) for word in words]),
        words=tuple(Word(text=word.text, polygon=word.polygon, confidence=word.confidence) for word in words),
    )


def _corners(place: Rectangle, *, runs_down: bool) -> Polygon:
    """Clockwise from the top left corner of the writing."""
    left, top, right, bottom = place
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return (*corners[1:], corners[0]) if runs_down else corners
