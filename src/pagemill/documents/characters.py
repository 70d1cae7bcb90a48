"""The characters of a PDF page, read many at a time. Runs in workers only.

It calls pdfium through plain C functions that keep the interpreter's lock: the wrappers of pypdfium2 check the type of
every pointer and release the lock, which together takes longer than the call itself.
"""

import ctypes
import re
import struct
from collections.abc import Iterable, Iterator, Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.letters import text_of_codes
from pagemill.documents.page_frame import PageRect

_TWO_BOXES = struct.Struct("=8f")
_UNCLEAR = re.compile("[\ufffe\ud800-\udfff]")
"""When pdfium returns many characters at once, it writes U+FFFE for NUL and for a hyphen at the end of a line."""

_BOX = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_ANGLE = ctypes.PYFUNCTYPE(ctypes.c_float, ctypes.c_void_p, ctypes.c_int)
_CODE = ctypes.PYFUNCTYPE(ctypes.c_uint, ctypes.c_void_p, ctypes.c_int)
_OBJECT = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


def _address(pointer: ctypes.c_void_p) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


_loose_char_box = _BOX(_address(pdfium_c.FPDFText_GetLooseCharBox))
_char_angle = _ANGLE(_address(pdfium_c.FPDFText_GetCharAngle))
_unicode = _CODE(_address(pdfium_c.FPDFText_GetUnicode))
_text_object = _OBJECT(_address(pdfium_c.FPDFText_GetTextObject))


class Characters:
    """The characters of an open text page, by position from 0.

    Attributes:
        handle: pdfium's own, of the text page.
        text: One character for each that pdfium counts, so that positions agree.
    """

    def __init__(self, page: pdfium.PdfTextPage) -> None:
        self.handle = page.raw
        self._address = _address(page.raw)
        self.text = self._text(pdfium_c.FPDFText_CountChars(self.handle))

    def rects(self, firsts: Sequence[int], lasts: Sequence[int]) -> Iterator[PageRect]:
        """For each pair of positions, the rectangle of page space around the loose boxes of the characters there.

        A loose box is as wide as the character's advance and as high as its font.
        """
        boxes = (ctypes.c_float * (8 * len(firsts)))()
        address, text_page = ctypes.addressof(boxes), self._address
        for first, last in zip(firsts, lasts, strict=True):
            _loose_char_box(text_page, first, address)
            _loose_char_box(text_page, last, address + 16)
            address += 32
        for left, top, right, bottom, next_left, next_top, next_right, next_bottom in _TWO_BOXES.iter_unpack(boxes):
            yield (
                left if left < next_left else next_left,
                bottom if bottom < next_bottom else next_bottom,
                right if right > next_right else next_right,
                top if top > next_top else next_top,
            )

    def angles(self, positions: Iterable[int]) -> Iterator[float]:
        """Clockwise rotation of the characters at these positions, radians."""
        return (_char_angle(self._address, position) for position in positions)

    def objects(self, positions: Iterable[int]) -> Iterator[int]:
        """Addresses of the text objects that show the characters there; 0 for those that pdfium put in."""
        return (_text_object(self._address, position) or 0 for position in positions)

    def _text(self, count: int) -> str:
        """Read the text in one call, or one by one if that omits some or has characters that count as two."""
        at_once = self._at_once(count)
        if len(at_once) != count:
            return text_of_codes(map(self._code, range(count)))
        return _UNCLEAR.sub(lambda found: text_of_codes([self._code(found.start())]), at_once)

    def _at_once(self, count: int) -> str:
        units = (ctypes.c_ushort * (2 * count + 2))()
        filled = pdfium_c.FPDFText_GetText(self.handle, 0, count, units)
        return bytes(units)[: 2 * max(0, filled - 1)].decode("utf-16-le", "surrogatepass")

    def _code(self, position: int) -> int:
        return int(_unicode(self._address, position))
