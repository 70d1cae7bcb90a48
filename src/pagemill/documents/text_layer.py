"""A PDF page's own text: characters to words to lines to blocks. Runs in workers only."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.characters import Characters
from pagemill.documents.letters import LINE_END_HYPHEN, plain, tally
from pagemill.documents.page_frame import PageFrame, PageRect
from pagemill.documents.page_objects import count_objects
from pagemill.documents.text_lines import PlacedWord, lines_of_words, main_direction
from pagemill.documents.trust import LayerFacts
from pagemill.domain.page.page import Line, Page, PageSource
from pagemill.domain.page.reading_order import blocks_in_reading_order

QUARTER_TURN = math.pi / 2

FINENESS = 100
"""Steps to a pixel in which places are given: all digits that pdfium has would make results twice as large."""

SAMPLED = 60
"""Characters looked at more closely, spread over the page."""


_RUN = re.compile(rf"[^\s{LINE_END_HYPHEN}]+{LINE_END_HYPHEN}?")


@dataclass(frozen=True)
class TextLayer:
    """What a page's text layer holds.

    Attributes:
        lines: In pixels of the frame, in the order they are stored.
        facts: What tells whether they can be trusted.
        frame: Where the page lies, upright.
        rotation: Degrees clockwise by which the page was turned to bring its writing upright.
    """

    lines: tuple[Line, ...]
    facts: LayerFacts
    frame: PageFrame
    rotation: int

    def page(self, number: int, *, dpi: int, warnings: tuple[str, ...] = ()) -> Page:
        """The lines in reading order, as a page."""
        width_px, height_px = self.frame.width_px, self.frame.height_px
        return Page(
            number=number,
            width_px=width_px,
            height_px=height_px,
            dpi=dpi,
            rotation=self.rotation,
            source=PageSource.TEXT_LAYER,
            blocks=blocks_in_reading_order(self.lines, width_px=width_px, height_px=height_px),
            warnings=warnings,
        )


@dataclass(frozen=True)
class _Words:
    """Words in stored order, whichever way the page is up.

    Attributes:
        texts: Made plain; none is empty.
        rects: Where they stand in page space.
        turns: Clockwise quarter turns by which their writing is turned there.
    """

    texts: Sequence[str]
    rects: Sequence[PageRect]
    turns: Sequence[int]


def read_text_layer(page: pdfium.PdfPage, frame: PageFrame) -> TextLayer:
    """Everything the page says in text.

    Raises:
        PdfiumError: The page's content cannot be read.
    """
    text_page = page.get_textpage()
    try:
        characters = Characters(text_page)
        stored = _stored_words(characters)
        words = _placed_words(stored, frame)
        turns = -main_direction(words) % 4
        if turns:
            frame = frame.turned(turns)
            words = _placed_words(stored, frame)
        return TextLayer(lines_of_words(words), _facts(page, characters), frame, rotation=90 * turns)
    finally:
        text_page.close()


def _stored_words(characters: Characters) -> _Words:
    runs = [(word, *run.span()) for run in _RUN.finditer(characters.text) if (word := plain(run[0]))]
    firsts = [start for _, start, _ in runs]
    rects = characters.rects(firsts, [end - 1 for _, _, end in runs])
    turns = [round(angle / QUARTER_TURN) for angle in characters.angles(firsts)]
    return _Words([word for word, _, _ in runs], list(rects), turns)


def _placed_words(words: _Words, frame: PageFrame) -> list[PlacedWord]:
    """Those whose middle is on the visible part of the page."""
    across, down, frame_turns = 2 * frame.width_px, 2 * frame.height_px, frame.quarter_turns
    placed = zip(words.texts, frame.rects(words.rects), words.turns, strict=True)
    return [
        PlacedWord(
            text,
            round(left * FINENESS) / FINENESS,
            round(top * FINENESS) / FINENESS,
            round(right * FINENESS) / FINENESS,
            round(bottom * FINENESS) / FINENESS,
            (turns + frame_turns) % 4,
        )
        for text, (left, top, right, bottom), turns in placed
        if 0 <= left + right <= across and 0 <= top + bottom <= down
    ]


def _facts(page: pdfium.PdfPage, characters: Characters) -> LayerFacts:
    text, handle = characters.text, characters.handle
    counted = tally(text)
    inked = list(compress(range(len(text)), map(str.strip, text)))
    sample = inked[:: max(1, len(inked) // SAMPLED)]
    drawn = count_objects(page)
    return LayerFacts(
        characters=counted.characters,
        alphanumeric=counted.alphanumeric,
        fillers=counted.fillers,
        faulty=counted.faulty,
        unmapped_share=_share(pdfium_c.FPDFText_HasUnicodeMapError(handle, index) == 1 for index in sample),
        hidden_share=_share(_is_hidden(handle, index) for index in sample),
        image_coverage=drawn.image_coverage,
        paths=drawn.paths,
        objects=drawn.objects,
    )


def _share(tests: Iterator[bool]) -> float:
    results = list(tests)
    return sum(results) / len(results) if results else 0.0


def _is_hidden(handle: object, index: int) -> bool:
    text_object = pdfium_c.FPDFText_GetTextObject(handle, index)
    return bool(pdfium_c.FPDFTextObj_GetTextRenderMode(text_object) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)
