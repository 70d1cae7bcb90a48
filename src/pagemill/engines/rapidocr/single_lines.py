"""Reads pictures of single lines with a recognition model of one script, on ONNX Runtime: few pages need it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from bidi.algorithm import get_display

from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Rectangle
from pagemill.engines.line_reading import LineReading
from pagemill.engines.pixels import Pixels, pixels_of
from pagemill.engines.rapidocr.on_onnxruntime import recognition_network
from pagemill.engines.rapidocr.recognition import ReadLine, ReadWord, Recogniser
from pagemill.engines.rapidocr.spec import ONE_BY_ONE
from pagemill.engines.rapidocr.strips import LineStrip, pieces

_PAPER = 8
"""A line's height over the paper around it: about what the detector leaves, on which the models were trained."""


class RapidOcrLines:
    """Reads lines with one model."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Load the model.

        Raises:
            EngineFailed: The file is not a model that this can use; the message says why.
        """
        self._recogniser = Recogniser(recognition_network(path, threads=threads))

    def read(self, image: PageImage) -> LineReading:
        """Read the picture of one level line."""
        framed, paper = _with_paper(pixels_of(image))
        height, width = framed.shape[:2]
        outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        strips = list(pieces(LineStrip(framed, outline)))
        read = self._recogniser.read(strips, batch_size=ONE_BY_ONE)
        return _join(strips, read, paper)

    def trim(self) -> None:
        """Free the memory of the last lines."""
        self._recogniser.shrink()


def _with_paper(pixels: Pixels) -> tuple[Pixels, int]:
    paper = max(2, pixels.shape[0] // _PAPER)
    framed = cv2.copyMakeBorder(pixels, paper, paper, paper, paper, cv2.BORDER_REPLICATE)
    return np.asarray(framed, dtype=np.uint8), paper


def _join(strips: Sequence[LineStrip], read: Sequence[ReadLine], paper: int) -> LineReading:
    """The pieces of a line, from left to right, as one line in reading order."""
    texts, places = [], []
    for strip, line in zip(strips, read, strict=True):
        for text, word in words_between_spaces(line):
            texts.append(text)
            places.append((_place(strip, word, paper), word.confidence))
    order = reading_order(texts) if runs_from_right(texts) else range(len(texts))
    return LineReading(
        text=" ".join(logical(texts[at]) for at in order),
        confidence=fmean([line.confidence for line in read if line.text] or [0.0]),
        words=tuple(places[at] for at in order),
    )


def words_between_spaces(line: ReadLine) -> Iterator[tuple[str, ReadWord]]:
    """The words of the text with their places, where the recogniser also ends words at wide gaps."""
    parts = iter(line.words)
    for text in line.text.split():
        found: list[ReadWord] = []
        while sum(len(part.text) for part in found) < len(text) and (part := next(parts, None)) is not None:
            found.append(part)
        if found:
            confidence = fmean(part.confidence for part in found)
            yield text, ReadWord(text, found[0].start, found[-1].end, confidence)


def logical(word: str) -> str:
    """A word in reading order: the models write what is on the page from left to right."""
    return str(get_display(word, base_dir="R")) if runs_from_right([word]) else word


def reading_order(words: Sequence[str]) -> list[int]:
    """The places of the words of a line that runs from right to left, as they are read.

    Args:
        words: From left to right on the page. Words in Latin that follow each other are read from the left.
    """
    order: list[int] = []
    run: list[int] = []
    for at in reversed(range(len(words))):
        if any(letter.isalpha() for letter in words[at]) and not runs_from_right([words[at]]):
            run.insert(0, at)
            continue
        order += [*run, at]
        run = []
    return order + run


def _place(strip: LineStrip, word: ReadWord, paper: int) -> Rectangle:
    corners = strip.part(word.start, word.end) - paper
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return max(0.0, left), max(0.0, top), max(0.0, right), max(0.0, bottom)
