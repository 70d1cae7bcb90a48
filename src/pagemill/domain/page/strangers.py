"""Doubts letters that are not in the page's script: recognisers invent some for formulas, marks and scratches. Pure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Line, Page, PageWarning, Rectangle, WarningKind, Word
from pagemill.domain.page.regions import join_rects

DOUBT = "These letters are not in the page's script, so they were probably misread. See the picture of the page."
CONFIDENCE = 0.4
"""Highest confidence of a word with such letters."""

FEWEST_LETTERS = 40
"""A page with fewer letters does not show its scripts."""

SHARE = 0.03
"""A script with this share of the page's letters is one of the page's scripts."""

RUN = 3
"""A script with this many letters in a row is one of the page's scripts."""

MOST_WARNINGS = 16

_STARTS: tuple[tuple[int, str], ...] = (
    (0x0000, "Latin"), (0x0370, "Greek"), (0x0400, "Cyrillic"), (0x0530, "Armenian"), (0x0590, "Hebrew"),
    (0x0600, "Arabic"), (0x0900, "Devanagari"), (0x0980, "Indic"), (0x0E00, "Thai"), (0x0E80, "other"),
    (0x1100, "Hangul"), (0x1200, "other"), (0x1E00, "Latin"), (0x1F00, "Greek"), (0x2000, "common"),
    (0x2E80, "East Asian"), (0xAC00, "Hangul"), (0xD7B0, "other"), (0xF900, "East Asian"), (0xFB00, "Latin"),
    (0xFB13, "Armenian"), (0xFB1D, "Hebrew"), (0xFB50, "Arabic"), (0xFF00, "East Asian"), (0xFFA0, "other"),
    (0x20000, "East Asian"),
)  # fmt: skip
_EDGES = [start for start, _ in _STARTS]
_EVERYWHERE = frozenset({"Latin", "Greek", "common", "other"})
"""Latin words and Greek formulas occur on pages of any script."""


def script_of(letter: str) -> str:
    """The script of a letter, by its block; "common" if it belongs to none."""
    return _STARTS[bisect_right(_EDGES, ord(letter)) - 1][1] if letter.isalpha() else "common"


def scripts_of(texts: Iterable[str]) -> frozenset[str]:
    """The scripts that these lines are written in; empty if there are too few letters to tell."""
    counts, runs = Counter[str](), set[str]()
    for text in texts:
        if text.isascii():
            counts["Latin"] += sum(map(str.isalpha, text))
            continue
        found = [script_of(letter) for letter in text]
        counts.update(found)
        runs.update(_runs(found))
    del counts["common"]
    total = counts.total()
    if total < FEWEST_LETTERS:
        return frozenset()
    return frozenset(runs | {script for script, count in counts.items() if count >= SHARE * total})


def doubt_strangers(page: Page) -> Page:
    """The page, with little confidence in words that have letters of other scripts, and warnings that say where."""
    lines = list(page.lines)
    if all(line.text.isascii() for line in lines):
        return page
    known = scripts_of(line.text for line in lines)
    if not known:
        return page
    doubted = {id(line): _doubt_lines(line, known) for line in lines if _has_strangers(line.text, known)}
    if not doubted:
        return page
    blocks = tuple(
        block.model_copy(update={"lines": tuple(doubted.get(id(line), line) for line in block.lines)})
        for block in page.blocks
    )
    places = join_rects((_box(line) for line in doubted.values()), gap=0, most=MOST_WARNINGS)
    warnings = [PageWarning(kind=WarningKind.UNREAD_INK, message=DOUBT, box=place) for place in places]
    return page.model_copy(update={"blocks": blocks, "warnings": (*page.warnings, *warnings)})


def _runs(scripts: Iterable[str]) -> Iterator[str]:
    """Scripts with `RUN` letters in a row."""
    last, count = "", 0
    for script in scripts:
        count = count + 1 if script == last else 1
        last = script
        if count == RUN:
            yield script


def _has_strangers(text: str, known: frozenset[str]) -> bool:
    if text.isascii():
        return False
    return any(script not in known and script not in _EVERYWHERE for script in map(script_of, text))


def _doubt_lines(line: Line, known: frozenset[str]) -> Line:
    words = tuple(_doubted_word(word) if _has_strangers(word.text, known) else word for word in line.words)
    confidence = None if line.confidence is None else min(line.confidence, CONFIDENCE)
    return line.model_copy(update={"words": words, "confidence": confidence})


def _doubted_word(word: Word) -> Word:
    confidence = None if word.confidence is None else min(word.confidence, CONFIDENCE)
    return word.model_copy(update={"confidence": confidence})


def _box(line: Line) -> Rectangle:
    (left, top), _, (right, bottom), _ = enclosing_polygon([line])
    return left, top, right, bottom
