"""Finds what is drawn on a PDF page, and what may hold text that the text layer lacks. Runs in workers only.

It calls pdfium through plain C functions, as `characters` does: pages may have thousands of objects.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.coverage import first_of_filling
from pagemill.documents.page_frame import PageRect

MOST_OBJECTS = 5000
DEEPEST = 4
"""The deepest level of forms that is searched: forms may be nested without limit."""

_MOST_PLAIN = 5
"""A rule, a rectangle or a rounded corner has at most this many segments; a letter has more."""

_LETTER = (2.0, 60.0)
"""Points: a shape with both sides between these may be a letter, or a part of one."""

_JPX_WEIGHT = 4
"""JPEG 2000 is decoded whole, into 32 bits for each colour of each pixel."""

_LEAST_PICTURE = 5.0
"""Points: a picture with a shorter side cannot contain text."""

_Matrix = tuple[float, float, float, float, float, float]
_UPRIGHT: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

_INT = ctypes.c_int
_POINTER = ctypes.c_void_p


def _make_plain(function: ctypes.c_void_p, result: type, *arguments: type) -> Callable[..., int]:
    address = ctypes.cast(function, _POINTER).value or 0  # type-checked calls of pypdfium2 take longer than pdfium does
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


_count = _make_plain(pdfium_c.FPDFPage_CountObjects, _INT, _POINTER)
_object = _make_plain(pdfium_c.FPDFPage_GetObject, _POINTER, _POINTER, _INT)
_inner_count = _make_plain(pdfium_c.FPDFFormObj_CountObjects, _INT, _POINTER)
_inner_object = _make_plain(pdfium_c.FPDFFormObj_GetObject, _POINTER, _POINTER, ctypes.c_ulong)
_kind = _make_plain(pdfium_c.FPDFPageObj_GetType, _INT, _POINTER)
_segments = _make_plain(pdfium_c.FPDFPath_CountSegments, _INT, _POINTER)
_is_transparent = _make_plain(pdfium_c.FPDFPageObj_HasTransparency, _INT, _POINTER)
_bounds = _make_plain(pdfium_c.FPDFPageObj_GetBounds, _INT, _POINTER, *4 * [_POINTER])
_matrix = _make_plain(pdfium_c.FPDFPageObj_GetMatrix, _INT, _POINTER, _POINTER)
_pixel_size = _make_plain(pdfium_c.FPDFImageObj_GetImagePixelSize, _INT, _POINTER, _POINTER, _POINTER)
_filter_count = _make_plain(pdfium_c.FPDFImageObj_GetImageFilterCount, _INT, _POINTER)
_filter = _make_plain(pdfium_c.FPDFImageObj_GetImageFilter, ctypes.c_ulong, _POINTER, _INT, _POINTER, ctypes.c_ulong)
_render_mode = _make_plain(pdfium_c.FPDFTextObj_GetTextRenderMode, _INT, _POINTER)
_set_active = _make_plain(pdfium_c.FPDFPageObj_SetIsActive, _INT, _POINTER, _INT)

_INVISIBLE = (pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on the page.

    Attributes:
        rect: Its place.
        order: How many objects are drawn before it.
        width: Its columns.
        height: Its rows.
        weight: How many times more memory its decoding takes than in most formats.
        is_opaque: Whether it hides what is drawn before it.
        address: Of the object.
        index: Its position among the page's objects; None within a form.
    """

    rect: PageRect
    order: int
    width: int
    height: int
    weight: int
    is_opaque: bool
    address: int
    index: int | None

    @property
    def own_pixels(self) -> int:
        """Columns times rows."""
        return self.width * self.height

    @property
    def pixels(self) -> int:
        """Its pixels, weighted by the memory that decoding them takes."""
        return self.own_pixels * self.weight


@dataclass
class Drawing:
    """What is drawn on a page, forms included.

    Attributes:
        objects: How many objects are drawn; forms themselves do not count.
        pictures: Images that are large enough to hold text.
        shapes: Places of shapes that may be letters, or contain some.
        texts: For each text object, by address, how many objects are drawn before it.
        is_whole: Whether every object was examined.
        page: The visible part of the page.
    """

    objects: int = 0
    pictures: list[Picture] = field(default_factory=list)
    shapes: list[PageRect] = field(default_factory=list)
    texts: dict[int, int] = field(default_factory=dict)
    is_whole: bool = True
    page: PageRect = (0.0, 0.0, 0.0, 0.0)

    @property
    def may_hold_text(self) -> bool:
        """Whether anything but the page's text can show letters."""
        return bool(self.pictures) or len(self.shapes) >= 3 or not self.is_whole

    @property
    def suspects(self) -> Iterator[PageRect]:
        """Areas that may contain text; the whole page if some objects were not examined."""
        if not self.is_whole:
            yield self.page
        yield from (picture.rect for picture in self.pictures)
        yield from self.shapes

    @property
    def pixels(self) -> int:
        """The pixels of all its pictures."""
        return sum(picture.pixels for picture in self.pictures)

    @property
    def coverage(self) -> float:
        """The share of the page under pictures, at most 1; overlaps count twice."""
        left, bottom, right, top = self.page
        area = max((right - left) * (top - bottom), 1.0)
        return min(1.0, sum(_area_within(picture.rect, self.page) for picture in self.pictures) / area)

    @property
    def clips_by_text(self) -> bool:
        """Whether a text object is a clip for what follows it."""
        return any(_render_mode(text) >= pdfium_c.FPDF_TEXTRENDERMODE_FILL_CLIP for text in self.texts)

    def hides(self, text: int, rect: PageRect) -> bool:
        """Whether a picture is drawn over this part of a text object, given by its address."""
        if not self._covering:
            return False
        order = self.texts.get(text, self.objects)
        x, y = (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2
        return any(
            picture.order > order
            and picture.rect[0] <= x <= picture.rect[2]
            and picture.rect[1] <= y <= picture.rect[3]
            for picture in self._covering
        )

    def is_buried(self, text: int) -> bool:
        """Whether pictures that fill the page together are drawn over a text object, given by its address."""
        return self.texts.get(text, self.objects) < self._buried_before

    @cached_property
    def _buried_before(self) -> int:
        opaque = [picture for picture in self.pictures if picture.is_opaque]
        first = first_of_filling([picture.rect for picture in opaque], self.page)
        return 0 if first is None else opaque[first].order

    @cached_property
    def _covering(self) -> list[Picture]:
        first = min(self.texts.values(), default=self.objects)
        return [picture for picture in self.pictures if picture.is_opaque and picture.order > first]


def drawing_of(page: pdfium.PdfPage) -> Drawing:
    """Find what is drawn on the page, up to `MOST_OBJECTS` objects."""
    drawing, address = Drawing(page=page.get_bbox()), ctypes.cast(page.raw, _POINTER).value or 0
    for index in range(_count(address)):
        if drawing.objects >= MOST_OBJECTS:
            drawing.is_whole = False
            break
        _add(_object(address, index), drawing, _UPRIGHT, depth=0, index=index)
    return drawing


def _add(drawn: int, drawing: Drawing, placed: _Matrix, *, depth: int, index: int | None = None) -> None:
    match _kind(drawn):
        case pdfium_c.FPDF_PAGEOBJ_FORM:
            _add_form(drawn, drawing, placed, depth=depth)
            return
        case pdfium_c.FPDF_PAGEOBJ_TEXT:
            drawing.texts[drawn] = drawing.objects
        case pdfium_c.FPDF_PAGEOBJ_IMAGE:
            _add_picture(drawn, drawing, placed, index)
        case pdfium_c.FPDF_PAGEOBJ_PATH:
            _add_shape(drawn, drawing, placed)
        case _:
            pass
    drawing.objects += 1


def _add_form(form: int, drawing: Drawing, placed: _Matrix, *, depth: int) -> None:
    if depth >= DEEPEST:
        drawing.is_whole = False
        return
    inner = _chain_matrices(_matrix_of(form), placed)
    for index in range(_inner_count(form)):
        if drawing.objects >= MOST_OBJECTS:
            drawing.is_whole = False
            return
        _add(_inner_object(form, index), drawing, inner, depth=depth + 1)


def _add_picture(image: int, drawing: Drawing, placed: _Matrix, index: int | None) -> None:
    rect = _rect_of(image, placed)
    if min(rect[2] - rect[0], rect[3] - rect[1]) < _LEAST_PICTURE:
        return
    width, height = ctypes.c_uint(), ctypes.c_uint()
    _pixel_size(image, ctypes.addressof(width), ctypes.addressof(height))
    picture = Picture(
        rect,
        drawing.objects,
        width.value,
        height.value,
        weight=_weight(image),
        is_opaque=not _is_transparent(image),
        address=image,
        index=index,
    )
    drawing.pictures.append(picture)


def _add_shape(path: int, drawing: Drawing, placed: _Matrix) -> None:
    rect = _rect_of(path, placed)
    lower, higher = sorted((rect[2] - rect[0], rect[3] - rect[1]))
    if lower >= _LETTER[0] and (higher <= _LETTER[1] or _segments(path) > _MOST_PLAIN):
        drawing.shapes.append(rect)


def _weight(image: int) -> int:
    """How many times more memory a pixel takes while it is decoded than in most formats."""
    name = ctypes.create_string_buffer(32)
    for index in range(_filter_count(image)):
        _filter(image, index, ctypes.addressof(name), len(name))
        if name.value == b"JPXDecode":
            return _JPX_WEIGHT
    return 1


def _area_within(rect: PageRect, page: PageRect) -> float:
    width, height = min(rect[2], page[2]) - max(rect[0], page[0]), min(rect[3], page[3]) - max(rect[1], page[1])
    return width * height if width > 0 and height > 0 else 0.0


def _rect_of(drawn: int, placed: _Matrix) -> PageRect:
    corners = (ctypes.c_float * 4)()
    at = ctypes.addressof(corners)
    if not _bounds(drawn, at, at + 4, at + 8, at + 12):
        return (0.0, 0.0, 0.0, 0.0)
    left, bottom, right, top = corners
    if placed is _UPRIGHT:
        return (left, bottom, right, top)
    points = [_transform(x, y, placed) for x in (left, right) for y in (bottom, top)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys))


def _matrix_of(drawn: int) -> _Matrix:
    matrix = pdfium_c.FS_MATRIX()
    if not _matrix(drawn, ctypes.addressof(matrix)):
        return _UPRIGHT
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _chain_matrices(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    across, down = _transform(e, f, outer)
    oa, ob, oc, od, _, _ = outer
    return (a * oa + b * oc, a * ob + b * od, c * oa + d * oc, c * ob + d * od, across, down)


def _transform(x: float, y: float, matrix: _Matrix) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def clips(drawn: int) -> Iterator[list[tuple[float, float]] | None]:
    """The paths that an object, given by its address, is clipped by: their points, or None for a curve."""
    clip = pdfium_c.FPDFPageObj_GetClipPath(ctypes.cast(drawn, pdfium_c.FPDF_PAGEOBJECT))
    for path in range(pdfium_c.FPDFClipPath_CountPaths(clip) if clip else 0):
        segments = pdfium_c.FPDFClipPath_CountPathSegments(clip, path)
        points = [_point(pdfium_c.FPDFClipPath_GetPathSegment(clip, path, at)) for at in range(segments)]
        yield None if None in points else [point for point in points if point is not None]


def _point(segment: pdfium_c.FPDF_PATHSEGMENT) -> tuple[float, float] | None:
    if pdfium_c.FPDFPathSegment_GetType(segment) == pdfium_c.FPDF_SEGMENT_BEZIERTO:
        return None
    x, y = ctypes.c_float(), ctypes.c_float()
    pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
    return x.value, y.value


def is_invisible(text: int) -> bool:
    """Whether a text object, given by its address, leaves no visible ink."""
    return _render_mode(text) in _INVISIBLE


def switch_off(drawn: int) -> None:
    """Hide an object, given by its address, from the drawing of its page until the page is closed."""
    _set_active(drawn, 0)
