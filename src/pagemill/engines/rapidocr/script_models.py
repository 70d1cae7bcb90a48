"""RapidOCR's recognition models of single scripts, in a folder of the user's. Only look-ups, for server and workers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pagemill.domain.errors import EngineFailed
from pagemill.domain.work.scripts import SCRIPTS, Script
from pagemill.engines.alphabets import can_write, is_known
from pagemill.engines.rapidocr.onnx_file import read_metadata

OPTION = "script_models_dir"
"""The setting `engines.rapidocr.script_models_dir`."""

ALPHABET = "character"
"""The metadata key of a model's alphabet."""

FAMILIES: Mapping[str, str] = {
    "arabic": "Arabic",
    "cyrillic": "Cyrillic",
    "devanagari": "Devanagari",
    "el": "Greek",
    "eslav": "Cyrillic",
    "ka": "Kannada",
    "korean": "Korean",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
}
"""How the names of RapidOCR's models begin, and the script that each reads. (`eslav` is East Slavic.)"""

_NAME = re.compile(rf"({'|'.join(FAMILIES)})(?:[_.-].*)?\.onnx")
_VERSION = re.compile(r"PP-OCRv(\d+)")
_BY_NAME = {script.name: script for script in SCRIPTS}


@dataclass(frozen=True)
class ScriptModel:
    """A recognition model of one script.

    Attributes:
        path: Its file.
        script: Its script, as its name says.
        languages: ISO 639 codes of the script's languages whose letters are all in its alphabet.
        fault: Why it reads none, and what to do, in one sentence; empty if it reads some.
    """

    path: Path
    script: Script
    languages: tuple[str, ...]
    fault: str = ""


def models_folder(options: Mapping[str, object], environments: Path) -> Path:
    """The folder of script models.

    Args:
        options: `engines.rapidocr` of the settings.
        environments: The folder of engines' environments, which has a default one.
    """
    return Path(str(options.get(OPTION, environments / "rapidocr"))).absolute()


def script_models(folder: Path) -> tuple[ScriptModel, ...]:
    """The models in a folder, the best for a language first: newest first, then the one for the fewest languages."""
    try:
        names = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()]
    except OSError:
        return ()
    return tuple(sorted(map(describe, names), key=lambda model: (-_version(model.path), len(model.languages))))


def describe(path: Path) -> ScriptModel:
    """What a file claims to read by its name, and can read by its alphabet."""
    script = script_of_file(path.name)
    try:
        alphabet = frozenset(alphabet_of(path))
    except EngineFailed as error:
        return ScriptModel(path, script, (), error.message)
    languages = tuple(code for code in script.languages if can_write(code, alphabet))
    fault = "" if languages else _lacks_letters(path, script)
    return ScriptModel(path, script, languages, fault)


def script_of_file(name: str) -> Script:
    """The script that a file reads by its name.

    Raises:
        EngineFailed: The name is not that of a script model; the message lists the names.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise EngineFailed(f"{name} is not a script model's name. Names begin with one of: {', '.join(FAMILIES)}.")
    return _BY_NAME[FAMILIES[found[1]]]


def model_for(language: str, models: Iterable[ScriptModel]) -> ScriptModel | None:
    """The best of the models for a language; None if none reads it."""
    return next((model for model in models if language in model.languages), None)


def alphabet_of(path: Path) -> list[str]:
    """The letters that the model can write.

    Raises:
        EngineFailed: The file is not a model, or has no alphabet.
    """
    listed = read_metadata(path).get(ALPHABET)
    if not listed:
        raise EngineFailed(
            f"{path.name} has no alphabet (metadata key `{ALPHABET}`). Use RapidOCR's own export of the model."
        )
    return listed.splitlines()


def _lacks_letters(path: Path, script: Script) -> str:
    checked = [code for code in script.languages if is_known(code)]
    return (
        f"The alphabet of {path.name} lacks letters of every language in {script.name} ({', '.join(checked)}). "
        "Get the model again, or name it after the script that it reads."
    )


def _version(path: Path) -> int:
    found = _VERSION.search(path.name)
    return int(found[1]) if found else 0
