"""Says in which language a line is, if that is known: from its script and the languages that the task named. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from pagemill.domain.page.page import Line, Page
from pagemill.domain.work.scripts import SCRIPTS, Script, script_of

_LEAST_SHARE = 2 / 3
"""Least share of a line's letters: with fewer, the line may be in either of two languages."""

_FEWEST_TOGETHER = 3
"""Letters of a word that shows a script: Greek letters also occur one by one, in formulas of every language."""

_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff"
_KANA = "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_JAPANESE = Script("Japanese", "Jpan", ("ja",), _KANA + _IDEOGRAPHS)
_CHINESE = Script("Chinese", "Hani", ("zh", "zh-Hant", "ja"), _IDEOGRAPHS)
_LATIN = Script("Latin", "Latn", (), "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff")
_KANA_LETTER = re.compile(f"[{_KANA}]")
_TAG = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?")


def name_languages(page: Page, named: Collection[str]) -> Page:
    """The page with the languages of its lines, where they are known.

    A line is in a language if the task named only this one of those in the line's script, or if only one language is
    written in the script. Of lines in another script than Latin and Chinese, at least the script is known.

    Args:
        page: The page.
        named: The languages that the task named; none if Pagemill finds the script of each line.
    """
    wanted = tuple(sorted(named))
    if not wanted and all(line.text.isascii() for line in page.lines):
        return page
    blocks = tuple(
        block.model_copy(update={"lines": tuple(_name_language(line, wanted) for line in block.lines)})
        if block.lines
        else block
        for block in page.blocks
    )
    return page.model_copy(update={"blocks": blocks})


def common_language(lines: Iterable[Line]) -> str | None:
    """The language of all lines; None if they differ or it is not known. Lines without letters do not count."""
    found = {line.language for line in lines if any(map(str.isalpha, line.text))}
    return found.pop() if len(found) == 1 else None


def language_of(text: str, named: Sequence[str]) -> str | None:
    """The tag of a text's language, or at least of its script; None if neither is known."""
    script = _main_script(text)
    if script is None:
        return None
    candidates = [code for code in named if _is_written_in(code, script) and _TAG.fullmatch(code)]
    if len(candidates) == 1:
        return candidates[0]
    if len(script.languages) == 1:
        return script.languages[0]
    return None if script in (_LATIN, _CHINESE) else f"und-{script.code}"


def _name_language(line: Line, named: Sequence[str]) -> Line:
    language = language_of(line.text, named)
    return line if language == line.language else line.model_copy(update={"language": language})


def _main_script(text: str) -> Script | None:
    if text.isascii():
        return _LATIN if any(map(str.isalpha, text)) else None
    chinese = _JAPANESE if _KANA_LETTER.search(text) else _CHINESE
    found = next((script for script in (_LATIN, chinese, *SCRIPTS) if script.share(text) >= _LEAST_SHARE), None)
    if found in SCRIPTS and re.search(f"[{found.letters}]{{{_FEWEST_TOGETHER}}}", text) is None:
        return None
    return found


@lru_cache(maxsize=1024)
def _is_written_in(language: str, script: Script) -> bool:
    own = script_of(language)
    if own is None and language in _CHINESE.languages:
        return language in script.languages
    return own is script or (own is None and script is _LATIN)
