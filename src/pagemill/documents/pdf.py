"""PDF documents, through pdfium. Runs in workers only."""

import ctypes
import math
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from pagemill.documents.document import SIZES_TOLD, Unread, check_page_number
from pagemill.documents.kept_file import KeptFile
from pagemill.documents.layers import page_without_hidden_layers
from pagemill.documents.page_frame import PageFrame
from pagemill.documents.passwords import load_with_pdfium, open_with_pikepdf
from pagemill.documents.pdf_facts import PdfFacts, read_facts
from pagemill.documents.reduced_pictures import JpegKey, plain_jpegs
from pagemill.documents.sheet import WrittenWords, read_sheet, written_words
from pagemill.documents.xfa import with_values
from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode, PageSize, too_many_pages
from pagemill.domain.errors import EncryptedDocument, InvalidDocument, PageUnreadable
from pagemill.domain.memory import MIB
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageWarning, WarningKind

POINTS_PER_INCH = 72
RGB = 3

_MOST_KEPT = 24 * MIB
"""A file is reopened after pages that hold this many bytes of it: until it is closed, pdfium keeps the compressed
images of all pages that it opened. A reader grew from 45 to 293 MiB over a scan of 304 pages."""

_SIGNED = (
    "This document is signed. Its searchable PDF also contains the recognised words of this page, so the signature is "
    "not valid there."
)

_WRITTEN_ANNOTATIONS = frozenset(
    {
        pdfium_c.FPDF_ANNOT_FREETEXT,
        pdfium_c.FPDF_ANNOT_LINE,
        pdfium_c.FPDF_ANNOT_REDACT,
        pdfium_c.FPDF_ANNOT_STAMP,
        pdfium_c.FPDF_ANNOT_WATERMARK,
        pdfium_c.FPDF_ANNOT_WIDGET,
    }
)
"""Annotations with text on the page: filled-in forms, typed notes, stamps, watermarks, measurements."""


class PdfFile:
    """An open PDF; see `Document`.

    It keeps the file open and reopens it through the open one, so it can finish a file that is deleted meanwhile.
    """

    def __init__(self, path: Path, *, max_pages: int | None = None, password: str | None = None) -> None:
        """Open the file and read its page tree.

        Raises:
            InvalidDocument: It is damaged, or has no page.
            EncryptedDocument: It needs a password, which is missing or wrong.
            DocumentTooLarge: It has more pages than `max_pages`.
        """
        with ExitStack() as opening:
            self._file = opening.enter_context(closing(KeptFile(path)))
            self._path = self._file.path
            self._password = password
            self._pdf, self._needs_password = _open(self._path, password)
            opening.callback(self._pdf.close)
            if max_pages is not None and len(self._pdf) > max_pages:
                raise too_many_pages(str(len(self._pdf)), most=max_pages)
            opening.pop_all()
        self._is_signed = (
            pdfium_c.FPDF_GetSignatureCount(self._pdf.raw) > 0
        )  # before a page with its field is flattened
        self._bytes = path.stat().st_size
        self._read = 0

    def info(self) -> DocumentInfo:
        """See `Document.info`. Page count, and sizes in points as displayed (rotated, cropped)."""
        sizes = self._sizes(min(len(self._pdf), SIZES_TOLD))
        return DocumentInfo(DocumentKind.PDF, len(self._pdf), sizes, needs_password=self._needs_password)

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        """See `Document.render`. With its annotations and form fields, RGB on white."""
        with self._page(number) as page:
            scale, dpi_drawn = self._scale(page, number, dpi=dpi, max_pixels=max_pixels)
            return _draw_page(page, scale=scale, dpi=dpi_drawn)

    def text_page(self, number: int, *, dpi: int, mode: OcrMode) -> Page | None:
        """See `Document.text_page`. The page's text layer, if it is trustworthy or the only source allowed."""
        if mode is OcrMode.FORCE:
            return None
        with self._page(number, flat=True) as page:
            at = partial(self._frame, page, number)
            sheet = read_sheet(page, at, dpi=dpi, find_plain=lambda: self._plain_jpegs)
        if number == 1 and self._facts.form_values:
            return with_values(sheet.known_page(number, dpi=dpi), self._facts.form_values)
        if sheet.doubt is None and (mode is OcrMode.NEVER or not sheet.hidden):
            return sheet.known_page(number, dpi=dpi)
        return sheet.whole_page(number, dpi=dpi) if mode is OcrMode.NEVER else None

    def find_unread(self, number: int, *, dpi: int, max_pixels: int, mode: OcrMode) -> Unread:
        """See `Document.find_unread`. The page without the ink of known words, and the places that show more."""
        if mode is not OcrMode.AUTO:
            return Unread(self.render(number, dpi=dpi, max_pixels=max_pixels), notes=self._notes)
        with self._page(number, flat=True) as page:
            scale, dpi_drawn = self._scale(page, number, dpi=dpi, max_pixels=max_pixels)
            at = partial(self._frame, page, number)
            sheet = read_sheet(page, at, dpi=dpi_drawn, most_decoded=None)
            image = _draw_page(page, scale=scale, dpi=dpi_drawn)
        if not sheet.known:
            return Unread(image, notes=self._notes)
        shown = sheet.shown_page(number, dpi=dpi_drawn) if sheet.hidden else None
        return Unread(
            image,
            sheet.known_page(number, dpi=dpi_drawn),
            tuple(sheet.regions()),
            claims=sheet.claims(),
            shown=shown,
            notes=self._notes,
        )

    def frame(self, number: int, *, width_px: int, height_px: int, rotation: int) -> PageFrame:
        """The position of the page in an upright image of it, which maps pixels of the image to the page.

        Args:
            number: 1-based page number.
            width_px: Of the upright image.
            height_px: Likewise.
            rotation: Degrees clockwise by which the rendered page was turned to stand upright.

        Raises:
            PageUnreadable: The page is damaged.
        """
        with self._page(number) as page:
            shown = self._frame(page, number, POINTS_PER_INCH).turn(rotation // 90)
        scale = max(width_px, height_px) / max(shown.right - shown.left, shown.top - shown.bottom)
        return replace(shown, scale=scale)

    def find_written(self, number: int, frame: PageFrame) -> WrittenWords:
        """The words of a page's text layer, in pixels of a frame of it.

        Raises:
            PageUnreadable: The page is damaged.
        """
        with self._page(number) as page:
            return written_words(page, frame)

    def close(self) -> None:
        """See `Document.close`."""
        self._pdf.close()
        self._file.close()

    def __enter__(self) -> Self:
        """The document itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def _notes(self) -> tuple[PageWarning, ...]:
        """Warnings for pages on which words are recognised."""
        if not self._is_signed:
            return ()
        return (PageWarning(kind=WarningKind.SIGNATURE, message=_SIGNED),)

    @cached_property
    def _facts(self) -> PdfFacts:
        return read_facts(self._path, self._password)

    @cached_property
    def _plain_jpegs(self) -> frozenset[JpegKey]:
        """The JPEG pictures that may be drawn coarsely; none if the document is encrypted or damaged."""
        if self._needs_password:
            return frozenset()
        try:
            with open_with_pikepdf(self._path, None) as pdf:
                return frozenset() if pdf.is_encrypted else plain_jpegs(pdf)
        except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
            return frozenset()

    def _unit(self, number: int) -> float:
        return self._facts.units.get(number, 1.0)

    def _sizes(self, pages: int) -> tuple[PageSize, ...]:
        """The sizes of the first pages; none if one of them is damaged, which is reported when that page is read."""
        try:
            return tuple(self._size(number) for number in range(1, pages + 1))
        except pdfium.PdfiumError:
            return ()

    def _size(self, number: int) -> PageSize:
        width, height = self._pdf.get_page_size(number - 1)
        return PageSize(width * self._unit(number), height * self._unit(number))

    def _scale(self, page: pdfium.PdfPage, number: int, *, dpi: int, max_pixels: int) -> tuple[float, float]:
        """Pixels per point at which the page is drawn, and per inch."""
        width, height = page.get_size()
        if min(width, height) <= 0:
            raise PageUnreadable(
                f"Page {number} of the PDF is {width:g} x {height:g} points in size, so it shows nothing."
            )
        scale = self._unit(number) * dpi / POINTS_PER_INCH
        fitting = scale * _fit(width * scale, height * scale, max_pixels)
        return fitting, dpi * fitting / scale

    def _frame(self, page: pdfium.PdfPage, number: int, dpi: float) -> PageFrame:
        left, bottom, right, top = page.get_bbox()
        scale = self._unit(number) * dpi / POINTS_PER_INCH
        return PageFrame(left, bottom, right, top, page.get_rotation() // 90, scale)

    def _let_go_of_images(self) -> None:
        if self._read * self._bytes > _MOST_KEPT * len(self._pdf):
            self._read = 0
            with suppress(InvalidDocument, EncryptedDocument):  # the open file still works, in more memory
                (self._pdf, _), old = _open(self._path, self._password), self._pdf
                old.close()
        self._read += 1

    @contextmanager
    def _page(self, number: int, *, flat: bool = False) -> Iterator[pdfium.PdfPage]:
        check_page_number(number, len(self._pdf))
        self._let_go_of_images()
        try:
            with self._open_shown(number) as (pdf, index):
                page = pdf[index]
                if flat and _flatten_annotations(page):
                    page.close()
                    page = pdf[index]
                try:
                    yield page
                finally:
                    page.close()
        except (pdfium.PdfiumError, pikepdf.PdfError) as error:
            raise PageUnreadable(
                f"Page {number} of the PDF is damaged ({error}). Print the document to a new PDF and send that."
            ) from error

    @contextmanager
    def _open_shown(self, number: int) -> Iterator[tuple[pdfium.PdfDocument, int]]:
        """The document and page number for pdfium, without hidden layers, whose text it would read."""
        alone = None
        if self._facts.hides_layers:
            alone = page_without_hidden_layers(self._path, self._password, number)
        if alone is None:
            yield self._pdf, number - 1
            return
        with closing(pdfium.PdfDocument(alone)) as pdf:
            pdf.init_forms()
            yield pdf, 0


def _open(path: Path, password: str | None) -> tuple[pdfium.PdfDocument, bool]:
    """Load through the C interface: pypdfium2 confuses a document without pages with an earlier failure.

    Returns the document, and whether it took the password.
    """
    handle, took_password = load_with_pdfium(path, password)
    if not handle:
        raise InvalidDocument("The PDF is damaged and cannot be opened. Print it to a new PDF and send that.")
    pdf = pdfium.PdfDocument(handle)
    if len(pdf) == 0:
        pdf.close()
        raise InvalidDocument("The PDF has no pages. Check that it was written completely.")
    pdf.init_forms()
    return pdf, took_password


def _fit(width: float, height: float, max_pixels: int) -> float:
    """The factor for both sides that leaves at most `max_pixels` when they are rounded up."""
    factor = 1.0
    while (pixels := math.ceil(width * factor) * math.ceil(height * factor)) > max_pixels and factor > 1e-9:
        factor *= min(math.sqrt(max_pixels / pixels), 0.999)
    return factor


def _draw_page(page: pdfium.PdfPage, *, scale: float, dpi: float) -> PageImage:
    """Have pdfium draw into our memory, because its own buffer has a type without a shape."""
    width, height = (math.ceil(side * scale) for side in page.get_size())
    samples = bytearray(width * height * RGB)
    canvas = partial(pdfium.PdfBitmap.new_native, buffer=(ctypes.c_ubyte * len(samples)).from_buffer(samples))
    page.render(scale=scale, rev_byteorder=True, bitmap_maker=canvas).close()
    data = memoryview(samples).cast("B", (height, width, RGB))
    return PageImage(data=data, width_px=width, height_px=height, channels=RGB, dpi=dpi)


def _flatten_annotations(page: pdfium.PdfPage) -> bool:
    """Make the text of form fields and notes part of the page's text."""
    kinds = set()
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
        kinds.add(pdfium_c.FPDFAnnot_GetSubtype(annotation))
        pdfium_c.FPDFPage_CloseAnnot(annotation)
    if not kinds & _WRITTEN_ANNOTATIONS:
        return False
    return bool(pdfium_c.FPDFPage_Flatten(page, pdfium_c.FLAT_NORMALDISPLAY) == pdfium_c.FLATTEN_SUCCESS)
