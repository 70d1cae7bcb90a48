"""A PDF page's own text: characters to words to lines to blocks. Runs in workers only.

pdfium is asked character by character for codes (0.4 µs each) and word by word for boxes, through its C interface: the
comfortable one takes several times as long.
"""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.letters import character, plain, tally
from pagemill.documents.page_frame import PageFrame
from pagemill.documents.page_objects import count_objects
from pagemill.documents.text_lines import PlacedWord, lines_of_words
from pagemill.documents.trust import LayerFacts
from pagemill.domain.page import Line, Page, PageSource
from pagemill.domain.reading_order import blocks_in_reading_order

SAMPLED = 60
"""Characters looked at more closely, spread over the page."""


@dataclass(frozen=True)
class TextLayer:
    """What a page's text layer holds.

    Attributes:
        lines: In pixels of the frame, in the order they are stored.
        facts: What tells whether they can be trusted.
        frame: Where the page lies.
    """

    lines: tuple[Line, ...]
    facts: LayerFacts
    frame: PageFrame

    def page(self, number: int, *, dpi: int, warnings: tuple[str, ...] = ()) -> Page:
        """The lines in reading order, as a page."""
        width_px, height_px = self.frame.width_px, self.frame.height_px
        return Page(
            number=number,
            width_px=width_px,
            height_px=height_px,
            dpi=dpi,
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
        letters = _letters(handle)
        words = tuple(_placed_words(handle, letters, frame))
        return TextLayer(lines_of_words(words), _facts(page, handle, letters), frame)
    finally:
        text_page.close()


def _letters(handle: object) -> list[str]:
    count = pdfium_c.FPDFText_CountChars(handle)
    codes = map(pdfium_c.FPDFText_GetUnicode, [handle] * count, range(count))
    return list(map(character, codes))


def _placed_words(handle: object, letters: Sequence[str], frame: PageFrame) -> Iterator[PlacedWord]:
    """Words in stored order that show something and stand on the visible part of the page."""
    box = pdfium_c.FS_RECTF()
    pointer = ctypes.byref(box)

    def rect(index: int) -> tuple[float, float, float, float]:
        pdfium_c.FPDFText_GetLooseCharBox(handle, index, pointer)
        return frame.rect(box.left, box.bottom, box.right, box.top)

    for first, last in _runs(letters):
        text = plain("".join(letters[first : last + 1]))
        left, top, right, bottom = rect(first)
        if last > first:
            l2, t2, r2, b2 = rect(last)
            left, top, right, bottom = min(left, l2), min(top, t2), max(right, r2), max(bottom, b2)
        is_visible = 0 <= left + right <= 2 * frame.width_px and 0 <= top + bottom <= 2 * frame.height_px
        if text and is_visible:
            turns = round(pdfium_c.FPDFText_GetCharAngle(handle, first) / 1.5707963) + frame.quarter_turns
            yield PlacedWord(text, left, top, right, bottom, turns % 4)


def _runs(letters: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last index of every run of characters without white space."""
    first: int | None = None
    for index, letter in enumerate(letters):
        if not letter.isspace():
            first = index if first is None else first
        elif first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(letters) - 1


def _facts(page: pdfium.PdfPage, handle: object, letters: Sequence[str]) -> LayerFacts:
    characters, alphanumeric, fillers, faulty = tally(letters)
    inked = [index for index, letter in enumerate(letters) if not letter.isspace()]
    sample = inked[:: max(1, len(inked) // SAMPLED)]
    drawn = count_objects(page)
    return LayerFacts(
        characters=characters,
        alphanumeric=alphanumeric,
        fillers=fillers,
        faulty=faulty,
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
