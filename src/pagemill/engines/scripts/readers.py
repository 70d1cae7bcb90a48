"""The readers of single lines, one for each language: a recognition model if there is one, otherwise Tesseract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pagemill.domain.page.image import PageImage
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.line_reading import LineReading
from pagemill.engines.rapidocr.script_models import OPTION, ScriptModel, model_for, script_models

_USUAL_DPI = 200


@dataclass(frozen=True)
class Trust:
    """How certain a reader is of lines in its own script and of others.

    Attributes:
        read_well: No other script reads the line better.
        read: Below this, the line is in another script.
        too_sure: For scripts that are read into anything: how much less certain their readings are than they say.
    """

    read_well: float
    read: float
    too_sure: Mapping[str, float] = field(default_factory=dict)


TESSERACT = Trust(read_well=0.87, read=0.65, too_sure={"Thai": 0.15})
"""On rendered pages in seven scripts, the right one read lines with 0.74 to 0.97 and wrong ones with 0.2 to 0.7, except
Thai, which reads any other script with up to 0.85, and its own with 0.88 to 0.95."""

MODEL = Trust(read_well=0.95, read=0.75)
"""Set with care, because these models are in no package: RapidOCR's shipped model reads lines in its own scripts with
0.9 and more, and those in others with up to 0.75."""


class LineReader(Protocol):
    """Reads pictures of single lines in one script."""

    @property
    def trust(self) -> Trust:
        """How far its certainty can be believed."""
        ...

    def read(self, image: PageImage) -> LineReading:
        """Read the picture of one level line."""
        ...

    def trim(self) -> None:
        """Free the memory of the last lines."""
        ...

    def close(self) -> None:
        """Unload what it reads with."""
        ...


class Readers:
    """The readers of a worker; each is loaded when a line needs it."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        folder = config.options.get(OPTION)
        self._models: Sequence[ScriptModel] = () if folder is None else script_models(Path(str(folder)))
        self._loaded: dict[str, LineReader] = {}

    def reader(self, language: str) -> LineReader:
        """The reader of a language; languages with one model share one.

        Raises:
            EngineFailed: Neither a model nor Tesseract's data is there; the message says what to do.
        """
        model = model_for(language, self._models)
        key = language if model is None else str(model.path)
        if key not in self._loaded:
            self._loaded[key] = self._load(language, model)
        return self._loaded[key]

    def trim(self) -> None:
        """Free the memory of the last lines."""
        for reader in self._loaded.values():
            reader.trim()

    def close(self) -> None:
        """Unload all."""
        for reader in self._loaded.values():
            reader.close()
        self._loaded.clear()

    def _load(self, language: str, model: ScriptModel | None) -> LineReader:
        if model is None:
            return _OnTesseract(self._config.options, language)
        return _OnModel(model.path, threads=self._config.threads)


class _OnTesseract:
    """Reads a language and English, whose words occur in texts of every language."""

    trust = TESSERACT

    def __init__(self, options: Mapping[str, object], language: str) -> None:
        from pagemill.engines.tesseract.languages import DEFAULT, data_files, data_folder, languages_in
        from pagemill.engines.tesseract.single_lines import TesseractLines

        english = [DEFAULT] if DEFAULT in languages_in(data_folder(options)) else []
        self._lines = TesseractLines(*data_files(options, [language, *english]))

    def read(self, image: PageImage) -> LineReading:
        from pagemill.engines.tesseract.pictures import gray_picture

        return self._lines.read(gray_picture(image), dpi=round(image.dpi or _USUAL_DPI))

    def trim(self) -> None:
        """Tesseract clears itself after every line."""

    def close(self) -> None:
        self._lines.close()


class _OnModel:
    """Reads a script with a recognition model of RapidOCR's; closing drops it."""

    trust = MODEL

    def __init__(self, path: Path, *, threads: int) -> None:
        from pagemill.engines.rapidocr.single_lines import RapidOcrLines

        self._lines = RapidOcrLines(path, threads=threads)

    def read(self, image: PageImage) -> LineReading:
        return self._lines.read(image)

    def trim(self) -> None:
        self._lines.trim()

    def close(self) -> None:
        """Its memory is freed with it."""
