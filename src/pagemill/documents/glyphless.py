"""A font that draws nothing but says which characters are where, so that readers can select a scan's words.

It is a Type 0 font with the encoding Identity-H, which assigns codes as new characters appear, so any script works. Its
embedded TrueType program has one glyph with an extent and no area: readers that measure glyphs find a character as high
as its line, and nothing could be drawn even if it were visible. Runs in workers only.
"""

import struct
import zlib

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf

from pagemill.documents.text_stream import ADVANCE, ASCENT, DESCENT, MARKS_OF_DIRECTION, UNITS, advance

MOST_CODES = 0xFFFF
_AT_ONCE = 100
"""Most entries in one section of a character map."""

_MAP_HEAD = b"""/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
"""
_MAP_TAIL = b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"


class CharacterCodes:
    """Two-byte codes for characters, in order of first use; 0 is never assigned."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def encode(self, text: str) -> str:
        """The text as a PDF string in hexadecimal, without its brackets."""
        return "".join(f"{self._code(character):04X}" for character in text)

    def character_map(self) -> bytes:
        """The map back to Unicode (a `ToUnicode` stream)."""
        entries = [f"<{code:04X}> <{character.encode('utf-16-be').hex()}>" for character, code in self._codes.items()]
        sections = [entries[at : at + _AT_ONCE] for at in range(0, len(entries), _AT_ONCE)]
        body = "".join("\n".join((f"{len(part)} beginbfchar", *part, "endbfchar\n")) for part in sections)
        return _MAP_HEAD + body.encode("ascii") + _MAP_TAIL

    def widths(self) -> list[int | Array]:
        """The widths that are not usual, as a font's `W` lists them."""
        return [
            part
            for character, code in self._codes.items()
            if (width := advance(character)) != ADVANCE
            for part in (code, Array([width]))
        ]

    def glyphs(self) -> bytes:
        """The glyph of each code, from 0; those of marks of direction are empty, and pdfium leaves them out."""
        return b"\0\1" + b"".join(b"\0\2" if each in MARKS_OF_DIRECTION else b"\0\1" for each in self._codes)

    def _code(self, character: str) -> int:
        known = "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else character
        if known not in self._codes and len(self._codes) == MOST_CODES:
            return MOST_CODES
        return self._codes.setdefault(known, len(self._codes) + 1)


def add_font(pdf: Pdf, codes: CharacterCodes, font: pikepdf.Object) -> None:
    """Fill in the font's dictionary, once all used characters are known.

    Args:
        pdf: The PDF that gets the font's parts.
        codes: The characters.
        font: An empty dictionary of `pdf`, to which pages may already refer.
    """
    program = truetype_program()
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name.PagemillGlyphless,
        Flags=5,
        FontBBox=Array([0, DESCENT, ADVANCE, ASCENT]),
        ItalicAngle=0,
        Ascent=ASCENT,
        Descent=DESCENT,
        CapHeight=ASCENT,
        StemV=80,
        FontFile2=deflate(pdf, program, Length1=len(program)),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name.PagemillGlyphless,
        CIDSystemInfo=Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0),
        CIDToGIDMap=deflate(pdf, codes.glyphs()),
        DW=ADVANCE,
        W=Array(codes.widths()),
        FontDescriptor=pdf.make_indirect(descriptor),
    )
    font.Type, font.Subtype, font.BaseFont = Name.Font, Name.Type0, Name.PagemillGlyphless
    font.Encoding = Name("/Identity-H")
    font.DescendantFonts = Array([pdf.make_indirect(descendant)])
    font.ToUnicode = deflate(pdf, codes.character_map())


def deflate(pdf: Pdf, data: bytes, **keys: pikepdf.Object | int) -> pikepdf.Object:
    """A compressed stream of the PDF."""
    stream = pdf.make_stream(b"")
    stream.write(zlib.compress(data), filter=Name.FlateDecode)
    for key, value in keys.items():
        stream[f"/{key}"] = value
    return stream


def truetype_program() -> bytes:
    """A TrueType font with the tables that ISO 32000 (9.9) requires of an embedded one.

    Glyph 0 is empty; glyph 1 is a contour that runs from one corner of the character's box to the other and back; glyph
    2 is empty and has no width.
    """
    box = (0, DESCENT, ADVANCE, ASCENT)
    on_curve = 1
    glyph = struct.pack(">hhhhhHH2B4h", 1, *box, 1, 0, on_curve, on_curve, 0, ADVANCE, DESCENT, ASCENT - DESCENT)
    tables = {
        b"glyf": glyph,
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, UNITS, 0, 0, *box, 0, 8, 2, 0, 0
        ),
        b"hhea": struct.pack(">IhhhHhhhhhh8xhH", 0x10000, ASCENT, DESCENT, 0, ADVANCE, 0, 0, ADVANCE, 1, 0, 0, 0, 3),
        b"hmtx": struct.pack(">HhHhHh", ADVANCE, 0, ADVANCE, 0, 0, 0),
        b"loca": struct.pack(">4H", 0, 0, len(glyph) // 2, len(glyph) // 2),
        b"maxp": struct.pack(">I5HH16x", 0x10000, 3, 2, 1, 0, 0, 1),
        b"post": struct.pack(">IihhI16x", 0x30000, 0, 0, 0, 1),
    }
    return _font_file(tables)


def _font_file(tables: dict[bytes, bytes]) -> bytes:
    """The tables behind their directory; the order is that of their names."""
    power = len(tables).bit_length() - 1
    search = 16 << power
    directory = struct.pack(">IHHHH", 0x10000, len(tables), search, power, 16 * len(tables) - search)
    offset = len(directory) + 16 * len(tables)
    body = b""
    for name, table in tables.items():
        padded = table + bytes(-len(table) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", name, checksum, offset + len(body), len(table))
        body += padded
    return directory + body
