"""The documents that a command gets: files, folders with all that is below them, and standard input (`-`)."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pagemill.domain.errors import InvalidRequest

SUFFIXES = frozenset(
    {".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".heic", ".heif", ".avif"}
)
STDIN = Path("-")
NAME_OF_STDIN = "stdin"


@dataclass(frozen=True)
class Input:
    """A document.

    Attributes:
        path: Its file.
        name: Its place below the folder that all documents of the command share, with "/"; results get the same place.
        label: What the user called it, for messages.
    """

    path: Path
    name: str
    label: str


def find_inputs(given: Sequence[Path], *, stdin_folder: Path) -> list[Input]:
    """Every document once, in the given order; those of a folder by name.

    Args:
        given: Files, folders and `STDIN`.
        stdin_folder: An empty folder for the document from standard input, which this reads to its end.

    Raises:
        InvalidRequest: A file is not there or cannot be read, a folder has no documents, or standard input is empty.
    """
    files = dict.fromkeys(file for path in given for file in _expand(path))
    shared = _shared_folder(given)
    return [
        _from_stdin(stdin_folder)
        if file == STDIN
        else Input(file, file.absolute().relative_to(shared).as_posix(), str(file))
        for file in files
    ]


def documents_in(folder: Path, *, but: Path | None = None) -> list[Path]:
    """Every document below the folder, by name, except hidden ones and those in the results' folder `but`."""
    return sorted(path for path in _walk(folder) if but is None or but.resolve() not in path.resolve().parents)


def explain_empty(folder: Path) -> str:
    """Why a folder gives a command nothing to read."""
    return f"No documents found in {folder} ({', '.join(sorted(SUFFIXES))})."


def _expand(path: Path) -> Sequence[Path]:
    if path == STDIN:
        return [path]
    if not path.exists():
        raise InvalidRequest(f"There is no file {path}.")
    if not os.access(path, os.R_OK):
        raise InvalidRequest(f"You may not read {path}. Change its permissions.")
    if not path.is_dir():
        return [path]
    found = documents_in(path)
    if not found:
        raise InvalidRequest(explain_empty(path))
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in SUFFIXES and path.is_file():
            yield path


def _shared_folder(given: Sequence[Path]) -> Path:
    folders = [path.absolute() if path.is_dir() else path.absolute().parent for path in given if path != STDIN]
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def _from_stdin(folder: Path) -> Input:
    if sys.stdin.isatty():
        raise InvalidRequest("Nothing comes from standard input. Send a document to it: pagemill ocr - < scan.pdf")
    path = folder / NAME_OF_STDIN
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise InvalidRequest("Standard input was empty. Send a document to it: pagemill ocr - < scan.pdf")
    return Input(path, NAME_OF_STDIN, NAME_OF_STDIN)
