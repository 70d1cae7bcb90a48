"""The content of a submission: the document, which may have to be sent again, and its options."""

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
from pagemill.wire.python_documents import (
    NAME_OF_BYTES,
    Document,
    UnusablePicture,
    encode_picture,
    is_picture,
    name_of,
)


class SubmitOptions(ReadingOptions, total=False):
    """Options of a submission, with all reading options. An option that is missing or None has the service's default.

    `priority` (-100 … 100) and `start` control when the task runs, and `cache` whether it may reuse pages that were
    read before. `labels` help to find the task. `time_to_live_seconds` is how long to keep it after its end, and
    `webhook_url` is notified of its end.
    """

    priority: int | None
    start: bool | None
    labels: Mapping[str, str] | None
    time_to_live_seconds: float | None
    cache: Literal["off", "use", "refresh"] | None
    webhook_url: str | None


def password_header(password: str | None) -> dict[str, str]:
    """The header with the password of a document, in UTF-8; headers are sent as Latin-1."""
    return {} if password is None else {"Pagemill-Password": password.encode().decode("latin-1")}


def form_fields(options: Mapping[str, object]) -> dict[str, str]:
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
    """A document to send, repeatedly if necessary.

    Args:
        document: The document; an open file is sent from its present position.
        name: Its name; None for the file's name.

    Raises:
        DocumentUnusable: It is not a file, not seekable, or not a picture.
    """

    def __init__(self, document: Document, name: str | None = None) -> None:
        self._document = _take(document)
        self._start = 0
        if isinstance(self._document, Path):
            own = self._document.name
            if not self._document.is_file():
                raise DocumentUnusable(f"File not found: {self._document}.")
        elif isinstance(self._document, bytes):
            own = NAME_OF_BYTES
        else:
            own = name_of(self._document)
            self._start = _position(self._document)
        self.name = name or own or NAME_OF_BYTES

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
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
            with TemporaryFile() as rest:  # the sender rewinds it
                self._document.seek(self._start)
                shutil.copyfileobj(self._document, rest)
                yield rest


def _take(document: Document) -> Path | bytes | BinaryIO:
    if isinstance(document, str | os.PathLike):
        return Path(document)
    if not is_picture(document):
        return document
    try:
        return encode_picture(document)
    except UnusablePicture as error:
        raise DocumentUnusable(str(error)) from error


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
