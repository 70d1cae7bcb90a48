"""Reads the metadata of an ONNX file without loading the model, so that the server can do it. Pure, but for the file.

An ONNX file is one protobuf message (https://protobuf.dev/programming-guides/encoding). The graph with its weights is
one field of it, which is skipped; each metadata entry is another one, with a key and a value.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pagemill.domain.errors import EngineFailed

_METADATA = 14  # `ModelProto.metadata_props`
_KEY, _VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a model.

    Raises:
        EngineFailed: The file cannot be read, or is not an ONNX model.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            entries = [_entry(value) for value in _values(file, _METADATA, size=size)]
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{path.name} is not a complete ONNX model. Get it again.") from error
    return dict(entries)


def _entry(message: bytes) -> tuple[str, str]:
    key, value = (next(_values(BytesIO(message), field, size=len(message)), b"") for field in (_KEY, _VALUE))
    return key.decode(), value.decode()


def _values(file: BinaryIO, wanted: int, *, size: int) -> Iterator[bytes]:
    """The contents of each field of this number in the message that fills the file."""
    while file.tell() < size:
        number, kind = divmod(_varint(file), 8)
        if kind == _VARINT:
            _varint(file)
            continue
        length = _varint(file) if kind == _SIZED else _FIXED.get(kind)
        if length is None or file.tell() + length > size:
            raise ValueError(f"field {number} of kind {kind}")
        if number == wanted:
            yield file.read(length)
        else:
            file.seek(length, 1)


def _varint(file: BinaryIO) -> int:
    result = 0
    for place in range(_LONGEST_VARINT):
        (byte,) = file.read(1) or (None,)
        if byte is None:
            raise ValueError("the file ends within a number")
        result |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return result
    raise ValueError("a number is too long")
