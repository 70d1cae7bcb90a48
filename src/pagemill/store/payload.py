"""Packs page results for the database."""

import zlib

ZLIB = "zlib"
RAW = "raw"

_LEVEL = 1
"""Page JSON shrinks to about a fifth at level 1; higher levels take several times as long for a few percent."""


def pack(payload: bytes) -> tuple[str, bytes]:
    """The codec's name, and the payload packed with it."""
    packed = zlib.compress(payload, _LEVEL)
    return (ZLIB, packed) if len(packed) < len(payload) else (RAW, payload)


def unpack(codec: str, packed: bytes) -> bytes:
    """Unpack the result of `pack`.

    Raises:
        ValueError: This version does not know the codec.
    """
    if codec == ZLIB:
        return zlib.decompress(packed)
    if codec == RAW:
        return packed
    raise ValueError(f"Page results are packed with {codec!r}, which this version cannot read; use a newer one.")
