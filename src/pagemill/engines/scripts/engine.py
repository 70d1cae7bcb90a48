"""The engine: the picture of one line in, a `Page` with that line out. Runs in a worker, on one thread."""

import gc
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, Polygon, Word
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.scripts import Script, script_of
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_errors
from pagemill.engines.line_reading import LineReading
from pagemill.engines.scripts.readers import Readers, Trust
from pagemill.engines.scripts.spec import NAME

_LEAST_SHARE = 0.5
"""Least share of a line's letters: a line with fewer letters of a script is in another one."""

_FEWEST_LETTERS = 4
"""A smudge is often read as two or three letters of some script."""

_DOUBT = 0.5
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
"""No word has a letter three times in a row, but smudges and drawings are often read so."""


@dataclass(frozen=True)
class _Best:
    reading: LineReading
    certainty: float
    language: str
    trust: Trust


class ScriptsEngine:
    """Reads lines with one language after the other."""

    reads_ink = True

    def __init__(self, config: EngineConfig) -> None:
        self._profile = config.profile
        self._languages = list(config.languages)
        self._readers = Readers(config)
        self._trim = allocator_trim()

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. The image shows one level line; the page is empty if no language here can read it."""
        del rotation, batch_size
        with engine_errors(doing=f"Reading a line of page {number}"):
            best = self._best(image)
            lines = [] if best is None else [_line(best.reading, image)]
            read = ReadImage(number, image.width_px, image.height_px, image.dpi, 0)
            return assemble(lines, read, engine=NAME, profile=self._profile)

    def trim(self) -> None:
        """See `Engine.trim`."""
        self._readers.trim()
        self._trim()

    def close(self) -> None:
        """See `Engine.close`."""
        self._readers.close()
        gc.collect()
        self._trim()

    def _best(self, image: PageImage) -> _Best | None:
        best: _Best | None = None
        for language in self._languages:
            reader = self._readers.reader(language)
            reading = reader.read(image)
            certainty = _certainty(reading, script_of(language), reader.trust)
            if best is None or certainty > best.certainty:
                best = _Best(reading, certainty, language, reader.trust)
            if certainty >= reader.trust.read_well:
                break
        if best is None or best.certainty < best.trust.read:
            return None
        self._languages.sort(key=lambda language: language != best.language)  # a page's lines are mostly alike
        return best


def _certainty(reading: LineReading, script: Script | None, trust: Trust) -> float:
    """How certain the reading is, 0 … 1; 0 if it does not fit the script."""
    if script is None:
        raise EngineFailed("This engine reads only languages of scripts that other engines lack.")
    if script.share(reading.text) < _LEAST_SHARE or sum(map(str.isalpha, reading.text)) < _FEWEST_LETTERS:
        return 0.0
    return max(0.0, reading.confidence - trust.too_sure.get(script.name, 0.0))


def _line(reading: LineReading, image: PageImage) -> Line:
    words = tuple(_words_of(reading, image))
    confidence = min([reading.confidence, *(word.confidence or 0.0 for word in words if _is_rubbish(word.text)), 1.0])
    outline = _corners(0.0, 0.0, float(image.width_px), float(image.height_px))
    return Line(text=reading.text, polygon=outline, confidence=confidence, words=words)


def _words_of(reading: LineReading, image: PageImage) -> list[Word]:
    texts = reading.text.split(" ")
    places = reading.words
    if len(places) != len(texts):
        places = tuple((place, reading.confidence) for place in _even_places(texts, reading.text, image))
    return [
        Word(
            text=text,
            polygon=_corners(*place),
            confidence=_DOUBT if _is_rubbish(text) else min(1.0, max(0.0, confidence)),
        )
        for text, (place, confidence) in zip(texts, places, strict=True)
    ]


def _even_places(texts: list[str], text: str, image: PageImage) -> Iterator[tuple[float, float, float, float]]:
    """Estimated places of words: all letters are equally wide, from the side where the line begins."""
    width, height = float(image.width_px), float(image.height_px)
    ends = accumulate((len(each) + 1 for each in texts), initial=0)
    for (start, end), each in zip(pairwise(ends), texts, strict=True):
        del end
        left, right = (width * at / len(text) for at in (start, start + len(each)))
        yield (width - right, 0.0, width - left, height) if runs_from_right([text]) else (left, 0.0, right, height)


def _corners(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _is_rubbish(text: str) -> bool:
    """Whether a word has the same letter three times in a row, not counting marks above and below letters."""
    return _REPEATED.search("".join(letter for letter in text if unicodedata.category(letter) != "Mn")) is not None
