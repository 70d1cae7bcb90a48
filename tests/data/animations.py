"""Makes animations: small ones by Pillow, and ones of a hundred thousand pictures by hand."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

Maker = Callable[[Path, int], Path]

FORMS = ("GIF", "PNG", "WEBP", "AVIF")
"""Every form of animation that Pagemill reads; PNG's are called APNG."""

_FINE: dict[str, dict[str, int]] = {"WEBP": {"lossless": 1}, "AVIF": {"quality": 95, "speed": 9}}


def animate(path: Path, form: str, frames: Sequence[Image.Image]) -> Path:
    """Write an animation of these pictures, without loss but for AVIF."""
    fine = _FINE.get(form, {})
    frames[0].save(path, form, save_all=True, append_images=frames[1:], duration=100, loop=0, **fine)
    return path


def many_gifs(path: Path, frames: int) -> Path:
    """A GIF of so many pictures of one pixel."""
    picture = b",\0\0\0\0\1\0\1\0\0" + b"\2\2\x44\1\0"
    path.write_bytes(b"GIF89a\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff" + picture * frames + b";")
    return path


def many_pngs(path: Path, frames: int, *, claimed: int | None = None) -> Path:
    """An APNG of so many pictures of one pixel, that claims to have `claimed` (as many)."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    head += _chunk(b"acTL", struct.pack(">II", frames if claimed is None else claimed, 0))
    data, parts = zlib.compress(b"\0\0"), []
    for at in range(frames):
        number = max(0, 2 * at - 1)
        parts.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 1, 1, 0, 0, 1, 10, 0, 0)))
        parts.append(_chunk(b"IDAT", data) if at == 0 else _chunk(b"fdAT", struct.pack(">I", number + 1) + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + b"".join(parts) + _chunk(b"IEND", b""))
    return path


def many_webps(path: Path, frames: int) -> Path:
    """A WebP of so many pictures of one pixel."""
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "WEBP", lossless=True)
    picture = buffer.getvalue()[12:]
    frame = struct.pack("<4sI", b"ANMF", 16 + len(picture)) + bytes(12) + b"\x0a\0\0\0" + picture
    canvas = struct.pack("<4sI", b"VP8X", 10) + b"\2\0\0\0" + bytes(6)
    content = b"WEBP" + canvas + struct.pack("<4sIIH", b"ANIM", 6, 0, 0) + frame * frames
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    return path


def many_avifs(path: Path, frames: int) -> Path:
    """An AVIF that claims so many pictures of one byte each: its tables take no more room for a hundred thousand."""
    animate(path, "AVIF", [Image.new("L", (16, 16), shade) for shade in (0, 250)])
    written = bytearray(path.read_bytes()) + bytes(frames)
    at = written.index(b"stsz")
    struct.pack_into(">II", written, at + 8, 1, frames)
    struct.pack_into(">I", written, at - 4, 20)
    struct.pack_into(">I4s", written, at + 16, 8, b"free")
    struct.pack_into(">I", written, written.index(b"stts") + 12, frames)
    struct.pack_into(">I", written, written.index(b"stsc") + 16, frames)
    path.write_bytes(bytes(written))
    return path


MANY: dict[str, Maker] = {"GIF": many_gifs, "PNG": many_pngs, "WEBP": many_webps, "AVIF": many_avifs}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
