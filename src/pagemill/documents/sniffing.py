"""Determines a document's kind from its first bytes. Pure."""

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import InvalidDocument, UnsupportedFormat

HEAD_BYTES = 2048
"""How much of a file `sniff` needs."""

READABLE = "Pagemill reads PDF, PNG, JPEG, TIFF, WebP and BMP"

_READABLE_MARKS: tuple[tuple[bytes, DocumentKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", DocumentKind.PNG),
    (b"\xff\xd8\xff", DocumentKind.JPEG),
    (b"II*\0", DocumentKind.TIFF),
    (b"MM\0*", DocumentKind.TIFF),
    (b"II+\0", DocumentKind.TIFF),
    (b"MM\0+", DocumentKind.TIFF),
    (b"BM", DocumentKind.BMP),
)

_OTHER_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive: unpack it and send the documents inside"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word, Excel or PowerPoint file: save it as PDF"),
    (b"{\\rtf", "a rich-text (RTF) file: save it as PDF"),
    (b"%!PS", "a PostScript file: convert it to PDF"),
    (b"GIF8", "a GIF image: save it as PNG"),
    (b"AT&TFORM", "a DjVu document: convert it to PDF"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image: save it as PNG"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image: save it as PNG"),
    (b"8BPS", "a Photoshop image: save it as PNG"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
)

_OFFICE_PARTS: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document: save it as PDF"),
    (b"xl/", "an Excel workbook: save it as PDF"),
    (b"ppt/", "a PowerPoint presentation: save it as PDF"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file: save it as PDF"),
    (b"mimetypeapplication/epub", "an EPUB book: convert it to PDF"),
    (b"[Content_Types].xml", "an Office document: save it as PDF"),
)

_HEIF_BRANDS: tuple[bytes, ...] = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis")


def sniff(head: bytes) -> DocumentKind:
    """The kind of a document that begins with `head` (its first `HEAD_BYTES`, or the whole of a shorter one).

    Raises:
        InvalidDocument: The document is empty.
        UnsupportedFormat: It has another format; the message says which, if known, and what to do.
    """
    if not head:
        raise InvalidDocument("The document is empty (0 bytes): check that the upload was complete.")
    kind = _kind(head)
    if kind is None:
        raise UnsupportedFormat(f"This is {_sniff_other(head)}. {READABLE}.")
    return kind


def _kind(head: bytes) -> DocumentKind | None:
    if b"%PDF-" in head[:1024]:
        return DocumentKind.PDF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return DocumentKind.WEBP
    return next((kind for mark, kind in _READABLE_MARKS if head.startswith(mark)), None)


def _sniff_other(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return _media(head[8:12])
    if head.startswith(b"PK\x03\x04"):
        found = next((name for mark, name in _OFFICE_PARTS if mark in head), None)
        if found:
            return found
    for mark, name in _OTHER_MARKS:
        if head.startswith(mark):
            return name
    return _text(head)


def _media(brand: bytes) -> str:
    if brand in _HEIF_BRANDS:
        return "a HEIC photo: save it as JPEG"
    if brand == b"avif":
        return "an AVIF image: save it as PNG"
    return "a video or audio file"


def _text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML): print it to PDF"
    if start.startswith(b"<svg") or b"<svg" in start:
        return "an SVG drawing: save it as PDF"
    if start.startswith(b"<?xml"):
        return "an XML file"
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return "plain text: it needs no recognition"
    return "a file in an unknown format"
