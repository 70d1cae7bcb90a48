"""A PDF page's own text: from characters to words, lines and blocks. Runs in workers only."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.characters import Characters
from pagemill.documents.drawn_letters import DrawnWord, drawn_words, rows
from pagemill.documents.letters import LINE_END_HYPHEN, is_broken, make_plain, tally
from pagemill.documents.page_frame import PageFrame, PageRect
from pagemill.documents.text_lines import Letter, PlacedWord, lines_of_words, main_direction
from pagemill.documents.trust import LayerFacts
from pagemill.domain.page.direction import RIGHT_TO_LEFT
from pagemill.domain.page.page import Page, PageSource, PageWarning
from pagemill.domain.page.reading_order import blocks_in_reading_order

QUARTER_TURN = math.pi / 2

FINENESS = 100
"""Coordinate steps per pixel; with all digits of pdfium, results would be twice as large."""

SAMPLED = 60
"""Characters to examine more closely, spread over the page."""


_RUN = re.compile(rf"[^\s{LINE_END_HYPHEN}]+{LINE_END_HYPHEN}?")
_LINE = re.compile(r"[^\r\n]+")


@dataclass(frozen=True)
class TextLayer:
    """The content of a page's text layer.

    Attributes:
        words: Words in pixels of the frame, in stored order.
        stored: Their places in page space.
        objects: For each word, the address of the text object that shows its first letter.
        broken: Positions of words whose font does not say which letters it draws.
        facts: The facts that decide whether the text layer is trustworthy.
        frame: The frame of the upright page.
        rotation: Degrees clockwise by which the page was turned to bring its writing upright.
    """

    words: tuple[PlacedWord, ...]
    stored: tuple[PageRect, ...]
    objects: tuple[int, ...]
    broken: frozenset[int]
    facts: LayerFacts
    frame: PageFrame
    rotation: int

    def page(
        self, number: int, *, dpi: float, known: Sequence[int] | None = None, warnings: tuple[PageWarning, ...] = ()
    ) -> Page:
        """The words in reading order, as a page; with `known`, only those at these positions."""
        words = self.words if known is None else [self.words[at] for at in known]
        width_px, height_px = self.frame.width_px, self.frame.height_px
        return Page(
            number=number,
            width_px=width_px,
            height_px=height_px,
            dpi=dpi,
            rotation=self.rotation,
            source=PageSource.TEXT_LAYER,
            blocks=blocks_in_reading_order(lines_of_words(words), width_px=width_px, height_px=height_px),
            warnings=warnings,
        )


@dataclass(frozen=True)
class _Words:
    """Words in stored order, for any page rotation.

    Attributes:
        texts: Plain texts; none is empty.
        rects: Their rectangles in page space.
        turns: Clockwise quarter turns of their writing there.
        objects: Addresses of the text objects that show their first letters.
        broken: Positions of those whose font does not say which letters it draws.
        letters: Those of words in lines that run from right to left, from left to right; empty for others.
    """

    texts: Sequence[str]
    rects: Sequence[PageRect]
    turns: Sequence[int]
    objects: Sequence[int]
    broken: frozenset[int]
    letters: Sequence[tuple[Letter, ...]]


def read_text_layer(page: pdfium.PdfPage, frame: PageFrame, *, drawn: int) -> TextLayer:
    """Read the page's text layer.

    Args:
        page: The open page.
        frame: The frame of the page.
        drawn: How many objects are drawn on it.

    Raises:
        PdfiumError: The page's content cannot be read.
    """
    text_page = page.get_textpage()
    try:
        characters = Characters(text_page)
        stored = _stored_words(characters)
        placed = _placed_words(stored, frame)
        turns = -main_direction(placed.values()) % 4
        if turns:
            frame = frame.turn(turns)
            placed = _placed_words(stored, frame)
        return TextLayer(
            words=tuple(placed.values()),
            stored=tuple(stored.rects[at] for at in placed),
            objects=tuple(stored.objects[at] for at in placed),
            broken=frozenset(place for place, at in enumerate(placed) if at in stored.broken),
            facts=_facts(characters, drawn),
            frame=frame,
            rotation=90 * turns,
        )
    finally:
        text_page.close()


def _stored_words(characters: Characters) -> _Words:
    if RIGHT_TO_LEFT.search(characters.text):
        return _words_of_lines(characters)
    return _words_between(characters, 0, len(characters.text))


def _words_of_lines(characters: Characters) -> _Words:
    """The words of a page on which some lines run from right to left."""
    parts = []
    for start, end in rows(characters, [line.span() for line in _LINE.finditer(characters.text)]):
        if RIGHT_TO_LEFT.search(characters.text, start, end):
            parts.append(_words_drawn(list(drawn_words(characters, start, end)), characters))
        else:
            parts.append(_words_between(characters, start, end))
    return _all_of(parts)


def _all_of(parts: Sequence[_Words]) -> _Words:
    starts = accumulate((len(part.texts) for part in parts), initial=0)
    return _Words(
        texts=[text for part in parts for text in part.texts],
        rects=[rect for part in parts for rect in part.rects],
        turns=[turns for part in parts for turns in part.turns],
        objects=[address for part in parts for address in part.objects],
        broken=frozenset(start + at for start, part in zip(starts, parts, strict=False) for at in part.broken),
        letters=[letters for part in parts for letters in part.letters],
    )


def _words_between(characters: Characters, start: int, end: int) -> _Words:
    runs = [(word, *run.span()) for run in _RUN.finditer(characters.text, start, end) if (word := make_plain(run[0]))]
    firsts = [start for _, start, _ in runs]
    rects = characters.rects(firsts, [end - 1 for _, _, end in runs])
    turns = [round(angle / QUARTER_TURN) for angle in characters.angles(firsts)]
    objects = list(characters.objects(firsts))
    broken = frozenset(at for at, (_, start, end) in enumerate(runs) if is_broken(characters.text[start:end]))
    return _Words([word for word, _, _ in runs], list(rects), turns, objects, broken, [()] * len(runs))


def _words_drawn(words: Sequence[DrawnWord], characters: Characters) -> _Words:
    words = [word for word in words if word.text]
    return _Words(
        texts=[word.text for word in words],
        rects=[word.rect for word in words],
        turns=[word.turns for word in words],
        objects=list(characters.objects([word.first for word in words])),
        broken=frozenset(at for at, word in enumerate(words) if word.is_broken),
        letters=[word.letters for word in words],
    )


def _placed_words(words: _Words, frame: PageFrame) -> dict[int, PlacedWord]:
    """The words whose middle is on the visible part of the page, by position."""
    across, down, frame_turns = 2 * frame.width_px, 2 * frame.height_px, frame.quarter_turns
    placed = zip(words.texts, frame.rects(words.rects), words.turns, words.letters, strict=True)
    return {
        at: PlacedWord(
            text,
            round(left * FINENESS) / FINENESS,
            round(top * FINENESS) / FINENESS,
            round(right * FINENESS) / FINENESS,
            round(bottom * FINENESS) / FINENESS,
            (turns + frame_turns) % 4,
            letters,
        )
        for at, (text, (left, top, right, bottom), turns, letters) in enumerate(placed)
        if 0 <= left + right <= across and 0 <= top + bottom <= down
    }


def _facts(characters: Characters, drawn: int) -> LayerFacts:
    text, handle = characters.text, characters.handle
    counted = tally(text)
    inked = list(compress(range(len(text)), map(str.strip, text)))
    sample = inked[:: max(1, len(inked) // SAMPLED)]
    return LayerFacts(
        characters=counted.characters,
        alphanumeric=counted.alphanumeric,
        fillers=counted.fillers,
        faulty=counted.faulty,
        swapped=counted.swapped,
        unmapped_share=_share(pdfium_c.FPDFText_HasUnicodeMapError(handle, index) == 1 for index in sample),
        objects=drawn,
    )


def _share(tests: Iterator[bool]) -> float:
    results = list(tests)
    return sum(results) / len(results) if results else 0.0
