"""Builds PDFs object by object, most of them nearly right: by Hypothesis, for `tests.data.fuzzed`."""

import zlib
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

OBJECTS = 12
NUMBERS = (
    "0",
    "1",
    "-1",
    "2",
    "3",
    "100",
    "612",
    "65536",
    "1e9",
    "-32769",
    "2147483648",
    "99999999999999999999",
    ".",
    "-",
    "nan",
)
NAMES = (
    "/Type", "/Page", "/Pages", "/Catalog", "/Kids", "/Count", "/Parent", "/MediaBox", "/CropBox", "/Rotate",
    "/UserUnit", "/Contents", "/Resources", "/Font", "/XObject", "/Image", "/Form", "/Matrix", "/BBox", "/Group",
    "/SMask", "/Mask", "/Decode", "/DecodeParms", "/Predictor", "/Columns", "/Colors", "/JBIG2Globals", "/Annots",
    "/OpenAction", "/Names", "/AcroForm", "/StructTreeRoot", "/ToUnicode", "/Encoding", "/DescendantFonts", "/W",
    "/Pattern", "/Shading", "/ShadingType", "/Function", "/FunctionType", "/ExtGState", "/ColorSpace", "/Indexed",
    "/ICCBased", "/Separation",
)  # fmt: skip
FILTERS = (
    "/FlateDecode", "/LZWDecode", "/ASCIIHexDecode", "/ASCII85Decode", "/RunLengthDecode", "/CCITTFaxDecode",
    "/JBIG2Decode", "/DCTDecode", "/JPXDecode", "/Crypt", "[/FlateDecode/FlateDecode]", "[/ASCIIHexDecode/DCTDecode]",
)  # fmt: skip
OPERATORS = (
    "q", "Q", "W n", "f", "S", "B*", "h", "BT", "ET", "T*", "sh", "/P0 gs", "/X7 Do", "/X8 Do", "/X9 Do", "/F4 12 Tf",
    "(Number 101) Tj", "[(a) -9999 (b)] TJ", "3 Tr", "0 Tr", "7 Tr", "<0041D800> Tj", "/P scn", "BI /W 9 /H 9 ID xx EI",
    "/Span <</ActualText (x)>> BDC", "EMC", "MP", "BX", "EX",
)  # fmt: skip
FORMS = (
    "{} {} {} {} {} {} cm",
    "{} {} {} {} re",
    "{} {} Td",
    "{} {} {} {} {} {} Tm",
    "{} {} m",
    "{} {} l",
    "{} w",
    "{} Tz",
    "{} TL",
    "/F4 {} Tf",
)

BOXES = (
    "[0 0 200 200]",
    "[0 0 200 200]",
    "[200 200 0 0]",
    "[0 0 0 0]",
    "[0 0 1e9 1e9]",
    "[0 0 14400 1]",
    "[-9 -9 9 9]",
)
_RESOURCES = {
    "/Font": "<</F4 4 0 R>>",
    "/XObject": "<</X7 7 0 R/X8 8 0 R/X9 9 0 R>>",
    "/ExtGState": "<</P0 10 0 R>>",
}

_numbers = st.sampled_from(NUMBERS)
_references = st.integers(0, OBJECTS).map(lambda number: f"{number} 0 R")
_simple = st.one_of(
    _numbers, _references, st.sampled_from(NAMES), st.sampled_from(["null", "true", "()", "(\\", "<>", "<0"])
)
_values = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{' '.join(items)}]"),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=4).map(lambda items: _dictionary(items)),
    ),
    max_leaves=8,
)


@st.composite
def pdfs(draw: st.DrawFn) -> bytes:
    """A catalog, a page tree, a page with what it shows, and objects that may be anything."""
    kids = draw(st.sampled_from(["[3 0 R]", "[3 0 R 3 0 R]", "[2 0 R 3 0 R]"]))
    font = draw(st.sampled_from(["/Type1", "/Type3", "/Type0", "/TrueType"]))
    form = {"/Type": "/XObject", "/Subtype": "/Form", "/BBox": "[0 0 9 9]", "/Resources": "6 0 R"}
    bodies: dict[int, bytes] = {
        1: _nearly(draw, {"/Type": "/Catalog", "/Pages": "2 0 R"}),
        2: _nearly(draw, {"/Type": "/Pages", "/Kids": kids, "/Count": "1"}),
        3: _nearly(draw, _page(draw)),
        4: _nearly(draw, {"/Type": "/Font", "/Subtype": font, "/BaseFont": "/Helvetica"}),
        5: _stream(draw, {}, _content(draw)),
        6: _nearly(draw, _RESOURCES),
        7: _stream(draw, _picture(draw), draw(st.binary(max_size=80))),
        8: _stream(draw, form, _content(draw)),
    }
    for number in range(9, OBJECTS):
        bodies[number] = (
            draw(_values).encode() if draw(st.booleans()) else _stream(draw, {}, draw(st.binary(max_size=60)))
        )
    return _file(draw, bodies)


def _page(draw: st.DrawFn) -> Mapping[str, str]:
    box = draw(
        st.sampled_from(
            [
                "[0 0 200 200]",
                "[0 0 200 200]",
                "[200 200 0 0]",
                "[0 0 0 0]",
                "[0 0 1e9 1e9]",
                "[0 0 14400 1]",
                "[-9 -9 9 9]",
            ]
        )
    )
    return {"/Type": "/Page", "/Parent": "2 0 R", "/MediaBox": box, "/Contents": "5 0 R", "/Resources": "6 0 R"}


def _picture(draw: st.DrawFn) -> Mapping[str, str]:
    size = st.sampled_from(["1", "8", "8", "1000", "30000", "2147483647", "-1", "0"])
    return {
        "/Type": "/XObject",
        "/Subtype": "/Image",
        "/Width": draw(size),
        "/Height": draw(size),
        "/ColorSpace": draw(
            st.sampled_from(["/DeviceGray", "/DeviceRGB", "[/Indexed /DeviceRGB 255 10 0 R]", "9 0 R"])
        ),
        "/BitsPerComponent": draw(st.sampled_from(["1", "8", "16", "33"])),
    }


def _content(draw: st.DrawFn) -> bytes:
    operations = []
    for _ in range(draw(st.integers(0, 25))):
        if draw(st.booleans()):
            operations.append(draw(st.sampled_from(OPERATORS)))
        else:
            form = draw(st.sampled_from(FORMS))
            operations.append(form.format(*(draw(_numbers) for _ in range(form.count("{}")))))
    if draw(st.integers(0, 9)) == 0:
        operations = operations * draw(st.sampled_from([2, 100, 3000]))
    return "\n".join(operations).encode()


def _nearly(draw: st.DrawFn, entries: Mapping[str, str]) -> bytes:
    """These entries, one or two of them perhaps with another value, and perhaps one more."""
    changed = dict(entries)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        changed[draw(st.sampled_from([*entries, *NAMES]))] = draw(_values)
    return _dictionary(changed).encode()


def _dictionary(entries: Mapping[str, str]) -> str:
    return f"<<{' '.join(f'{name} {value}' for name, value in entries.items())}>>"


def _stream(draw: st.DrawFn, entries: Mapping[str, str], data: bytes) -> bytes:
    """Mostly compressed as it says; or by a filter that it was never written with."""
    filtered = draw(st.sampled_from(["plain", "plain", "right", "right", "wrong", "swollen"]))
    told = dict(entries)
    if filtered == "right":
        told["/Filter"], data = "/FlateDecode", zlib.compress(data)
    if filtered == "wrong":
        told["/Filter"] = draw(st.sampled_from(FILTERS))
    if filtered == "swollen":
        told["/Filter"], data = "/FlateDecode", zlib.compress(data + b" " * draw(st.sampled_from([10_000, 3_000_000])))
    told["/Length"] = draw(st.sampled_from([str(len(data))] * 6 + ["0", "-1", "999999999", "5 0 R"]))
    return _nearly(draw, told) + b"\nstream\n" + data + b"\nendstream"


def _file(draw: st.DrawFn, bodies: Mapping[int, bytes]) -> bytes:
    written = bytearray(b"%PDF-1.7\n")
    starts: dict[int, int] = {}
    for number, body in bodies.items():
        starts[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(written)
    written += _cross_references(draw, starts)
    root = draw(st.sampled_from(["1 0 R"] * 8 + ["2 0 R", "99 0 R"]))
    trailer = _nearly(draw, {"/Size": str(OBJECTS + 1), "/Root": root})
    told = draw(st.sampled_from([start] * 8 + [0, 2**31]))
    return bytes(written) + b"trailer\n" + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % told


def _cross_references(draw: st.DrawFn, starts: Mapping[int, int]) -> bytes:
    """Of every object, where it is; sometimes elsewhere, sometimes none."""
    if draw(st.integers(0, 9)) == 0:
        return b""
    shift = draw(st.sampled_from([0] * 8 + [1, -9]))
    rows: Sequence[bytes] = [
        b"%010d 00000 n \n" % max(0, starts.get(number, 0) + shift) for number in range(1, OBJECTS + 1)
    ]
    return b"xref\n0 %d\n0000000000 65535 f \n" % (OBJECTS + 1) + b"".join(rows)
