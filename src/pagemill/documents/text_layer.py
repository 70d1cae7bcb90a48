"""A PDF page's own text: characters to words to lines to blocks. Runs in workers only.

pdfium is asked character by character for codes (0.4 µs each) and word by word for boxes, through its C interface: the
comfortable one takes several times as long.
"""

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.letters import LINE_END_HYPHEN, plain, tally, text_of_codes
from pagemill.documents.page_frame import PageFrame
from pagemill.documents.page_objects import count_objects
from pagemill.documents.text_lines import PlacedWord, lines_of_words, main_direction
from pagemill.documents.trust import LayerFacts
from pagemill.domain.page import Line, Page, PageSource
from pagemill.domain.reading_order import blocks_in_reading_order

QUARTER_TURN = math.pi / 2

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


def read_text_layer(page: pdfium.PdfPage, frame: PageFrame) -> TextLayer:
    """Everything the page says in text.

    Raises:
        PdfiumError: The page's content cannot be read.
    """
    text_page = page.get_textpage()
    try:
        handle = text_page.raw
        text = _text(handle)
        words = tuple(_placed_words(handle, text, frame))
        turns = -main_direction(words) % 4
        if turns:
            frame = frame.turned(turns)
            words = tuple(_placed_words(handle, text, frame))
        return TextLayer(lines_of_words(words), _facts(page, handle, text), frame, rotation=90 * turns)
    finally:
        text_page.close()


def _text(handle: object) -> str:
    """One character for each that pdfium counts, so that positions agree."""
    count = pdfium_c.FPDFText_CountChars(handle)
    return text_of_codes(map(pdfium_c.FPDFText_GetUnicode, [handle] * count, range(count)))


def _placed_words(handle: object, text: str, frame: PageFrame) -> Iterator[PlacedWord]:
    """Words in stored order that show something and stand on the visible part of the page."""
    box = pdfium_c.FS_RECTF()
    pointer = ctypes.byref(box)
    for run in _RUN.finditer(text):
        word = plain(run[0])
        first, last = run.start(), run.end() - 1
        pdfium_c.FPDFText_GetLooseCharBox(handle, first, pointer)
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if last > first:
            pdfium_c.FPDFText_GetLooseCharBox(handle, last, pointer)
            left, bottom = min(left, box.left), min(bottom, box.bottom)
            right, top = max(right, box.right), max(top, box.top)
        rect = frame.rect(left, bottom, right, top)
        if word and frame.shows(rect):
            turns = round(pdfium_c.FPDFText_GetCharAngle(handle, first) / QUARTER_TURN)
            yield PlacedWord(word, *rect, (turns + frame.quarter_turns) % 4)


def _facts(page: pdfium.PdfPage, handle: object, text: str) -> LayerFacts:
    counted = tally(text)
    inked = [index for index, letter in enumerate(text) if not letter.isspace()]
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
