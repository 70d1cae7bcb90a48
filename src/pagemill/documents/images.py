"""Images as documents, through Pillow. Runs in workers only."""

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pagemill.documents.document import SIZES_TOLD, Unread, check_page_number
from pagemill.documents.kept_file import KeptFile
from pagemill.documents.pixels import page_image, reduction
from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode, PageSize, too_many_pages
from pagemill.domain.errors import DocumentTooLarge, InvalidDocument, PageUnreadable
from pagemill.domain.memory import MIB
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageSource, PageWarning, WarningKind

MOST_DECODED_BYTES = 384 * MIB
"""An image is decoded whole before it is reduced: an A3 page in colour at 600 dpi, an A0 plan in black at 300."""

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""What Pillow holds a pixel in; of all other modes in 4."""

_READERS: dict[DocumentKind, type[ImageFile.ImageFile]] = {
    DocumentKind.PNG: PngImageFile,
    DocumentKind.JPEG: JpegImageFile,
    DocumentKind.TIFF: TiffImageFile,
    DocumentKind.WEBP: WebPImageFile,
    DocumentKind.BMP: BmpImageFile,
}
"""Only the decoder of the detected kind is tried. Used directly, decoders leave the limit on pixels to us."""

_DECODER_FAULTS = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    SyntaxError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""The errors of Pillow's decoders on damaged files."""

_THUMBNAIL_TAG = 254
_THUMBNAIL_BIT = 1
_NOT_RECOGNISED = "This page is an image without a text layer; it was not recognised because OCR is off."
_FRAMES_PER_PAGE = 2
"""Each page may have a thumbnail."""


class ImageDocument:
    """A document of one image, or of several (TIFF); see `Document`."""

    def __init__(self, path: Path, kind: DocumentKind, *, max_pages: int | None = None) -> None:
        """Read the file's header, and count its pages up to `max_pages`.

        Raises:
            InvalidDocument: It is damaged.
            DocumentTooLarge: Its canvas alone would take too much memory (WebP), or it has more pages.
        """
        with ExitStack() as opening:
            self._file = opening.enter_context(closing(KeptFile(path)))
            self.path, self._kind = self._file.path, kind
            with _faults_as(InvalidDocument, f"The {kind.upper()} image is damaged and cannot be opened"):
                self._image = opening.enter_context(closing(_READERS[kind](self.path)))
            with _faults_as(InvalidDocument, f"The {kind.upper()} image is damaged and its pages cannot be counted"):
                self._frames = _page_frames(self._image, max_pages)
            opening.pop_all()

    def info(self) -> DocumentInfo:
        """See `Document.info`. Frames and their sizes in pixels."""
        sizes = []
        for frame in self._frames[:SIZES_TOLD]:
            with _faults_as(InvalidDocument, "The image is damaged"):
                self._image.seek(frame)
            sizes.append(PageSize(*map(float, self._image.size)))
        return DocumentInfo(self._kind, len(self._frames), tuple(sizes))

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        """See `Document.render`. The frame's own pixels, reduced to `max_pixels`; `dpi` has no effect."""
        del dpi
        image = self.frame(number)
        width, height = image.size
        scale = reduction(image.size, max_pixels)
        if isinstance(image, JpegImageFile) and scale < 1:
            image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
        _check_decodable(number, image)
        with _faults_as(PageUnreadable, f"The image of page {number} is damaged"):
            image.load()
            page = page_image(image, stored_size=(width, height), max_pixels=max_pixels)
        image.im = Image.new("1", (1, 1)).im  # else Pillow keeps what it decoded until the next page
        return page

    def text_page(self, number: int, *, dpi: int, mode: OcrMode) -> Page | None:
        """See `Document.text_page`. Images have no text layer: None, or with `never` an empty page with a warning."""
        del dpi
        if mode is not OcrMode.NEVER:
            return None
        width, height = self.frame(number).size
        return Page(
            number=number,
            width_px=width,
            height_px=height,
            dpi=None,
            source=PageSource.TEXT_LAYER,
            warnings=(PageWarning(kind=WarningKind.OCR_OFF, message=_NOT_RECOGNISED),),
        )

    def find_unread(self, number: int, *, dpi: int, max_pixels: int, mode: OcrMode) -> Unread:
        """All of it: an image has no words of its own."""
        del mode
        return Unread(self.render(number, dpi=dpi, max_pixels=max_pixels))

    def close(self) -> None:
        """See `Document.close`."""
        self._image.close()
        self._file.close()

    def __enter__(self) -> Self:
        """The document itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def frame(self, number: int) -> ImageFile.ImageFile:
        """The image of a page, its pixels not decoded yet; valid until the next one is asked for.

        Raises:
            PageUnreadable: It is damaged.
        """
        check_page_number(number, len(self._frames))
        with _faults_as(PageUnreadable, f"The image of page {number} is damaged"):
            if self._image.tell() == self._frames[number - 1]:  # it may be decoded and spent
                self._image.close()
                self._image = _READERS[self._kind](self.path)
            self._image.seek(self._frames[number - 1])
        return self._image


def _page_frames(image: ImageFile.ImageFile, max_pages: int | None) -> tuple[int, ...]:
    """Frames that are pages: in a TIFF all but thumbnails, in an animation the first."""
    if not isinstance(image, TiffImageFile):
        return (0,)
    pages = []
    for frame in _frames(image):
        if not int(image.tag_v2.get(_THUMBNAIL_TAG, 0)) & _THUMBNAIL_BIT:
            pages.append(frame)
        if max_pages is not None and (len(pages) > max_pages or frame >= max_pages * _FRAMES_PER_PAGE):
            raise too_many_pages(f"more than {max_pages}", most=max_pages)
    return tuple(pages) or (0,)


def _frames(image: TiffImageFile) -> Iterator[int]:
    """The frames one by one, each found on request: a file may claim any number of them."""
    for frame in count():
        try:
            image.seek(frame)
        except EOFError:
            return
        yield frame


def _check_decodable(number: int, image: Image.Image) -> None:
    width, height = image.size
    needed = width * height * _BYTES_PER_PIXEL.get(image.mode, 4)
    if needed > MOST_DECODED_BYTES:
        raise PageUnreadable(
            f"The image of page {number} has {width} x {height} pixels and takes {needed // MIB:,} MiB decoded; the "
            f"limit is {MOST_DECODED_BYTES // MIB} MiB. Scan it at a lower resolution or cut it into parts.",
            needed_bytes=needed,
            limit_bytes=MOST_DECODED_BYTES,
        )


@contextmanager
def _faults_as(error: type[InvalidDocument | PageUnreadable], message: str) -> Iterator[None]:
    """Turn errors of decoders into ours, and silence their warnings, which are for developers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as fault:
        too_large = DocumentTooLarge if error is InvalidDocument else PageUnreadable
        raise too_large(f"{fault} Send the image at a lower resolution or cut into parts.") from fault
    except _DECODER_FAULTS as fault:
        raise error(f"{message} ({fault}): save or scan it again.") from fault
