"""The server's description of the reader of scripts, from models and Tesseract's data files, without loading them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.scripts import missing_scripts, one_for_each_script, script_of
from pagemill.engines.rapidocr.script_models import FAMILIES, models_folder, script_models
from pagemill.engines.rapidocr.script_models import OPTION as MODELS_OPTION
from pagemill.engines.rapidocr.spec import NAME as RAPIDOCR
from pagemill.engines.rapidocr.spec import Options
from pagemill.engines.tesseract.languages import NAME as TESSERACT
from pagemill.engines.tesseract.languages import OPTION as DATA_OPTION
from pagemill.engines.tesseract.languages import data_folder, languages_in, package_of

NAME = "scripts"

_FOR_DATA = ("tesserocr", "cv2")
_FOR_MODELS = ("rapidocr", "onnxruntime", "cv2")
_NOTHING = "No language in a script other than Latin and Chinese is installed."

_SEED = MemorySeed(
    base=MemoryNeed(120 * MIB),
    fixed=MemoryNeed(60 * MIB),
    ram_per_pixel=8.0,
    per_language=30 * MIB,
    kept=40 * MIB,
)
"""Loaded without a language it holds 100 MiB, with OpenCV; each of seven languages besides English added 17 to 30 once
a line needed it. A page is held once, twice if it is turned, and lines are small."""

_SEED_WITH_MODELS = replace(_SEED, base=MemoryNeed(150 * MIB), per_language=60 * MIB)
"""With the largest of RapidOCR's models, 21 MB: loaded it held 68 MiB, 154 after the first lines of an A4 page, 166
after one of 15 megapixels and 202 with a second model; a page added up to 55. Script models have 8 to 13 MB."""


def scripts_spec(options: Mapping[str, Options], environments: Path) -> EngineSpec:
    """The reader with the scripts that are installed.

    Args:
        options: `engines.<name>` of the settings.
        environments: The folder of engines' environments.
    """
    data, models_in = data_folder(options.get(TESSERACT, {})), models_folder(options.get(RAPIDOCR, {}), environments)
    models = script_models(models_in)
    on_models = {code for model in models for code in model.languages}
    has_tesseract = find_spec(_FOR_DATA[0]) is not None or not on_models
    on_data = {code for code in languages_in(data) if has_tesseract and script_of(code) is not None} - on_models
    requires = (*(_FOR_MODELS if on_models else ()), *(_FOR_DATA if on_data or not on_models else ()))
    languages = tuple(sorted(on_models | on_data))
    profile = EngineProfile(
        name="accurate",
        seed=_SEED_WITH_MODELS if on_models else _SEED,
        languages=languages,
        loads_languages=True,
        default_languages=one_for_each_script(languages),
    )
    return EngineSpec(
        name=NAME,
        factory="pagemill.engines.scripts:load",
        profiles=(profile,),
        requires=tuple(dict.fromkeys(requires)),
        distribution="tesserocr" if on_data or not on_models else "rapidocr",
        files=tuple(str(folder.absolute()) for folder in (data, models_in) if folder is not None and folder.is_dir()),
        unusable="" if languages else _NOTHING,
        assists=True,
        more_languages=" ".join(filter(None, (_how_to_read_more(languages), *(model.fault for model in models)))),
        options=_places(data, models_in),
    )


def _places(data: Path | None, models: Path) -> dict[str, str]:
    """Where its worker finds the same files."""
    return {DATA_OPTION: str(data.absolute()), MODELS_OPTION: str(models)} if data else {MODELS_OPTION: str(models)}


def _how_to_read_more(languages: Iterable[str]) -> str:
    missing = missing_scripts(languages)
    if not missing:
        return ""
    names = [script.name for script in missing]
    listed = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    packages = " ".join(package_of(script.languages[0]) for script in missing)
    ways = [f"the data for it with `apt-get install {packages}`"]
    if codes := ",".join(script.languages[0] for script in missing if script.name in FAMILIES.values()):
        ways.append(f"a model with `pagemill engines install rapidocr --languages {codes}`")
    return f"If it is {listed}, install {' or '.join(ways)}, then restart Pagemill."
