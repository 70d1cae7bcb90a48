"""What is drawn on a PDF page, counted. Runs in workers only."""

import ctypes
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

MOST_OBJECTS = 5000
DEEPEST = 4
"""Where counting stops: forms may hold forms without end."""


@dataclass
class ObjectCount:
    """A tally of a page's objects; forms are looked into.

    Attributes:
        objects: All that is drawn, forms themselves not counted.
        paths: Of these, shapes.
        image_area: Sum of the images' areas, points squared.
        image_coverage: That, over the page's area, at most 1.
    """

    objects: int = 0
    paths: int = 0
    image_area: float = 0.0
    image_coverage: float = 0.0


def count_objects(page: pdfium.PdfPage) -> ObjectCount:
    """Count what is drawn on the page, up to `MOST_OBJECTS` objects."""
    left, bottom, right, top = page.get_bbox()
    area = max((right - left) * (top - bottom), 1.0)
    count = ObjectCount()
    for index in range(pdfium_c.FPDFPage_CountObjects(page)):
        if count.objects >= MOST_OBJECTS:
            break
        _add(pdfium_c.FPDFPage_GetObject(page, index), count, area_scale=1.0, page_area=area, depth=0)
    count.image_coverage = min(1.0, count.image_area / area)
    return count


def _add(drawn: object, count: ObjectCount, *, area_scale: float, page_area: float, depth: int) -> None:
    kind = pdfium_c.FPDFPageObj_GetType(drawn)
    if kind == pdfium_c.FPDF_PAGEOBJ_FORM:
        if depth < DEEPEST:
            _add_form(drawn, count, area_scale=area_scale, page_area=page_area, depth=depth)
        return
    count.objects += 1
    if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
        count.paths += 1
    elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
        count.image_area += min(page_area, area_scale * _unit_area(drawn))


def _add_form(form: object, count: ObjectCount, *, area_scale: float, page_area: float, depth: int) -> None:
    inner_scale = area_scale * _unit_area(form)
    for index in range(pdfium_c.FPDFFormObj_CountObjects(form)):
        if count.objects >= MOST_OBJECTS:
            return
        inner = pdfium_c.FPDFFormObj_GetObject(form, index)
        _add(inner, count, area_scale=inner_scale, page_area=page_area, depth=depth + 1)


def _unit_area(drawn: object) -> float:
    """Area of the unit square under the object's matrix: an image is drawn into just that."""
    matrix = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(drawn, ctypes.byref(matrix)):
        return 0.0
    return float(abs(matrix.a * matrix.d - matrix.b * matrix.c))
