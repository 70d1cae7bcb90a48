"""Makes documents that cost far more to open than to send."""

import struct
import zlib
from pathlib import Path

from PIL import Image

from pagemill.domain.memory import MIB

_TAGS = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (278, 1), (279, 1))
"""Of a TIFF's directory: width, height, bits, no compression, black is zero, where the pixel is, rows, bytes."""
_ENTRY = struct.Struct("<HHII")


def make_swelling_pdf(path: Path, swollen_mib: int) -> Path:
    """A PDF of one page whose page tree lies in an object stream that decompresses to so much; it is a thousandth."""
    kinds = b"<</Type/Pages/Kids[4 0 R]/Count 1>>", b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 200 200]>>"
    head = f"3 0 4 {len(kinds[0]) + 1} ".encode()
    press = zlib.compressobj(9)
    stream = press.compress(head + b" ".join(kinds) + b" ")
    for _ in range(swollen_mib):
        stream += press.compress(b" " * MIB)
    stream += press.flush()
    written = bytearray(b"%PDF-1.5\n")
    starts = [0]
    for number, body in ((1, b"<</Type/Catalog/Pages 3 0 R>>"), (2, _stream("/Type/ObjStm/N 2", head, stream))):
        starts.append(len(written))
        written += b"%d 0 obj" % number + body + b"endobj\n"
    rows = [_row(0, 0, 0xFFFF), _row(1, starts[1], 0), _row(1, starts[2], 0), _row(2, 2, 0), _row(2, 2, 1)]
    rows.append(_row(1, len(written), 0))
    table = zlib.compress(b"".join(rows))
    start = len(written)
    entries = f"/Type/XRef/Size 6/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length {len(table)}"
    written += f"5 0 obj<<{entries}>>stream\n".encode() + table + b"\nendstream endobj\n"
    path.write_bytes(bytes(written) + f"startxref\n{start}\n%%EOF\n".encode())
    return path


def _stream(entries: str, head: bytes, data: bytes) -> bytes:
    dictionary = f"<<{entries}/First {len(head)}/Filter/FlateDecode/Length {len(data)}>>"
    return dictionary.encode() + b"stream\n" + data + b"\nendstream "


def _row(kind: int, first: int, second: int) -> bytes:
    return struct.pack(">BIH", kind, first, second)


def make_long_tiff(path: Path, directories: int, *, thumbnails: bool = False) -> Path:
    """A TIFF of so many directories, of one pixel each; with `thumbnails`, none of them is a page."""
    tags = ((254, 1), *_TAGS) if thumbnails else _TAGS
    size = 2 + len(tags) * _ENTRY.size + 4
    entries = b"".join(_ENTRY.pack(tag, 4, 1, value) for tag, value in tags)
    written = bytearray(struct.pack("<2sHIB", b"II", 42, 10, 0) + b"\0")
    for number in range(1, directories + 1):
        following = 10 + number * size
        written += struct.pack("<H", len(tags)) + entries
        written += struct.pack("<I", following if number < directories else 0)
    path.write_bytes(bytes(written))
    return path


def make_bomb_image(path: Path, *, side: int = 11_000) -> Path:
    """A PNG of one colour that is nearly the largest that is decoded; its file is a three-hundredth of that."""
    Image.new("RGB", (side, side), "white").save(path, compress_level=1)
    return path
