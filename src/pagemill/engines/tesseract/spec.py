"""The server's description of Tesseract, from its data files and its package, without loading it."""

from collections.abc import Mapping

from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.engines.tesseract.languages import (
    DEFAULT,
    NAME,
    data_folder,
    default_languages,
    how_to_get,
    languages_in,
)
from pagemill.engines.tesseract.needs import SEED


def tesseract_spec(options: Mapping[str, str | int | float | bool]) -> EngineSpec:
    """The engine with its installed languages; `options` are its settings."""
    folder = data_folder(options)
    languages = languages_in(folder)
    profile = EngineProfile(
        name="accurate",
        seed=SEED,
        languages=languages,
        loads_languages=True,
        default_languages=default_languages(languages),
    )
    return EngineSpec(
        name=NAME,
        factory="pagemill.engines.tesseract:load",
        profiles=(profile,),
        requires=("tesserocr",),
        distribution="tesserocr",
        files=() if folder is None else (str(folder.absolute()),),
        unusable="" if languages else how_to_get([DEFAULT], folder),
        more_languages="To add languages to Tesseract, install their data with `apt-get install tesseract-ocr-LANG` "
        "(for example tesseract-ocr-deu), then restart Pagemill.",
    )
