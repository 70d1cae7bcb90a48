"""Opens documents of any kind. Runs in workers only, because the bytes are not trustworthy."""

from pathlib import Path
from typing import assert_never

from pagemill.documents.document import Document
from pagemill.documents.images import ImageDocument
from pagemill.documents.pdf import PdfFile
from pagemill.documents.sniffing import HEAD_BYTES, TAIL_BYTES, sniff
from pagemill.domain.documents import DocumentInfo, DocumentKind


def open_document(path: Path, *, max_pages: int | None = None, password: str | None = None) -> Document:
    """Open a document. Its bytes decide its kind, not its name. Leaving its `with` block closes it.

    Args:
        path: The file.
        max_pages: Most pages; counting stops there. None: any number.
        password: Of a protected PDF; other documents ignore it.

    Raises:
        DocumentTooLarge: It has more pages.
        UnsupportedFormat: Pagemill cannot read its format; the message names the format.
        InvalidDocument: The file is empty, or too damaged to open.
        EncryptedDocument: It needs a password, which is missing or wrong.
    """
    kind = sniff_file(path)
    match kind:
        case DocumentKind.PDF:
            return PdfFile(path, max_pages=max_pages, password=password)
        case (
            DocumentKind.PNG
            | DocumentKind.JPEG
            | DocumentKind.TIFF
            | DocumentKind.WEBP
            | DocumentKind.BMP
            | DocumentKind.GIF
            | DocumentKind.HEIC
            | DocumentKind.AVIF
        ):
            return ImageDocument(path, kind, max_pages=max_pages)
        case _:
            assert_never(kind)


def inspect_document(path: Path) -> DocumentInfo:
    """Kind, page count and first sizes, without decoding a page. Raises as `open_document` does."""
    with open_document(path) as document:
        return document.info()


def sniff_file(path: Path) -> DocumentKind:
    """The kind of the file at `path`. Raises as `sniff` does."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return sniff(head, file.read(TAIL_BYTES))
