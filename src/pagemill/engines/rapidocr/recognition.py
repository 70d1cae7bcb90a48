"""Reads text lines."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import fmean

from rapidocr.ch_ppocr_rec.typings import WordInfo
from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

from pagemill.engines.pixels import Pixels, as_bgr, resize
from pagemill.engines.rapidocr.models import COLUMN, Letters, RecognitionNetwork
from pagemill.engines.rapidocr.spaces import add_spaces
from pagemill.engines.rapidocr.strips import LONGEST, LineStrip
from pagemill.engines.rapidocr.vertical_marks import add_marks

_HEIGHT = 48
_NARROWEST = 32
_WIDEST = LONGEST * _HEIGHT
_STEP = 1.25
_SQUARE = _HEIGHT / COLUMN
"""Columns of a letter as wide as its line is high."""


def _ladder() -> tuple[int, ...]:
    widths = [_NARROWEST]
    while widths[-1] < _WIDEST:
        widths.append(max(widths[-1] + COLUMN, round(widths[-1] * _STEP / COLUMN) * COLUMN))
    return (*widths[:-1], _WIDEST)


_LADDER = _ladder()


@dataclass(frozen=True)
class ReadWord:
    """A word and its position along its line: 0 is the line's start, 1 its end."""

    text: str
    start: float
    end: float
    confidence: float

    def letters(self) -> Iterator[tuple[str, float, float]]:
        """Each letter with its estimated position: all are equally wide."""
        width = (self.end - self.start) / max(1, len(self.text))
        for at, letter in enumerate(self.text):
            yield letter, self.start + at * width, self.start + (at + 1) * width


@dataclass(frozen=True)
class ReadLine:
    """A line's text, its mean confidence and its words."""

    text: str
    confidence: float
    words: tuple[ReadWord, ...]


class Recogniser:
    """Reads lines with RapidOCR's recognition model.

    A runtime prepares for every new input shape, so there must be few: a line is scaled by up to 12 % to one of a few
    widths, which costs less accuracy than padding.
    """

    def __init__(self, network: RecognitionNetwork) -> None:
        self._network = network
        self._decode = CTCLabelDecode(character=network.characters())

    def read(self, strips: Sequence[LineStrip], *, batch_size: int) -> list[ReadLine]:
        """Read lines, at most `batch_size` in a run, the widest first, and return them in their order."""
        widths = [input_width(strip.aspect) for strip in strips]
        order = sorted(range(len(strips)), key=lambda index: -widths[index])
        vertical: dict[int, Pixels] = {}

        def pictures() -> Iterator[Pixels]:
            for index in order:
                picture = _picture(strips[index], widths[index])
                if strips[index].runs_down:
                    vertical[index] = picture
                yield picture

        read = zip(order, self._network.read(pictures(), batch_size=batch_size), strict=True)
        lines = {index: self._decode_letters(letters, vertical.pop(index, None)) for index, letters in read}
        return [lines[index] for index in range(len(strips))]

    def shrink(self) -> None:
        """See `RecognitionNetwork.shrink`; call it between pages."""
        self._network.shrink()

    def _decode_letters(self, letters: Letters, vertical: Pixels | None) -> ReadLine:
        letters = add_spaces(letters, self._decode.character)
        if vertical is not None:
            letters = add_marks(letters, vertical, self._decode.character)
        ((text, confidence),), (info,) = self._decode.decode(
            letters.indices[None], letters.probabilities[None], return_word_box=True, remove_duplicate=True
        )
        return ReadLine(text, min(1.0, confidence), placed_words(text, info))


def _picture(strip: LineStrip, width: int) -> Pixels:
    return as_bgr(resize(strip.picture(), width, _HEIGHT))


def input_width(aspect: float) -> int:
    """The input width, in columns, for a line with this ratio of width to height: the nearest allowed one."""
    exact = aspect * _HEIGHT
    above = bisect_left(_LADDER, exact)
    if above in (0, len(_LADDER)):
        return _LADDER[min(above, len(_LADDER) - 1)]
    narrower, wider = _LADDER[above - 1], _LADDER[above]
    return wider if wider / exact <= exact / narrower else narrower


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
    if not steps:  # single letters only: Chinese, mostly, where they follow each other at their width
        pitch = min((right - left for left, right in pairwise(columns)), default=2)
        return min(float(pitch), _SQUARE)
    spans, first = 0, 0
    for length in lengths:
        spans += columns[first + length - 1] - columns[first]
        first += length
    return spans / steps
