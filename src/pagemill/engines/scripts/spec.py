"""The server's description of the reader of scripts, from Tesseract's data files, without loading anything."""

from collections.abc import Iterable, Mapping

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.scripts import missing_scripts, one_for_each_script, script_of
from pagemill.engines.tesseract.languages import data_folder, languages_in, package_of

NAME = "scripts"

_SEED = MemorySeed(
    base=MemoryNeed(120 * MIB),
    fixed=MemoryNeed(60 * MIB),
    ram_per_pixel=8.0,
    per_language=30 * MIB,
    kept=40 * MIB,
)
"""Loaded without a language it holds 100 MiB, with OpenCV; each of seven languages besides English added 17 to 30 once
a line needed it. A page is held once, twice if it is turned, and lines are small."""


def scripts_spec(options: Mapping[str, str | int | float | bool]) -> EngineSpec:
    """The reader with the scripts that are installed; `options` are those of Tesseract."""
    folder = data_folder(options)
    languages = tuple(code for code in languages_in(folder) if script_of(code) is not None)
    profile = EngineProfile(
        name="accurate",
        seed=_SEED,
        languages=languages,
        loads_languages=True,
        default_languages=one_for_each_script(languages),
    )
    return EngineSpec(
        name=NAME,
        factory="pagemill.engines.scripts:load",
        profiles=(profile,),
        requires=("tesserocr", "cv2"),
        distribution="tesserocr",
        files=() if folder is None else (str(folder.absolute()),),
        unusable="" if languages else "No language in a script other than Latin and Chinese is installed.",
        assists=True,
        more_languages=_how_to_read_more(languages),
    )


def _how_to_read_more(languages: Iterable[str]) -> str:
    missing = missing_scripts(languages)
    if not missing:
        return ""
    names = [script.name for script in missing]
    listed = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    packages = " ".join(package_of(script.languages[0]) for script in missing)
    return f"If it is {listed}, install the data for it with `apt-get install {packages}`, then restart Pagemill."
