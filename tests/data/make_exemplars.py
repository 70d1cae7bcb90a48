"""Writes `pagemill/engines/exemplars.json`: the letters of each language, from CLDR.

Run it as `python -m tests.data.make_exemplars FOLDER` with the unpacked npm package `cldr-misc-full`
(`npm pack cldr-misc-full`, then `tar xzf` it).
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pagemill.domain.work.scripts import SCRIPTS
from pagemill.engines.alphabets import FILE
from pagemill.engines.paddle.specs import paddle_specs
from pagemill.engines.rapidocr.spec import rapidocr_specs

CLDR_CODES: Mapping[str, str] = {"tl": "fil"}
"""CLDR's codes where they differ from ours."""

NOT_CLAIMED = ("vi", "cy")
"""Languages that are not claimed any more."""

_TOKEN = re.compile(r"\{(?P<cluster>[^}]*)\}|\\u(?P<code>[0-9A-F]{4})|\\?(?P<letter>\S)")
_RANGE = "-"


def letters_of(pattern: str) -> str:
    """The letters of a UnicodeSet such as `[a á b-d {dž}]`, sorted."""
    tokens = [_letters(found) for found in _TOKEN.finditer(pattern[1:-1])]
    letters: set[str] = set()
    for at, token in enumerate(tokens):
        if token == _RANGE and 0 < at < len(tokens) - 1:
            letters.update(map(chr, range(ord(tokens[at - 1]), ord(tokens[at + 1]))))
        else:
            letters.update(token)
    return "".join(sorted(letters))


def _letters(found: re.Match[str]) -> str:
    if found["code"]:
        return chr(int(found["code"], 16))
    return (found["cluster"] or found["letter"] or "").replace("\\", "")


def list_claimed() -> Iterator[str]:
    """The languages that engines claim, those that other models may, and those that are not claimed any more."""
    for spec in (*rapidocr_specs({}), *paddle_specs({}, Path())):
        for profile in spec.profiles:
            yield from profile.languages
    for script in SCRIPTS:
        yield from script.languages
    yield from NOT_CLAIMED


def main() -> None:
    """Write the file."""
    package = Path(sys.argv[1])
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    letters = {}
    for code in sorted({*list_claimed()}):
        file = package / "main" / CLDR_CODES.get(code, code) / "characters.json"
        if file.is_file():
            (locale,) = json.loads(file.read_text(encoding="utf-8"))["main"].values()
            letters[code] = letters_of(locale["characters"]["exemplarCharacters"])
    content = {
        "source": f"exemplarCharacters of CLDR, npm package cldr-misc-full {version}",
        "licence": "Unicode-3.0, in exemplars-licence.txt",
        "letters": {code: found for code, found in letters.items() if found},
    }
    FILE.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
