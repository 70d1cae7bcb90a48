"""Images as PDF pages, with minimal changes to their pixels. Runs in workers only.

JPEG data goes into the PDF unchanged, and so does PNG data that PDF supports. Everything else is decoded and stored
without loss in PNG's form: rows with predictors, deflated.
"""

import io
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from pagemill.documents.images import ImageDocument
from pagemill.documents.page_frame import PageFrame
from pagemill.documents.pixels import stated_dpi
from pagemill.documents.sheet import WrittenWords
from pagemill.documents.text_stream import ToUserSpace
from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import PageUnreadable
from pagemill.domain.memory import MIB
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page

POINTS_PER_INCH = 72
PAPER_WIDTH = 595
"""Points: the short side of an image that does not state its size, that of a sheet of A4."""

MOST_HELD_BYTES = 64 * MIB
"""Encoded images that are held before they go to a file."""

_LONGEST = 14_400
"""Points: the most a page may measure (ISO 32000, annex C)."""

_ORIENTATION_TAG = 0x0112
_PLACEMENTS = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""By EXIF orientation: where the unit square of the image lies on a page of size 1 x 1 that shows it upright."""

_GRAY, _RGB, _PALETTE = 0, 2, 3
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1}
_JPEG_COLOURS = {"L": Name.DeviceGray, "RGB": Name.DeviceRGB, "CMYK": Name.DeviceCMYK}
_PNG_MARK = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_CHUNK = struct.Struct(">I4s")
_CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class _PageSize:
    """Points, upright."""

    width: float
    height: float


class ImagePages:
    """An image document as a new PDF whose pages show it. See `searchable._Target`.

    It collects pages in memory up to `MOST_HELD_BYTES`, then moves them to a file, so that long documents need no more.
    """

    is_original = False

    def __init__(self, document: Path, kind: DocumentKind, *, work: Path) -> None:
        """Make every page.

        Args:
            document: The images.
            kind: Their kind.
            work: Folder for temporary files.

        Raises:
            InvalidDocument: The document is damaged.
            PageUnreadable: One of its pages is damaged, or takes too much memory to decode.
        """
        self.pdf = Pdf.new()
        self._sizes: list[_PageSize] = []
        self._held_bytes = 0
        self._gathering = Pdf.new()
        with ExitStack() as closing:
            closing.callback(lambda: self.pdf.close())
            self._folder = Path(closing.enter_context(TemporaryDirectory(dir=work, prefix="pages-")))
            closing.callback(lambda: self._gathering.close())
            self._closing = closing
            with ImageDocument(document, kind) as images:
                for number in range(1, images.info().page_count + 1):
                    self._add(_image_of(images, number))
            self._put_aside()
            self._closing = closing.pop_all()

    def to_user_space(self, page: Page) -> ToUserSpace:
        """See `_Target.to_user_space`."""
        size = self._sizes[page.number - 1]
        scale = max(page.width_px, page.height_px) / max(size.width, size.height)
        return PageFrame(0, 0, size.width, size.height, page.rotation // 90 % 4, scale).to_page

    def find_written(self, page: Page) -> WrittenWords:
        """See `_Target.find_written`. No words: images have none."""
        del page
        return WrittenWords((), ())

    def close(self) -> None:
        """See `_Target.close`. Deletes its temporary files, too."""
        self._closing.close()

    def _add(self, image: "_Image") -> None:
        size = _page_size(image)
        self._sizes.append(size)
        _add_page(self._gathering, image, size)
        self._held_bytes += len(image.data)
        if self._held_bytes > MOST_HELD_BYTES:
            self._put_aside()

    def _put_aside(self) -> None:
        """Save the pages collected so far to a file, and refer to them there."""
        path = self._folder / str(len(self._sizes))
        with self._gathering as gathered:
            gathered.save(path, compress_streams=False)
        aside = self._closing.enter_context(Pdf.open(path))
        self.pdf.pages.extend(aside.pages)
        self._gathering, self._held_bytes = Pdf.new(), 0


@dataclass(frozen=True)
class _Image:
    """An image in the form of a PDF.

    Attributes:
        data: Encoded samples.
        width: Columns of them.
        height: Rows.
        depth: Bits of a sample.
        colours: Entries of the image's dictionary: its colour space, and others that say how to show samples.
        coding: Entries of the image's dictionary: the filter and its parameters.
        orientation: As EXIF counts them; 1 is upright.
        dpi: Pixels per inch that the document states, if plausible.
    """

    data: bytes
    width: int
    height: int
    depth: int
    colours: dict[str, pikepdf.Object]
    coding: dict[str, pikepdf.Object]
    orientation: int = 1
    dpi: float | None = None


def _image_of(images: ImageDocument, number: int) -> _Image:
    frame = images.frame(number)
    dpi = stated_dpi(frame, frame.size)
    if isinstance(frame, JpegImageFile) and frame.mode in _JPEG_COLOURS:
        return _jpeg_image(frame, images.path.read_bytes(), dpi)
    is_alone = isinstance(frame, PngImageFile) and not images.is_moving
    if is_alone and (image := _png_image(images.path.read_bytes())) is not None:
        return replace(image, orientation=_orientation(frame), dpi=dpi)
    is_black_and_white = frame.mode == "1"
    image = _png_image(_as_png(images.render(number, dpi=POINTS_PER_INCH, max_pixels=sys.maxsize), is_black_and_white))
    if image is None:
        raise PageUnreadable(
            f"Pagemill cannot put the image of page {number} into a PDF. Save the image as PNG or "
            "JPEG, and send it again."
        )
    return replace(image, dpi=dpi)


def _orientation(frame: Image.Image) -> int:
    orientation = int(frame.getexif().get(_ORIENTATION_TAG, 1))
    return orientation if orientation in _PLACEMENTS else 1


def _jpeg_image(frame: JpegImageFile, data: bytes, dpi: float | None) -> _Image:
    colours: dict[str, pikepdf.Object] = {"/ColorSpace": _JPEG_COLOURS[frame.mode]}
    if frame.mode == "CMYK":
        colours["/Decode"] = Array([1, 0] * 4)  # Photoshop's convention, which every decoder takes for granted
    width, height = frame.size
    coding: dict[str, pikepdf.Object] = {"/Filter": Name.DCTDecode}
    return _Image(data, width, height, 8, colours, coding, _orientation(frame), dpi)


def _as_png(image: PageImage, is_black_and_white: bool) -> bytes:
    mode = "L" if image.channels == 1 else "RGB"
    picture = Image.frombytes(mode, (image.width_px, image.height_px), image.data.tobytes())
    if is_black_and_white:
        picture = picture.convert("1", dither=Image.Dither.NONE)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def _png_image(png: bytes) -> _Image | None:
    """The data of a PNG file as it is; None for forms that PDFs do not know (interlaced, transparent, 16 bit)."""
    chunks = list(_chunks(png))
    kinds = {kind for kind, _ in chunks}
    header = next((data for kind, data in chunks if kind == b"IHDR"), b"")
    if len(header) != _HEADER.size or b"tRNS" in kinds:
        return None
    width, height, depth, colour, _, _, interlace = _HEADER.unpack(header)
    if interlace or depth > 8 or colour not in _CHANNELS:
        return None
    palette = next((data for kind, data in chunks if kind == b"PLTE"), b"")
    rows = Dictionary(Predictor=15, Colors=_CHANNELS[colour], BitsPerComponent=depth, Columns=width)
    return _Image(
        data=b"".join(data for kind, data in chunks if kind == b"IDAT"),
        width=width,
        height=height,
        depth=depth,
        colours={"/ColorSpace": _png_colours(colour, palette)},
        coding={"/Filter": Name.FlateDecode, "/DecodeParms": rows},
    )


def _png_colours(colour: int, palette: bytes) -> pikepdf.Object:
    if colour == _PALETTE:
        return Array([Name.Indexed, Name.DeviceRGB, len(palette) // 3 - 1, pikepdf.String(palette)])
    return Name.DeviceRGB if colour == _RGB else Name.DeviceGray


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG_MARK)
    while position + _CHUNK.size <= len(png):
        length, kind = _CHUNK.unpack_from(png, position)
        start = position + _CHUNK.size
        yield kind, png[start : start + length]
        position = start + length + _CHECKSUM_BYTES


def _page_size(image: _Image) -> _PageSize:
    width, height = (image.height, image.width) if image.orientation > 4 else (image.width, image.height)
    points = POINTS_PER_INCH / image.dpi if image.dpi else PAPER_WIDTH / min(width, height)
    points = min(points, _LONGEST / max(width, height))
    return _PageSize(max(1.0, width * points), max(1.0, height * points))


def _add_page(pdf: Pdf, image: _Image, size: _PageSize) -> None:
    entries = Dictionary(Type=Name.XObject, Subtype=Name.Image)
    entries.Width, entries.Height, entries.BitsPerComponent = image.width, image.height, image.depth
    stored = pdf.make_stream(image.data, entries)
    for key, value in (*image.colours.items(), *image.coding.items()):
        stored[key] = value
    placement = " ".join(map(str, _PLACEMENTS[image.orientation]))
    content = f"q {size.width:.4f} 0 0 {size.height:.4f} 0 0 cm {placement} cm /Image Do Q\n"
    page = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, round(size.width, 4), round(size.height, 4)]),
        Resources=Dictionary(XObject=Dictionary(Image=stored)),
        Contents=pdf.make_stream(content.encode("ascii")),
    )
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
