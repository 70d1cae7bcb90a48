"""Puts RapidOCR's script models into their folder: from another folder or, only if allowed, from RapidOCR's address."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import yaml

from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.domain.work.scripts import script_of
from pagemill.engines.rapidocr.script_models import FAMILIES, describe, script_of_file
from pagemill.engines.tesseract.languages import package_of

_LIST = "default_models.yaml"
_FOR_ALL_LANGUAGES = "cyrillic"
"""The family that knows all languages of its script, which has two."""

_SILENCE_S = 60.0


@dataclass(frozen=True)
class ListedModel:
    """A model of RapidOCR's own list.

    Attributes:
        name: The name of its file.
        address: Where RapidOCR publishes it.
        sha256: Of its content.
    """

    name: str
    address: str
    sha256: str


def listed_models() -> tuple[ListedModel, ...]:
    """The script models in the list of the installed package, newest first.

    Raises:
        InvalidSettings: RapidOCR is not installed.
    """
    package = find_spec("rapidocr")
    if package is None or not package.submodule_search_locations:
        raise InvalidSettings("RapidOCR is not installed. Install it with `pip install rapidocr`.")
    path = Path(package.submodule_search_locations[0]) / _LIST
    versions: Mapping[str, Mapping[str, Mapping[str, Mapping[str, str]]]] = yaml.safe_load(
        path.read_text(encoding="utf-8")
    )["onnxruntime"]
    return tuple(
        ListedModel(address.rpartition("/")[2], address, entry["SHA256"])
        for _, kinds in sorted(versions.items(), reverse=True)
        for name, entry in kinds.get("rec", {}).items()
        if name.partition("_")[0] in FAMILIES and (address := entry["model_dir"])
    )


def models_for(languages: Iterable[str], listed: Iterable[ListedModel]) -> tuple[ListedModel, ...]:
    """For each language, the newest listed model of its script.

    Raises:
        InvalidRequest: No model reads a language; the message names those that models read.
    """
    listed = tuple(listed)
    return tuple(dict.fromkeys(_model_for(language, listed) for language in languages))


def install_models(
    models: Iterable[ListedModel],
    folder: Path,
    *,
    source: Path | None = None,
    allow_download: bool = False,
    tell: Callable[[str], None],
) -> None:
    """Put models into the folder, each complete or not at all.

    Args:
        models: What to install.
        folder: The folder of script models.
        source: A folder to copy them from.
        allow_download: Download those that are not there.
        tell: Called with the name of each step.

    Raises:
        InvalidRequest: A model is nowhere to be had; the message says where it is looked for and what to do.
        InvalidSettings: A download failed, or a file is damaged.
    """
    for model in models:
        target = folder / model.name
        if target.is_file():
            tell(f"{target} is already there")
        elif source is not None and (source / model.name).is_file():
            tell(f"Copying {model.name} from {source}")
            with _complete(target, model) as part:
                shutil.copyfile(source / model.name, part)
        elif allow_download:
            tell(f"Downloading {model.address}")
            with _complete(target, model) as part:
                _download(model.address, part)
        else:
            raise InvalidRequest(_how_to_get(model, folder, source))
        languages = describe(target).languages
        tell(f"{model.name} reads {', '.join(languages) or 'no language: ' + describe(target).fault}")


def _model_for(language: str, listed: Iterable[ListedModel]) -> ListedModel:
    script = script_of(language)
    found = [model for model in listed if script is not None and script_of_file(model.name) is script]
    if not found:
        known = sorted({code for model in listed for code in script_of_file(model.name).languages})
        raise InvalidRequest(
            f"RapidOCR has no script model for {language!r}; it has some for {', '.join(known)}. Tesseract may read "
            f"it: try `apt-get install {package_of(language)}`."
        )
    return next((model for model in found if model.name.startswith(_FOR_ALL_LANGUAGES)), found[0])


def _how_to_get(model: ListedModel, folder: Path, source: Path | None) -> str:
    looked = f"{folder} and {source}" if source is not None else str(folder)
    return (
        f"{model.name} is not in {looked}, and Pagemill downloads nothing unless you allow it. Allow it with "
        f"--allow-download, or get the file from {model.address} on another machine (SHA-256 {model.sha256}) and name "
        "its folder with --from."
    )


@contextmanager
def _complete(target: Path, model: ListedModel) -> Iterator[Path]:
    """A place beside the target for its content, which becomes the target once it is all there and right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != model.sha256:
            raise InvalidSettings(
                f"{model.name} is damaged or another version: its SHA-256 is {found}, RapidOCR's list says "
                f"{model.sha256}. Get it again from {model.address}."
            )
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _download(address: str, target: Path) -> None:
    try:
        with (
            httpx.stream("GET", address, follow_redirects=True, timeout=_SILENCE_S) as answer,
            target.open("wb") as file,
        ):
            answer.raise_for_status()
            for part in answer.iter_bytes():
                file.write(part)
    except httpx.HTTPError as error:
        raise InvalidSettings(
            f"{address} could not be downloaded: {error}. Try again, or get the file on another machine and name its "
            "folder with --from."
        ) from error
