"""Text from outside, in a form that databases and JSON can store.

PostgreSQL cannot store NUL in a text, and UTF-8 cannot express half a surrogate pair. Pagemill replaces both once, when
text enters: in errors, outcomes, options, names of documents, pages, and everything that workers send.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import JsonValue  # `pagemill --help` must be fast: errors need this module, but no models

REPLACEMENT = "\ufffd"
"""Replaces characters that are not valid."""

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON writes them. Surrogate pairs, which are valid, look the same; parsing tells them apart."""


def make_storable(text: str) -> str:
    """The text with `REPLACEMENT` for every NUL and half a surrogate pair."""
    return _NO_CHARACTER.sub(REPLACEMENT, text)


_PATH = re.compile(r"""(?<![\w/:.])/([^\s/'"()<>,;:]+)/(?:[^\s/'"()<>,;:]+/)*([^\s/'"()<>,;:]*)""")


@cache
def _top_level() -> frozenset[str]:
    return frozenset(each.name for each in Path("/").iterdir())


def without_paths(text: str) -> str:
    """The text for people outside: each path of this machine is shortened to its last part."""
    return _PATH.sub(lambda found: f"\u2026/{found[2]}" if found[1] in _top_level() else found[0], text)


class TextFromOutside:
    """Base of frozen dataclasses with texts from outside. It makes each text `make_storable`.

    Attributes:
        taken_as_it_is: Fields to leave unchanged, because they name something such as a file.
    """

    taken_as_it_is: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for name, value in tuple(vars(self).items()):
            if type(value) is str and name not in self.taken_as_it_is:
                object.__setattr__(self, name, make_storable(value))


def storable_value(value: "JsonValue") -> "JsonValue":
    """The value with all its texts `make_storable`, including names of members."""
    match value:
        case str():
            return make_storable(value)
        case list():
            return [storable_value(each) for each in value]
        case dict():
            return {make_storable(name): storable_value(each) for name, each in value.items()}
        case _:
            return value


def storable_json(text: bytes) -> bytes:
    """The JSON with all its texts `make_storable`; JSON that needs no change is returned as it is.

    Raises:
        ValueError: The text may need a change but is not JSON.
    """
    return write_storable(json.loads(text)) if _ESCAPED.search(text) else text


def write_storable(value: "JsonValue") -> bytes:
    """The value as UTF-8 JSON with `make_storable` texts."""
    return json.dumps(storable_value(value), ensure_ascii=False, separators=(",", ":")).encode()
