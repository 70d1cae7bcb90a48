"""Compares hidden text with a page's picture: a few lines of it are claims that the picture must bear out. Pure.

hidden words ──▶ clearly those of a language, hardly one misread ──▶ believed
             └─▶ a few lines of them are claims ──▶ an engine reads these places ──▶ believed, or replaced
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from unicodedata import east_asian_width

from pagemill.documents.common_words import is_misread
from pagemill.documents.plausibility import is_odd
from pagemill.domain.page.page import Line, Rectangle

MOST_CLAIMS = 5
FEWEST_LETTERS = 6
"""Fewest letters of a line that is worth comparing."""

BORNE_OUT = 0.9
"""Share of the claimed words that an engine must find: good layers reach 0.95 and more, as engines err, too."""

SURE = 0.9
"""At this confidence and above, the engine is believed instead of the text that it contradicts."""

_SHORTEST = 3
_LONGEST = 8
_PAIR = 2


@dataclass(frozen=True)
class Claim:
    """A line of hidden text, and where it lies in pixels of the page as it is stored."""

    text: str
    rect: Rectangle


def choose_claims(lines: Sequence[Claim]) -> tuple[Claim, ...]:
    """A few lines to be compared with the picture: the most doubtful, and others spread over the page."""
    telling = [line for line in lines if len(_fold(line.text)) >= FEWEST_LETTERS] or list(lines)
    if len(telling) <= MOST_CLAIMS:
        return tuple(telling)
    doubtful = sorted(telling, key=lambda line: -_doubts(line.text))[: MOST_CLAIMS // 2]
    doubtful = [line for line in doubtful if _doubts(line.text)]
    wanted = MOST_CLAIMS - len(doubtful)
    spread = [telling[(2 * at + 1) * len(telling) // (2 * wanted)] for at in range(wanted)]
    return tuple(dict.fromkeys((*doubtful, *spread)))


def are_borne_out(claims: Sequence[Claim], readings: Sequence[Iterable[Line]]) -> bool:
    """Whether an engine's readings bear out the claims of hidden text, or the engine cannot tell.

    Args:
        claims: The lines.
        readings: For each, what the engine read there.
    """
    claimed, found, read = 0, 0, []
    for claim, lines in zip(claims, readings, strict=True):
        there = list(lines)
        read += there
        letters = _fold(" ".join(line.text for line in there))
        pieces = list(_pieces(claim.text))
        claimed += len(pieces)
        found += sum(piece in letters for piece in pieces)
    if found >= BORNE_OUT * claimed:
        return True
    return not _is_sure(read) or not _is_same_script("".join(claim.text for claim in claims), read)


def _pieces(text: str) -> Iterator[str]:
    """Words, long ones in parts; text without spaces, such as Chinese, in pairs of letters."""
    for word in map(_fold, text.split()):
        size = _PAIR if any(east_asian_width(letter) in "WF" for letter in word) else _LONGEST
        if len(word) >= _SHORTEST or word.isdigit() or size == _PAIR:
            yield from (word[at : at + size] for at in range(0, len(word), size))


def _is_sure(lines: Sequence[Line]) -> bool:
    scored = [(line.confidence, len(line.text)) for line in lines if line.confidence is not None and line.text]
    return bool(scored) and fmean([one for one, _ in scored], weights=[length for _, length in scored]) >= SURE


def _is_same_script(text: str, lines: Iterable[Line]) -> bool:
    """Whether the engine read letters of the script of most of the text; it cannot judge a script that it lacks."""
    scripts = [_script(letter) for letter in text if letter.isalpha()]
    if not scripts:
        return True
    most = max(sorted(set(scripts)), key=scripts.count)
    return any(_script(letter) == most for line in lines for letter in line.text if letter.isalpha())


def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]


def _doubts(text: str) -> int:
    return sum(is_odd(word) or is_misread(word) for word in text.split())


def _fold(text: str) -> str:
    """Letters and digits only, small, without accents: engines differ in these, and in spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())
