"""The engine: the picture of one line in, a `Page` with that line out. Runs in a worker, on one thread."""

import gc
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from PIL import Image

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, Polygon, Word
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.scripts import Script, script_of
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.assembly import ReadImage, assemble
from pagemill.engines.failures import engine_errors
from pagemill.engines.scripts.spec import NAME
from pagemill.engines.tesseract.languages import DEFAULT, data_files, data_folder, languages_in
from pagemill.engines.tesseract.pictures import gray_picture
from pagemill.engines.tesseract.single_lines import LineReading, TesseractLines

_READ_WELL = 0.87
_READ = 0.65
"""On rendered pages in seven scripts, the right one read lines with 0.74 to 0.97 and wrong ones with 0.2 to 0.7 …"""

_TOO_SURE = {"Thai": 0.15}
"""… except Thai, which reads any other script with up to 0.85, and its own with 0.88 to 0.95."""

_LEAST_SHARE = 0.5
"""Least share of a line's letters: a line with fewer letters of a script is in another one."""

_FEWEST_LETTERS = 4
"""A smudge is often read as two or three letters of some script."""

_USUAL_DPI = 200
_DOUBT = 0.5
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
"""No word has a letter three times in a row, but smudges and drawings are often read so."""


@dataclass(frozen=True)
class _Best:
    reading: LineReading
    certainty: float
    language: str


class ScriptsEngine:
    """Reads lines with one language after the other."""

    reads_ink = True

    def __init__(self, config: EngineConfig) -> None:
        self._profile = config.profile
        self._options = config.options
        self._languages = list(config.languages)
        self._readers: dict[str, TesseractLines] = {}
        self._trim = allocator_trim()

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """See `Engine.read`. The image shows one level line; the page is empty if no language here can read it."""
        del rotation, batch_size
        with engine_errors(doing=f"Reading a line of page {number}"):
            best = self._best(gray_picture(image), round(image.dpi or _USUAL_DPI))
            lines = [] if best is None else [_line(best.reading, image)]
            read = ReadImage(number, image.width_px, image.height_px, image.dpi, 0)
            return assemble(lines, read, engine=NAME, profile=self._profile)

    def trim(self) -> None:
        """See `Engine.trim`."""
        self._trim()

    def close(self) -> None:
        """See `Engine.close`."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        gc.collect()
        self._trim()

    def _best(self, picture: Image.Image, dpi: int) -> _Best | None:
        best: _Best | None = None
        for language in self._languages:
            reading = self._reader(language).read(picture, dpi=dpi)
            certainty = _certainty(reading, script_of(language))
            if best is None or certainty > best.certainty:
                best = _Best(reading, certainty, language)
            if certainty >= _READ_WELL:
                break
        if best is None or best.certainty < _READ:
            return None
        self._languages.sort(key=lambda language: language != best.language)  # a page's lines are mostly alike
        return best

    def _reader(self, language: str) -> TesseractLines:
        """The reader of a language and English, whose words occur in texts of every language."""
        if language not in self._readers:
            there = languages_in(data_folder(self._options))
            english = [DEFAULT] if DEFAULT in there else []
            self._readers[language] = TesseractLines(*data_files(self._options, [language, *english]))
        return self._readers[language]


def _certainty(reading: LineReading, script: Script | None) -> float:
    """How certain the reading is, 0 … 1; 0 if it does not fit the script."""
    if script is None:
        raise EngineFailed("This engine reads only languages of scripts that other engines lack.")
    if script.share(reading.text) < _LEAST_SHARE or sum(map(str.isalpha, reading.text)) < _FEWEST_LETTERS:
        return 0.0
    return max(0.0, reading.confidence - _TOO_SURE.get(script.name, 0.0))


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
