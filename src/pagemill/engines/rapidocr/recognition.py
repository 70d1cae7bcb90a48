"""What the text lines say."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

import numpy as np
from rapidocr.ch_ppocr_rec.typings import WordInfo
from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

from pagemill.engines.pixels import as_bgr, normalised, resized
from pagemill.engines.rapidocr.models import Network, Tensor
from pagemill.engines.rapidocr.strips import LONGEST, LineStrip

_HEIGHT = 48
_NARROWEST = 32
_WIDEST = LONGEST * _HEIGHT
_COLUMNS_PER_RUN = 512


@dataclass(frozen=True)
class ReadWord:
    """A word and where it stands along its line: 0 is the line's start, 1 its end."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class ReadLine:
    """A line's text, its mean confidence and its words."""

    text: str
    confidence: float
    words: tuple[ReadWord, ...]


class Recogniser:
    """Reads lines with RapidOCR's recognition model.

    A run's time is that of its columns, padding included, so that lines are only batched with lines about as wide;
    wide lines gain nothing by company and are read alone.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._decode = CTCLabelDecode(character=network.characters())

    def read(self, strips: Sequence[LineStrip], *, most_lines: int | None) -> list[ReadLine]:
        """Read lines, in the order given.

        Args:
            strips: Where they stand.
            most_lines: Most lines in one run of the model; None for as many as pay.
        """
        widths = [_input_width(strip) for strip in strips]
        lines: dict[int, ReadLine] = {}
        for batch in batches(widths, most_lines=most_lines):
            read = self._run([strips[index] for index in batch], [widths[index] for index in batch])
            lines.update(zip(batch, read, strict=True))
        return [lines[index] for index in range(len(strips))]

    def shrink(self) -> None:
        """Free what the last page needed; called between pages."""
        self._network.shrink()

    def _run(self, strips: Sequence[LineStrip], widths: Sequence[int]) -> list[ReadLine]:
        widest = max(widths)
        batch: Tensor = np.zeros((len(strips), 3, _HEIGHT, widest), dtype=np.float32)
        for slot, strip, width in zip(batch, strips, widths, strict=True):
            slot[:, :, :width] = normalised(as_bgr(resized(strip.picture(), width, _HEIGHT)))[0]
        texts, infos = self._decode(
            self._network(batch), return_word_box=True, wh_ratio_list=widths, max_wh_ratio=widest
        )
        return [
            ReadLine(text, min(1.0, confidence), placed_words(text, info))
            for (text, confidence), info in zip(texts, infos, strict=True)
        ]


def _input_width(strip: LineStrip) -> int:
    return min(_WIDEST, max(_NARROWEST, math.ceil(strip.aspect * _HEIGHT)))


def batches(widths: Sequence[int], *, most_lines: int | None) -> Iterator[list[int]]:
    """Indices of the lines of each run, widest lines first, so that the peak comes early."""
    batch: list[int] = []
    for index in sorted(range(len(widths)), key=lambda index: -widths[index]):
        columns = (len(batch) + 1) * widths[batch[0]] if batch else 0
        padding = widths[batch[0]] - widths[index] if batch else 0
        if batch and (columns > _COLUMNS_PER_RUN or len(batch) == most_lines or padding > widths[index] // 8):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def placed_words(text: str, info: WordInfo) -> tuple[ReadWord, ...]:
    """The words of a decoded line: `info` has their letters' columns, `text` also the spaces between them."""
    columns = [column for word in info.word_cols for column in word]
    if not columns:
        return ()
    confidences = iter([score for letter, score in zip(text, info.confs, strict=False) if not letter.isspace()])
    edges = _edges(columns, [len(word) for word in info.word_cols])
    return tuple(
        ReadWord(
            text="".join(letters),
            start=start / info.line_txt_len,
            end=min(1.0, end / info.line_txt_len),
            confidence=min(1.0, fmean(islice(confidences, len(letters)))),
        )
        for letters, (start, end) in zip(info.words, edges, strict=True)
    )


def _edges(columns: Sequence[int], lengths: Sequence[int]) -> list[tuple[float, float]]:
    """Where words begin and end, in columns: half a character around their outer characters, never into a neighbour."""
    half = _character_width(columns, lengths) / 2
    edges, first = [], 0
    for length in lengths:
        last = first + length - 1
        left = columns[first] + 0.5 - half
        right = columns[last] + 0.5 + half
        if first:
            left = max(left, (columns[first - 1] + columns[first] + 1) / 2)
        if last + 1 < len(columns):
            right = min(right, (columns[last] + columns[last + 1] + 1) / 2)
        edges.append((max(0.0, left), right))
        first = last + 1
    return edges


def _character_width(columns: Sequence[int], lengths: Sequence[int]) -> float:
    steps = len(columns) - len(lengths)
    if not steps:
        return 2.0
    spans, first = 0, 0
    for length in lengths:
        spans += columns[first + length - 1] - columns[first]
        first += length
    return spans / steps
