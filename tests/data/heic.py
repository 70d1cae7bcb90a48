"""Makes HEIC files: the container by code, around one picture of HEVC, since no package here writes HEVC.

The picture is white, 200 x 300 pixels, with a black rectangle from (20, 40) to (60, 80). It was written once with
x265; the container says how often and how large it is, and whether to turn it.
"""

import base64
import struct
from pathlib import Path

SIZE = (200, 300)

_SETUP = base64.b64decode(
    "AQNwAAAAkAAAAAAAPPAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAPLoCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwA8"
    "oBkgEx95bqSSmubgIaDAgAAADIAAAAMAhGIAAQAHRAHBcrBiQA=="
)
"""What the decoder must know before: `hvcC`."""

_PICTURE = base64.b64decode(
    "AAAAqygBrwnKeoaHD4DjR8KaUu8f4l55X6khUA5gG4/P9fqH2jQ5queYP7gF7zYk2wKHNx//j98u8iU9i9AAz3r8uTPIsTErFgb1"
    "DXstk0N45dG8V+Ky4aqAACDgAAADABIwovj5vZc20F5EngA+ckbbLwAIUAC8AAADAAqIkwAG6AGaAAADAAADAB2whwAAAwAAAwAA"
    "AwAAAwALCAAAAwAAAwAAAwAAAwAAAwAEFA=="
)


def make_heic(
    path: Path, *, pictures: int = 1, claimed: tuple[int, int] = SIZE, quarter_turns: int = 0, brand: bytes = b"heic"
) -> Path:
    """Write a file with so many pictures, all the same.

    Args:
        path: Where.
        pictures: How many.
        claimed: The size that the container says they have.
        quarter_turns: By which they are to be turned, counter-clockwise.
        brand: What the file says it is first of all.
    """
    ids = range(1, pictures + 1)
    kind = _box(b"ftyp", brand + bytes(4) + b"mif1heic")
    before = len(kind) + len(_meta(ids, claimed, quarter_turns, at=0)) + 8
    path.write_bytes(kind + _meta(ids, claimed, quarter_turns, at=before) + _box(b"mdat", _PICTURE))
    return path


def _meta(ids: range, claimed: tuple[int, int], quarter_turns: int, *, at: int) -> bytes:
    handler = _full(b"hdlr", 0, bytes(4) + b"pict" + bytes(13))
    primary = _full(b"pitm", 1, struct.pack(">I", 1))
    place = struct.pack(">HHHII", 0, 0, 1, at, len(_PICTURE))
    places = b"".join(struct.pack(">I", number) + place for number in ids)
    where = _full(b"iloc", 2, b"\x44\0" + struct.pack(">I", len(ids)) + places)
    named = b"".join(_full(b"infe", 3, struct.pack(">IH", number, 0) + b"hvc1\0") for number in ids)
    names = _full(b"iinf", 1, struct.pack(">I", len(ids)) + named)
    turn = _box(b"irot", bytes([quarter_turns])) if quarter_turns else b""
    properties = _box(b"hvcC", _SETUP) + _full(b"ispe", 0, struct.pack(">II", *claimed)) + turn
    own = b"\x03\x81\x02\x83" if turn else b"\x02\x81\x02"
    owned = _full(b"ipma", 1, struct.pack(">I", len(ids)) + b"".join(struct.pack(">I", each) + own for each in ids))
    return _full(b"meta", 0, handler + primary + where + names + _box(b"iprp", _box(b"ipco", properties) + owned))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, version: int, content: bytes) -> bytes:
    return _box(name, bytes([version]) + bytes(3) + content)
