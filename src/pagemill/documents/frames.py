"""Counts the pictures of an animation by walking over its blocks, up to a limit, without decoding one.

A file may claim any number of pictures, or hold a hundred thousand in a few megabytes, and decoders look at all of them
when they open it. Runs in workers only.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from pagemill.domain.documents import DocumentKind

_MOST_JUNK = 64 * 1024
"""Bytes between the blocks of a GIF: some programs leave a few."""

_GIF_HEADER = 13
_GIF_DESCRIPTOR = 9
_COLOURS_FOLLOW = 0x80
_COLOURS = 0x07

_PNG_MARK = 8
_PNG_CHECKSUM = 4
_WEBP_HEADER = 12
_WEBP_IS_ANIMATED = 0x02


def count_frames(path: Path, kind: DocumentKind, *, most: int | None = None) -> int | None:
    """Pictures of a GIF, PNG or WebP file, counted up to one more than `most`; None for other kinds.

    Damage ends the count; whether the pictures before it can be decoded shows when they are read.
    """
    frames = _FRAMES.get(kind)
    if frames is None:
        return None
    with path.open("rb") as file:
        return sum(1 for _ in islice(frames(file), None if most is None else most + 1))


def _gif_frames(file: BinaryIO) -> Iterator[None]:
    header = file.read(_GIF_HEADER)
    if len(header) < _GIF_HEADER:
        return
    _skip_colours(file, header[10])
    junk = 0
    while (mark := file.read(1)) and mark != b";" and junk < _MOST_JUNK:
        match mark:
            case b"!":
                file.seek(1, 1)
                _skip_blocks(file)
            case b",":
                descriptor = file.read(_GIF_DESCRIPTOR)
                if len(descriptor) < _GIF_DESCRIPTOR:
                    return
                yield
                _skip_colours(file, descriptor[8])
                file.seek(1, 1)
                _skip_blocks(file)
            case _:
                junk += 1


def _skip_colours(file: BinaryIO, packed: int) -> None:
    if packed & _COLOURS_FOLLOW:
        file.seek(3 * 2 ** ((packed & _COLOURS) + 1), 1)


def _skip_blocks(file: BinaryIO) -> None:
    while size := file.read(1)[:1]:
        if size == b"\0":
            return
        file.seek(size[0], 1)


def _png_frames(file: BinaryIO) -> Iterator[None]:
    """A picture for each frame control, and one for a picture before the first, which other programs show alone.

    It yields no more than the file claims, because decoders stop there.
    """
    claimed, is_begun = 0, False
    file.seek(_PNG_MARK)
    while len(head := file.read(8)) == 8:
        size, name = int.from_bytes(head[:4]), head[4:]
        start = file.tell()
        if name == b"acTL":
            claimed = int.from_bytes(file.read(4))
        if name == b"fcTL" and claimed > 0:
            claimed -= 1
            yield
        elif name == b"IDAT" and not is_begun:
            yield
        is_begun = is_begun or name in (b"fcTL", b"IDAT")
        if is_begun and claimed <= 0:
            return
        file.seek(start + size + _PNG_CHECKSUM)


def _webp_frames(file: BinaryIO) -> Iterator[None]:
    file.seek(_WEBP_HEADER)
    is_animated = False
    while len(head := file.read(8)) == 8:
        name, size = head[:4], int.from_bytes(head[4:], "little")
        start = file.tell()
        if name == b"VP8X":
            is_animated = bool((file.read(1) or b"\0")[0] & _WEBP_IS_ANIMATED)
        if name == b"ANMF" or (name in (b"VP8 ", b"VP8L") and not is_animated):
            yield
        file.seek(start + size + size % 2)


_FRAMES: dict[DocumentKind, Callable[[BinaryIO], Iterator[None]]] = {
    DocumentKind.GIF: _gif_frames,
    DocumentKind.PNG: _png_frames,
    DocumentKind.WEBP: _webp_frames,
}
