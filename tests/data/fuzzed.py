"""Makes documents that nobody meant: of parts that do not fit, or real ones with damage. By Hypothesis."""

import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from tests.data.documents import make_scan, make_sideways_photo, make_typed
from tests.data.fuzzed_pdfs import pdfs

SCANS = ("png", "jpg", "tif", "webp", "bmp", "gif", "pdf")
NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 8, 255, 256, 1000, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1])

_TIFF_TAGS = (254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 317, 320, 322, 323, 324)
_TIFF_MORE_TAGS = (325, 330, 338, 339, 347, 513, 514, 529, 530, 532, 700, 33723, 34665, 34675, 50838)
_PNG_KINDS = (
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"iCCP",
    b"zTXt",
    b"tEXt",
    b"iTXt",
    b"pHYs",
    b"eXIf",
)
_APNG_KINDS = (b"acTL", b"fcTL", b"fdAT", b"aaaa", b"\0\0\0\0")
_ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"9" * 20,
    b"<<" * 50,
)


def make_documents(seed: int, count: int) -> Sequence[bytes]:
    """So many documents, or some less; the same for the same seed."""
    made: list[bytes] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.one_of(pdfs(), tiffs(), pngs(), damage(), damage()))
    def collect(document: bytes) -> None:
        made.append(document)

    collect()
    return made


# --- TIFF ------------------------------------------------------------------------------------------------------------


@st.composite
def tiffs(draw: st.DrawFn) -> bytes:
    """Directories of entries that lie, that lead to each other, and to nowhere."""
    order = draw(st.sampled_from("<>"))
    directories = draw(st.integers(1, 4))
    written = bytearray(struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8))
    for number in range(directories):
        entries = _tiff_entries(draw, order)
        following = len(written) + 2 + len(entries) * 12 + 4 if number + 1 < directories else 0
        following = draw(st.sampled_from([following, following, following, 0, 8, len(written), 2**31]))
        written += (
            struct.pack(f"{order}H", len(entries)) + b"".join(sorted(entries)) + struct.pack(f"{order}I", following)
        )
    return bytes(written) + draw(st.binary(max_size=200))


def _tiff_entries(draw: st.DrawFn, order: str) -> list[bytes]:
    """Of a picture of some pixels, each entry with a chance to be another, and some more."""
    good = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = []
    for tag, value in good.items():
        fate = draw(st.sampled_from(["good", "good", "good", "good", "odd", "left out"]))
        if fate != "left out":
            entries.append(struct.pack(f"{order}HHII", tag, 4, 1, value if fate == "good" else draw(NUMBERS)))
    for _ in range(draw(st.integers(0, 4))):
        tag = draw(st.sampled_from(_TIFF_TAGS + _TIFF_MORE_TAGS))
        kind = draw(st.integers(0, 18))
        entries.append(struct.pack(f"{order}HHII", tag, kind, draw(NUMBERS), draw(NUMBERS)))
    return entries


# --- PNG -------------------------------------------------------------------------------------------------------------


@st.composite
def pngs(draw: st.DrawFn) -> bytes:
    """A head that promises this, data that hold that, and chunks that do not belong there."""
    size = st.sampled_from([0, 1, 3, 64, 1000, 20_000, 65_536, 2**31 - 1, 2**32 - 1])
    depth, kind = draw(st.sampled_from([1, 2, 4, 8, 16, 3, 255])), draw(st.sampled_from([0, 2, 3, 4, 6, 1, 9]))
    head = struct.pack(
        ">IIBBBBB",
        draw(size),
        draw(size),
        depth,
        kind,
        0,
        draw(st.sampled_from([0, 0, 1])),
        draw(st.sampled_from([0, 1])),
    )
    chunks = [_chunk(draw, b"IHDR", head)]
    kinds = draw(st.lists(st.sampled_from(_PNG_KINDS + _APNG_KINDS), max_size=3))
    kinds += [b"IDAT"] * draw(st.integers(0, 3))
    chunks += [_chunk(draw, kind, draw(_payloads())) for kind in kinds]
    chunks.append(_chunk(draw, b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _payloads() -> st.SearchStrategy[bytes]:
    """Something, compressed or not; or very much of nothing."""
    some = st.binary(max_size=100)
    much = st.sampled_from([10, 10_000, 5_000_000]).map(bytes)
    return st.one_of(
        some, some.map(zlib.compress), much.map(zlib.compress), some.map(lambda data: b"a\0\0" + zlib.compress(data))
    )


def _chunk(draw: st.DrawFn, kind: bytes, data: bytes) -> bytes:
    length = draw(st.sampled_from([len(data)] * 9 + [2**31 - 1]))
    check = draw(st.sampled_from([zlib.crc32(kind + data)] * 9 + [0]))
    return struct.pack(">I", length) + kind + data + struct.pack(">I", check)


# --- damage ----------------------------------------------------------------------------------------------------------


@st.composite
def damage(draw: st.DrawFn) -> bytes:
    """A real document with some bytes changed, lost, doubled or put in, or without its end."""
    document = bases()[draw(st.sampled_from(sorted(bases())))]
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(document) - 1)))
        document = draw(st.sampled_from(_DAMAGES))(draw, document, place)
    return document


def _change(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    return document[:place] + bytes([draw(st.integers(0, 255))]) + document[place + 1 :]


def _flip(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    changed = bytearray(document or b"\0")
    changed[min(place, len(changed) - 1)] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _lose(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    return document[:place] + document[place + draw(st.integers(1, 500)) :]


def _put_in(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    return document[:place] + draw(st.sampled_from(_ODD_BYTES)) + document[place:]


def _write_over(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    odd = draw(st.sampled_from(_ODD_BYTES))
    return document[:place] + odd + document[place + len(odd) :]


def _double(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    return document[:place] + document[place : place + draw(st.integers(1, 500))] * 2 + document[place:]


def _cut_off(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    return document[: max(1, place if draw(st.booleans()) else len(document) - draw(st.integers(1, 200)))]


def _change_number(draw: st.DrawFn, document: bytes, place: int) -> bytes:
    """The next decimal number, as in a PDF."""
    start = next((at for at in range(place, len(document)) if document[at : at + 1].isdigit()), len(document))
    end = next((at for at in range(start, len(document)) if not document[at : at + 1].isdigit()), len(document))
    return document[:start] + str(draw(NUMBERS) * draw(st.sampled_from([1, 1, -1]))).encode() + document[end:]


_DAMAGES: Sequence[Callable[[st.DrawFn, bytes, int], bytes]] = (
    _change, _flip, _lose, _put_in, _write_over, _double, _cut_off, _change_number,
)  # fmt: skip


@cache
def bases() -> Mapping[str, bytes]:
    """The documents to be damaged, by name: one of each kind, all small."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = [make_scan(folder / f"scan.{suffix}", ["Number 101"]) for suffix in SCANS]
        made += [make_scan(folder / f"pages.{suffix}", ["Number 101", "Number 102"]) for suffix in ("tif", "pdf")]
        made.append(make_typed(folder / "typed.pdf", 2))
        made.append(make_typed(folder / "locked.pdf", 1, user_password=""))
        made.append(make_sideways_photo(folder / "sideways.jpg", "Number 103"))
        return {path.name: path.read_bytes() for path in made}
