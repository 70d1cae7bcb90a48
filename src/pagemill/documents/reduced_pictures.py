"""Has pdfium draw JPEG pictures from a coarse decoding, for a look at a page. Runs in workers only.

pdfium decodes each picture whole and in colour, however coarse the drawing is, which takes most of the time of a look
at a photo or a scan. Pillow decodes a JPEG at a half, a quarter or an eighth of its size, in gray. The coarse picture
takes the place of the original until the page is closed. Only pictures that show nothing but their own data qualify:
no mask, no transparency, no clip that cuts them, no colours that must be turned into others.
"""

import ctypes
import io
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.page_frame import PageRect
from pagemill.documents.page_objects import Drawing, Picture, clips, switch_off
from pagemill.domain.memory import MIB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JpegKey = tuple[int, int, int]
"""Columns, rows and bytes of a JPEG, by which a picture on a page is found among the document's streams."""

LEAST_PIXELS = 200_000
"""pdfium draws smaller pictures as fast."""

MOST_PIXELS = 50_000_000
MOST_BYTES = 16 * MIB
"""Larger data is left to pdfium, because a reader has little memory."""

MOST_OBJECTS = 50_000
"""Documents with more objects are not searched for plain JPEGs."""

_COARSEST = 8
_EDGE = 1.0
"""Points by which a clip may cut into a picture."""

_ODD_KEYS = ("/SMask", "/Mask", "/ImageMask", "/Decode", "/DecodeParms", "/OC", "/SMaskInData")


def plain_jpegs(pdf: pikepdf.Pdf) -> frozenset[JpegKey]:
    """The JPEG pictures of a document that show their own data and nothing else."""
    if len(pdf.objects) > MOST_OBJECTS:
        return frozenset()
    plain, odd = set[JpegKey](), set[JpegKey]()
    for stream in pdf.objects:
        if isinstance(stream, pikepdf.Stream) and stream.get("/Subtype") == pikepdf.Name.Image:
            (plain if _is_plain(stream) else odd).add(_key(stream))
    return frozenset(plain - odd)


def _is_plain(stream: pikepdf.Stream) -> bool:
    is_jpeg = stream.get("/Filter") in (pikepdf.Name.DCTDecode, pikepdf.Array([pikepdf.Name.DCTDecode]))
    return is_jpeg and _is_plain_colour(stream.get("/ColorSpace")) and not any(key in stream for key in _ODD_KEYS)


def _is_plain_colour(space: pikepdf.Object | None) -> bool:
    if isinstance(space, pikepdf.Array) and len(space) > 1:
        profile = space[1]
        return space[0] == pikepdf.Name.ICCBased and profile.get("/N") in (1, 3)
    return space in (pikepdf.Name.DeviceGray, pikepdf.Name.DeviceRGB)


def _key(stream: pikepdf.Stream) -> JpegKey:
    return int(stream.get("/Width", 0)), int(stream.get("/Height", 0)), int(stream.get("/Length", 0))


@dataclass(frozen=True)
class Reducible:
    """A picture that can be drawn from a coarse decoding.

    Attributes:
        picture: The picture.
        size: The columns and rows that the drawing shows of it.
        pixels: The most pixels that its decoding holds.
    """

    picture: Picture
    size: tuple[int, int]
    pixels: int


def reducible_pictures(drawing: Drawing, plain: Container[JpegKey], scale: float) -> list[Reducible]:
    """The pictures of a page that can be drawn from a coarse decoding.

    Args:
        drawing: What is drawn on the page.
        plain: The document's plain JPEGs.
        scale: Pixels per point of the drawing to be made.
    """
    found = [each for picture in drawing.pictures if (each := _reducible(picture, plain, scale)) is not None]
    return [] if found and drawing.clips_by_text else found


def _reducible(picture: Picture, plain: Container[JpegKey], scale: float) -> Reducible | None:
    if picture.index is None or not picture.is_opaque or not LEAST_PIXELS <= picture.own_pixels <= MOST_PIXELS:
        return None
    handle = _handle(picture)
    length = pdfium_c.FPDFImageObj_GetImageDataRaw(handle, None, 0)
    if (
        length > MOST_BYTES
        or (picture.width, picture.height, length) not in plain
        or _is_cut(picture.rect, clips(picture.address))
    ):
        return None
    size = _drawn_size(handle, scale)
    share = _share(picture, size)
    return Reducible(picture, size, math.ceil(picture.own_pixels / share**2)) if share else None


def _jpeg(picture: Picture) -> io.BytesIO:
    """Its data; a page may have many pictures, so nothing keeps it."""
    handle = _handle(picture)
    data = ctypes.create_string_buffer(pdfium_c.FPDFImageObj_GetImageDataRaw(handle, None, 0))
    pdfium_c.FPDFImageObj_GetImageDataRaw(handle, data, len(data))
    return io.BytesIO(data)


def _is_cut(rect: PageRect, paths: Iterable[Sequence[tuple[float, float]] | None]) -> bool:
    """Whether a clip does more than frame the rectangle: None stands for a curve."""
    return not all(path is not None and _frames(path, rect) for path in paths)


def _frames(path: Sequence[tuple[float, float]], rect: PageRect) -> bool:
    xs, ys = {round(x, 2) for x, _ in path}, {round(y, 2) for _, y in path}
    is_rectangle = len(xs) == 2 and len(ys) == 2 and all(a[0] == b[0] or a[1] == b[1] for a, b in _sides(path))
    left, bottom, right, top = rect
    return (
        is_rectangle
        and min(xs) <= left + _EDGE
        and max(xs) >= right - _EDGE
        and min(ys) <= bottom + _EDGE
        and max(ys) >= top - _EDGE
    )


def _sides(path: Sequence[tuple[float, float]]) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    points = [(round(x, 2), round(y, 2)) for x, y in path]
    return zip(points, points[1:] + points[:1], strict=True)


def _drawn_size(handle: pdfium_c.FPDF_PAGEOBJECT, scale: float) -> tuple[int, int]:
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFPageObj_GetMatrix(handle, matrix)
    columns, rows = math.hypot(matrix.a, matrix.b) * scale, math.hypot(matrix.c, matrix.d) * scale
    return max(1, round(columns)), max(1, round(rows))


def _share(picture: Picture, size: tuple[int, int]) -> int | None:
    """The part of its columns and rows that is decoded, as a divisor; None for other data.

    The coefficients of a progressive JPEG are held whole.
    """
    from PIL import Image

    try:
        with Image.open(_jpeg(picture), formats=("JPEG",)) as opened:
            if opened.size != (picture.width, picture.height) or opened.mode not in ("L", "RGB"):
                return None
            is_whole = bool(opened.info.get("progressive"))
    except (OSError, SyntaxError, ValueError):
        return None
    coarsest = min(picture.width / size[0], picture.height / size[1], _COARSEST)
    return 1 if is_whole or coarsest < 2 else 2 ** int(math.log2(coarsest))


def draw_reduced(document: pdfium.PdfDocument, page: pdfium.PdfPage, pictures: Iterable[Reducible]) -> None:
    """Put coarse pictures into the places of these, until the page is closed. What cannot be decoded stays."""
    for each in sorted(pictures, key=lambda each: -(each.picture.index or 0)):
        if (pixels := _decode(each)) is not None:
            _replace(document, page, each, pixels)


def _decode(each: Reducible) -> "NDArray[np.uint8] | None":
    """The picture at the size of the drawing, blue, green and red."""
    import cv2
    import numpy as np
    from PIL import Image

    try:
        with Image.open(_jpeg(each.picture), formats=("JPEG",)) as opened:
            opened.draft("L", each.size)
            coarse = np.asarray(opened if opened.mode == "L" else opened.convert("L"))
    except (OSError, SyntaxError, ValueError):
        return None
    exact = coarse if coarse.shape == each.size[::-1] else cv2.resize(coarse, each.size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(exact, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _replace(document: pdfium.PdfDocument, page: pdfium.PdfPage, each: Reducible, pixels: "NDArray[np.uint8]") -> None:
    columns, rows = each.size
    samples = (ctypes.c_ubyte * pixels.size).from_buffer(pixels.data)
    bitmap = pdfium_c.FPDFBitmap_CreateEx(columns, rows, pdfium_c.FPDFBitmap_BGR, samples, columns * 3)
    made = pdfium_c.FPDFPageObj_NewImageObj(document)
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFPageObj_GetMatrix(_handle(each.picture), matrix)
    is_ready = pdfium_c.FPDFImageObj_SetBitmap(None, 0, made, bitmap) and pdfium_c.FPDFPageObj_SetMatrix(made, matrix)
    pdfium_c.FPDFBitmap_Destroy(bitmap)
    if is_ready and pdfium_c.FPDFPage_InsertObjectAtIndex(page, made, each.picture.index):
        switch_off(each.picture.address)
    else:
        pdfium_c.FPDFPageObj_Destroy(made)


def _handle(picture: Picture) -> pdfium_c.FPDF_PAGEOBJECT:
    return ctypes.cast(picture.address, pdfium_c.FPDF_PAGEOBJECT)
