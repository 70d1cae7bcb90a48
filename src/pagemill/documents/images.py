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
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pagemill.documents.document import SIZES_TOLD, Unread, check_page_number
from pagemill.documents.frames import count_frames
from pagemill.documents.kept_file import KeptFile
from pagemill.documents.pixels import page_image, reduction
from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode, PageSize, too_many_pages
from pagemill.domain.errors import DocumentTooLarge, InvalidDocument, PageUnreadable
from pagemill.domain.memory import MIB
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageSource, PageWarning, WarningKind

MOST_DECODED_BYTES = 384 * MIB
"""An image is decoded whole before it is reduced: an A3 page in colour at 600 dpi, an A0 plan in black at 300."""

MOST_MOVING_PIXELS = 2_000_000_000
"""All pictures of an animation count, since each is made from those before it: 960 of 1920 x 1080. Ordinary ones were
decoded at 340 million pixels a second, and a page may take two minutes."""

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes in which Pillow holds a pixel, by mode; 4 in all other modes."""

_MOVING_BYTES = 12
_OWN_BYTES = {DocumentKind.WEBP: 16, DocumentKind.HEIC: 8, DocumentKind.AVIF: 9}
"""Measured peaks of decoders that hold a picture of their own besides Pillow's, for each pixel in any mode."""

_READERS: dict[DocumentKind, type[ImageFile.ImageFile]] = {
    DocumentKind.PNG: PngImageFile,
    DocumentKind.JPEG: JpegImageFile,
    DocumentKind.TIFF: TiffImageFile,
    DocumentKind.WEBP: WebPImageFile,
    DocumentKind.BMP: BmpImageFile,
    DocumentKind.GIF: GifImageFile,
}
"""Only the decoder of the detected kind is tried. Used directly, decoders leave the limit on pixels to us."""

_MOVING = frozenset({DocumentKind.GIF, DocumentKind.PNG, DocumentKind.WEBP, DocumentKind.AVIF})
"""Kinds whose pictures, if there are several, have one size, and need those before them."""

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
    """A document of one image, or of several (TIFF, HEIC, animations); see `Document`."""

    def __init__(self, path: Path, kind: DocumentKind, *, max_pages: int | None = None) -> None:
        """Read the file's header, and count its pages up to `max_pages`.

        Raises:
            InvalidDocument: It is damaged.
            DocumentTooLarge: Its canvas alone would take too much memory (WebP), its pictures together would take too
                long (animations), or it has more pages.
        """
        with ExitStack() as opening:
            self._file = opening.enter_context(closing(KeptFile(path)))
            self.path, self._kind = self._file.path, kind
            counted = _counted_frames(self.path, kind, max_pages)
            with _faults_as(InvalidDocument, f"The {kind.upper()} image is damaged and cannot be opened"):
                self._image = opening.enter_context(closing(_reader_of(kind)(self.path)))
            with _faults_as(InvalidDocument, f"The {kind.upper()} image is damaged and its pages cannot be counted"):
                self._frames = _page_frames(self._image, kind, counted, max_pages)
            self.is_moving = kind in _MOVING and len(self._frames) > 1
            if self.is_moving:
                _check_moving(self._image, len(self._frames))
            opening.pop_all()
        self._decoded: int | None = None
        self._is_broken = False

    def info(self) -> DocumentInfo:
        """See `Document.info`. Frames and their sizes in pixels."""
        told = self._frames[:SIZES_TOLD]
        if self.is_moving:
            return DocumentInfo(self._kind, len(self._frames), (PageSize(*map(float, self._image.size)),) * len(told))
        sizes = []
        for frame in told:
            with _faults_as(InvalidDocument, "The image is damaged"):
                self._image.seek(frame)
            sizes.append(PageSize(*map(float, self._image.size)))
        return DocumentInfo(self._kind, len(self._frames), tuple(sizes))

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        """See `Document.render`. The frame's own pixels, reduced to `max_pixels`; `dpi` has no effect."""
        del dpi
        image = self.frame(number)
        self._decoded = self._frames[number - 1]
        width, height = image.size
        scale = reduction(image.size, max_pixels)
        if isinstance(image, JpegImageFile) and scale < 1:
            image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
        self._check_decodable(number, image)
        with self._moving_on(), _faults_as(PageUnreadable, f"The image of page {number} is damaged"):
            image.load()
            still = image.copy() if self.is_moving else image  # the next picture is drawn over this one
            page = page_image(still, stored_size=(width, height), max_pixels=max_pixels)
        if not self.is_moving:
            image.im = Image.new("1", (1, 1)).im  # otherwise Pillow keeps the decoded image until the next page
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
        """See `Document.find_unread`. All of the page: an image has no words of its own."""
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
        wanted = self._frames[number - 1]
        with self._moving_on(), _faults_as(PageUnreadable, f"The image of page {number} is damaged"):
            if self._is_spent(wanted):
                self._image.close()
                self._image = _reader_of(self._kind)(self.path)
                self._decoded, self._is_broken = None, False
            self._image.seek(wanted)
        return self._image

    def _is_spent(self, wanted: int) -> bool:
        """Whether the open file cannot give the picture: it gave it away, is past it, or can decode only one (HEIC)."""
        if self.is_moving:
            return self._is_broken or self._image.tell() > wanted
        if self._decoded is None:
            return self._is_broken
        return self._is_broken or self._decoded == wanted or self._kind is DocumentKind.HEIC

    @contextmanager
    def _moving_on(self) -> Iterator[None]:
        """Note an error: an interrupted animation would continue from the wrong picture."""
        try:
            yield
        except BaseException:
            self._is_broken = True
            raise

    def _check_decodable(self, number: int, image: Image.Image) -> None:
        width, height = image.size
        own = max(_OWN_BYTES.get(self._kind, 0), _MOVING_BYTES if self.is_moving else 0)
        needed = width * height * (own or _BYTES_PER_PIXEL.get(image.mode, 4))
        if needed > MOST_DECODED_BYTES:
            raise PageUnreadable(
                f"The image of page {number} has {width} x {height} pixels and takes {needed // MIB:,} MiB decoded; "
                f"the limit is {MOST_DECODED_BYTES // MIB} MiB. Scan it at a lower resolution or cut it into parts.",
                needed_bytes=needed,
                limit_bytes=MOST_DECODED_BYTES,
            )


def _reader_of(kind: DocumentKind) -> type[ImageFile.ImageFile]:
    """The decoder of a kind. Rarely used ones are loaded here, and use one thread, so that memory is predictable."""
    match kind:
        case DocumentKind.HEIC:
            from pagemill.documents.heic import HeicImageFile

            return HeicImageFile
        case DocumentKind.AVIF:
            from PIL import AvifImagePlugin

            AvifImagePlugin.DEFAULT_MAX_THREADS = 1
            return AvifImagePlugin.AvifImageFile
        case _:
            return _READERS[kind]


def _counted_frames(path: Path, kind: DocumentKind, max_pages: int | None) -> int | None:
    """Pictures counted before a decoder looks for them; None for kinds whose pictures are found while reading."""
    counted = count_frames(path, kind, most=max_pages)
    if counted is not None and max_pages is not None and counted > max_pages:
        raise too_many_pages(f"more than {max_pages}", most=max_pages)
    return counted


def _page_frames(
    image: ImageFile.ImageFile, kind: DocumentKind, counted: int | None, max_pages: int | None
) -> tuple[int, ...]:
    """Frames that are pages: all but the thumbnails of a TIFF."""
    if isinstance(image, TiffImageFile):
        return _tiff_pages(image, max_pages)
    if kind is DocumentKind.GIF:
        return tuple(range(max(1, counted or 1)))
    known = int(getattr(image, "n_frames", 1))
    found = known if counted is None else min(counted, known)
    if max_pages is not None and found > max_pages:
        raise too_many_pages(str(found), most=max_pages)
    return tuple(range(max(1, found)))


def _tiff_pages(image: TiffImageFile, max_pages: int | None) -> tuple[int, ...]:
    pages = []
    for frame in _frames(image):
        if not int(image.tag_v2.get(_THUMBNAIL_TAG, 0)) & _THUMBNAIL_BIT:
            pages.append(frame)
        if max_pages is not None and (len(pages) > max_pages or frame >= max_pages * _FRAMES_PER_PAGE):
            raise too_many_pages(f"more than {max_pages}", most=max_pages)
    return tuple(pages) or (0,)


def _check_moving(image: Image.Image, frames: int) -> None:
    width, height = image.size
    pixels = width * height * frames
    if pixels > MOST_MOVING_PIXELS:
        raise DocumentTooLarge(
            f"The animation has {frames} pictures of {width} x {height} pixels, {pixels:,} in all; the limit is "
            f"{MOST_MOVING_PIXELS:,}. Save the pictures that you need one by one, and send those.",
            pixels=pixels,
            max_pixels=MOST_MOVING_PIXELS,
        )


def _frames(image: TiffImageFile) -> Iterator[int]:
    """The frames one by one, each found on request: a file may claim any number of them."""
    for frame in count():
        try:
            image.seek(frame)
        except EOFError:
            return
        yield frame


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
        raise error(f"{message} ({' '.join(str(fault).split())}): save or scan it again.") from fault
