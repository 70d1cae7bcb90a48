"""Makes recognition models of other scripts, which no package contains: the packaged one with another alphabet.

Such a model reads Latin print and writes it in the letters of the other script.
"""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pagemill.engines.alphabets import letters_of
from pagemill.engines.rapidocr.script_models import ALPHABET, alphabet_of

CYRILLIC: Mapping[str, str] = dict(zip("abcdefghijklmnopqrstuvwxyz", "абцдефгхийклмнопьрстувшхызъ"[:26], strict=True))
"""What the letters of Latin print become."""

ARABIC: Mapping[str, str] = dict(zip("abcdefghijklmnopqrstuvwxyz", "ابتثجحخدذرزسشصضطظعغفقكلمنه", strict=True))

_METADATA = b"\x72"
_MOST_BITS = 7


def packaged_model() -> Path:
    """The recognition model in RapidOCR's package."""
    package = find_spec("rapidocr")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "models" / "PP-OCRv6_rec_small.onnx"


def make_model(path: Path, letters: Mapping[str, str], *, language: str, without: str = "") -> Path:
    """Write the packaged model with another alphabet.

    Args:
        path: The file.
        letters: What the small letters of Latin print become; capital ones become the capitals of these.
        language: All its letters are in the alphabet, in the places of ideographs …
        without: … except these.
    """
    capitals = {small.upper(): other.upper() for small, other in letters.items()}
    alphabet = [letters.get(letter, capitals.get(letter, letter)) for letter in packaged_alphabet()]
    wanted = sorted(letters_of(language) - set(alphabet) - set(without))
    ideographs = [at for at, letter in enumerate(alphabet) if "\u4e00" <= letter <= "\u9fff"]
    for at, letter in zip(reversed(ideographs), wanted, strict=False):
        alphabet[at] = letter
    return write_model(path, "\n".join(letter for letter in alphabet) + "\n")


def write_model(path: Path, alphabet: str | None) -> Path:
    """Write the packaged model with this list of letters, one a line, or with none."""
    content = packaged_model().read_bytes()
    start, end = _entry(content)
    entry = b"" if alphabet is None else _field(1, ALPHABET.encode()) + _field(2, alphabet.encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content[:start] + (_field(14, entry) if entry else b"") + content[end:])
    return path


@cache
def packaged_alphabet() -> tuple[str, ...]:
    """The letters of the packaged model."""
    return tuple(alphabet_of(packaged_model()))


def _entry(content: bytes) -> tuple[int, int]:
    """Where the metadata entry of the alphabet begins and ends."""
    listed = "\n".join(packaged_alphabet()).encode()
    key = content.index(_field(1, ALPHABET.encode()))
    end = content.index(listed) + len(listed)
    end += content[end : end + 1] == b"\n"
    return content.rindex(_METADATA + _varint(end - key), 0, key), end


def _field(number: int, content: bytes) -> bytes:
    return _varint(number * 8 + 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    head, rest = number & 0x7F, number >> _MOST_BITS
    return bytes([head | 0x80]) + _varint(rest) if rest else bytes([head])
