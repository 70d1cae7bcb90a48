"""Text from outside, as databases and JSON keep it.

PostgreSQL keeps no NUL in a text, and nothing that is written as UTF-8 keeps half a surrogate pair. Text that enters
loses both once, where it enters: in errors, outcomes, options, documents' names, pages, and all that workers send.
"""

import json
import re
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import JsonValue  # `pagemill --help` comes at once: errors need this module, and no models

REPLACEMENT = "\ufffd"
"""Stands where a character was that is none."""

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON writes them. Pairs of surrogates, which are characters, look the same and are read to be told apart."""


def storable(text: str) -> str:
    """The text with `REPLACEMENT` for every NUL and half a surrogate pair."""
    return _NO_CHARACTER.sub(REPLACEMENT, text)


class TextFromOutside:
    """Base of frozen dataclasses whose texts come from outside: each is made `storable`.

    Attributes:
        taken_as_it_is: Fields that name something, such as a file, and would name another.
    """

    taken_as_it_is: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for name, value in tuple(vars(self).items()):
            if type(value) is str and name not in self.taken_as_it_is:
                object.__setattr__(self, name, storable(value))


def storable_value(value: "JsonValue") -> "JsonValue":
    """The same of all texts within a value, names of members included."""
    match value:
        case str():
            return storable(value)
        case list():
            return [storable_value(each) for each in value]
        case dict():
            return {storable(name): storable_value(each) for name, each in value.items()}
        case _:
            return value


def storable_json(text: bytes) -> bytes:
    """The same of all texts within JSON; JSON in which there is nothing of the kind comes back as it is.

    Raises:
        ValueError: There may be, and it is no JSON.
    """
    return write_storable(json.loads(text)) if _ESCAPED.search(text) else text


def write_storable(value: "JsonValue") -> bytes:
    """The value as UTF-8 JSON with `storable` texts."""
    return json.dumps(storable_value(value), ensure_ascii=False, separators=(",", ":")).encode()
