"""What a Python program may give as a document: a file, bytes, or a picture that it holds in memory."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from typing_extensions import TypeIs

_CHANNELS = (3, 4)
_TYPES = ("|u1", "|b1")


class Picture(Protocol):
    """An image of Pillow. Only its present frame is read."""

    @property
    def mode(self) -> str:
        """What its pixels are, such as "RGB"."""
        ...

    @property
    def info(self) -> Mapping[str | tuple[int, int], object]:
        """What its file said; `dpi` is its resolution."""
        ...

    def save(self, fp: BinaryIO, format: str, **params: object) -> None:  # noqa: A002 - Pillow's name
        """Write it to a file."""
        ...


class Array(Protocol):
    """An array of NumPy, or of a library that has its array interface.

    Its shape is (height, width) for grey, or (height, width, channels) with 3 channels in the order red, green, blue,
    or 4 with opacity. Its values are uint8, or bool with True for white. OpenCV has blue first: give
    `image[:, :, ::-1]`.
    """

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The shape, type and place of its values."""
        ...


Document = str | os.PathLike[str] | bytes | BinaryIO | Picture | Array
"""A path, the bytes themselves, an open file, an image of Pillow, or an array of NumPy."""
NAME_OF_BYTES = "document"
"""The name of a document that has none."""


class UnusablePicture(ValueError):
    """The picture cannot be a document; the message says what to give instead."""


def is_picture(document: object) -> TypeIs[Picture | Array]:
    """Whether it is a picture that `encode_picture` takes."""
    return _is_image(document) or hasattr(document, "__array_interface__")


def encode_picture(picture: Picture | Array) -> bytes:
    """The picture as a PNG file.

    Raises:
        UnusablePicture: Its shape, type or mode is not that of a picture.
    """
    image = picture if _is_image(picture) else _from_array(picture)
    resolution = image.info.get("dpi")
    file = BytesIO()
    try:
        image.save(file, "PNG", **({"dpi": resolution} if resolution else {}))
    except OSError as error:
        raise UnusablePicture(
            f"An image of the mode {image.mode} cannot be sent. Give image.convert('RGB') instead."
        ) from error
    return file.getvalue()


def name_of(file: BinaryIO) -> str:
    """The name of an open file."""
    name = getattr(file, "name", None)
    return (Path(name).name if isinstance(name, str) else "") or NAME_OF_BYTES


def _is_image(document: object) -> TypeIs[Picture]:
    return all(hasattr(document, name) for name in ("mode", "info", "save"))


def _from_array(array: Array) -> Picture:
    from PIL import Image  # only programs that have pictures need it

    facts = array.__array_interface__
    match facts.get("shape"), facts.get("typestr"):
        case (int(), int()), kind if kind in _TYPES:
            return Image.fromarray(array)
        case (int(), int(), channels), "|u1" if channels in _CHANNELS:
            return Image.fromarray(array)
        case shape, kind:
            raise UnusablePicture(
                f"An array of the shape {shape} and the type {kind} is not a picture. Give uint8 values of the shape "
                "(height, width), or (height, width, 3) in the order red, green, blue."
            )
