"""What is sent when a document is submitted: the document, which may have to be sent again, and its options."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Literal

from pagemill.client.errors import DocumentUnusable
from pagemill.domain.task.plain_options import ReadingOptions

Document = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or an open file that can be gone back in."""
UNNAMED = "document"


class SubmitOptions(ReadingOptions, total=False):
    """How a document is to be read, and what beside; what is left out, or None, is up to the service.

    `priority` (-100 … 100) and `start` say when; `cache` whether pages that were read before may be taken; `labels`
    what the task is found by; `time_to_live_seconds` how long after its end it is kept; `webhook_url` who is told.
    """

    priority: int | None
    start: bool | None
    labels: Mapping[str, str] | None
    time_to_live_seconds: float | None
    cache: Literal["off", "use", "refresh"] | None
    webhook_url: str | None


def form_fields(options: SubmitOptions) -> dict[str, str]:
    """The options as the text fields of a form."""
    return {name: _text(value) for name, value in options.items() if value is not None}


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Mapping():
            return json.dumps(dict(value), ensure_ascii=False)
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


class Upload:
    """A document to be sent, as often as it takes.

    Args:
        document: What to send; a file is sent from where it stands now.
        name: What to call it; None for the file's name.

    Raises:
        DocumentUnusable: It is no file, or one that cannot be gone back in.
    """

    def __init__(self, document: Document, name: str | None = None) -> None:
        self._document = Path(document) if isinstance(document, str | os.PathLike) else document
        self._start = 0
        if isinstance(self._document, Path):
            own = self._document.name
            if not self._document.is_file():
                raise DocumentUnusable(f"File not found: {self._document}.")
        elif isinstance(self._document, bytes):
            own = UNNAMED
        else:
            own = _name_of(self._document)
            self._start = _position(self._document)
        self.name = name or own or UNNAMED

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The document from its start.

        Raises:
            DocumentUnusable: It cannot be opened.
        """
        if isinstance(self._document, bytes):
            yield BytesIO(self._document)
        elif isinstance(self._document, Path):
            with _open(self._document) as file:
                yield file
        elif self._start == 0:
            yield self._document
        else:
            with TemporaryFile() as rest:  # whatever sends it goes back to the start
                self._document.seek(self._start)
                shutil.copyfileobj(self._document, rest)
                yield rest


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DocumentUnusable(f"Cannot read {path}: {error.strerror}.") from error


def _position(file: BinaryIO) -> int:
    if not file.seekable():
        raise DocumentUnusable(
            "This document cannot be sent again if the connection breaks. Pass its bytes or a file instead."
        )
    return file.tell()


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else UNNAMED
