"""Finds which way up a page is, once per page and with the recognition model itself.

On the 25 pages that gave the limits below, upside-down text had low confidence (0.37 to 0.73) and upright text high
confidence (0.79 and more). So the first lines serve as the sample, and upright pages, by far the most frequent, cost
nothing. A classifier for each line would cost time, and it turns some upright lines.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from pagemill.engines.rapidocr.recognition import ReadLine
from pagemill.engines.rapidocr.strips import LineStrip

SAMPLE_LINES = 5

_ReadAgain = Callable[[Sequence[LineStrip]], Sequence[ReadLine]]

_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_LETTERS_OF_LINE = 4
"""Letters of each sampled line to look at one by one."""

_LONG = 2.5  # from this aspect on, a strip is a line and not a single letter, which may well be taller than wide
_CLEARLY_READ = 0.85
_JUST_READ = 0.75
_CLEARLY_BETTER = 0.1


def turn_to_upright(
    sample: Sequence[LineStrip],
    read: Sequence[ReadLine],
    read_again: _ReadAgain,
) -> int:
    """Degrees clockwise (0, 90, 180, 270) to turn the page by.

    Args:
        sample: The page's longest lines.
        read: Their text.
        read_again: Reads strips; called only if the page may not be upright.
    """
    lines = [(strip, line) for strip, line in zip(sample, read, strict=True) if strip.aspect >= _LONG]
    if not lines:
        return 0
    if all(strip.runs_down for strip, _ in lines) and _is_written_down(lines, read_again):
        return 0
    sideways = 2 * sum(strip.runs_down for strip, _ in lines) > len(lines)
    as_is = fmean(line.confidence for _, line in lines)
    if as_is >= _CLEARLY_READ:
        return 270 if sideways else 0
    flipped = fmean(line.confidence for line in read_again([strip.flip() for strip, _ in lines]))
    if sideways:
        return _sideways_turn(as_is, flipped)
    return 180 if flipped >= max(_JUST_READ, as_is + _CLEARLY_BETTER) else 0


def _is_written_down(lines: Sequence[tuple[LineStrip, ReadLine]], read_again: _ReadAgain) -> bool:
    """Whether lines that run down are in Chinese or Japanese, and each of their letters stands upright.

    The model reads such lines on their side as well as those of a page that lies on its side. Their letters, cut out
    one by one and not turned, are read again as the same letters only if they stand upright.
    """
    letters = [letter for strip, line in lines for letter in _letters(strip, line)]
    if not letters:
        return False
    again = read_again([strip for strip, _ in letters])
    same = sum(line.text == letter for line, (_, letter) in zip(again, letters, strict=True))
    return 2 * same > len(letters)


def _letters(strip: LineStrip, line: ReadLine) -> Iterator[tuple[LineStrip, str]]:
    """Some ideographs and kana of a line, with their places if all letters of a word are equally wide."""
    found = [
        (strip.cut(start, end), letter)
        for word in line.words
        for letter, start, end in word.letters()
        if _EAST_ASIAN.match(letter)
    ]
    yield from found[:: max(1, len(found) // _LETTERS_OF_LINE)][:_LETTERS_OF_LINE]


def _sideways_turn(as_is: float, flipped: float) -> int:
    """The turn for a sideways page: its strips are cut with their top to the left; turn it left if they read well."""
    if max(as_is, flipped) < _JUST_READ:
        return 0  # upright characters set in columns, as in Chinese and Japanese books
    return 270 if as_is >= flipped else 90
