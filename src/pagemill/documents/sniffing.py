"""Determines a document's kind from its first bytes, and the name of another format also from its last. Pure."""

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import InvalidDocument, UnsupportedFormat

HEAD_BYTES = 2048
"""How much of a file `sniff` needs."""

TAIL_BYTES = 64 * 1024
"""How much of its end: the table of contents of a ZIP archive, or names in the directory of an old Office file."""

READABLE = "Pagemill reads PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, HEIC and AVIF"

_READABLE_MARKS: tuple[tuple[bytes, DocumentKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", DocumentKind.PNG),
    (b"\xff\xd8\xff", DocumentKind.JPEG),
    (b"II*\0", DocumentKind.TIFF),
    (b"MM\0*", DocumentKind.TIFF),
    (b"II+\0", DocumentKind.TIFF),
    (b"MM\0+", DocumentKind.TIFF),
    (b"BM", DocumentKind.BMP),
    (b"GIF87a", DocumentKind.GIF),
    (b"GIF89a", DocumentKind.GIF),
)

_BRANDS: tuple[tuple[frozenset[bytes], DocumentKind], ...] = (
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}), DocumentKind.HEIC),
    (frozenset({b"avif", b"avis"}), DocumentKind.AVIF),
    (frozenset({b"mif1", b"mif2", b"msf1"}), DocumentKind.HEIC),
)
"""Kinds by a file's main brand, or else by one that it is compatible with."""

_AS_PDF = "open it in the program that it is from, save it as PDF, and send the PDF"

_OTHER_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive: unpack it and send the documents inside"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"{\\rtf", f"a rich-text (RTF) file: {_AS_PDF}"),
    (b"%!PS", "a PostScript file: convert it to PDF"),
    (b"AT&TFORM", "a DjVu document: convert it to PDF"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image: save it as PNG"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image: save it as PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image: save it as PNG"),
    (b"\xff\x0a", "a JPEG XL image: save it as PNG"),
    (b"8BPS", "a Photoshop image: save it as PNG"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
)

_ZIPPED: tuple[tuple[bytes, str], ...] = (
    (b"word/", "a Word document"),
    (b"xl/", "an Excel workbook"),
    (b"ppt/", "a PowerPoint presentation"),
    (b"visio/", "a Visio drawing"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "an OpenDocument text (LibreOffice Writer)"),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (LibreOffice Calc)"),
    (b"mimetypeapplication/vnd.oasis.opendocument.presentation", "an OpenDocument presentation (LibreOffice Impress)"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file (LibreOffice)"),
    (b"mimetypeapplication/epub", "an EPUB book"),
    (b"Index/Document.iwa", "a Pages, Numbers or Keynote document"),
    (b"[Content_Types].xml", "an Office document"),
)
"""What an archive is, by the names of its parts."""

_OLD_OFFICE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_OFFICE: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", "an Office document with a password"),
    ("WordDocument", "an old Word document"),
    ("Workbook", "an old Excel workbook"),
    ("PowerPoint Document", "an old PowerPoint presentation"),
    ("__substg1.0_", "an Outlook message"),
)
"""Likewise an old Office file, by names in its directory."""


def sniff(head: bytes, tail: bytes = b"") -> DocumentKind:
    """The kind of a document that begins with `head` (its first `HEAD_BYTES`, or the whole of a shorter one).

    With `tail`, its last `TAIL_BYTES`, an error names the format better.

    Raises:
        InvalidDocument: The document is empty.
        UnsupportedFormat: It has another format; the message says which, if known, and what to do.
    """
    if not head:
        raise InvalidDocument("The document is empty (0 bytes): check that the upload was complete.")
    kind = _kind(head)
    if kind is None:
        raise UnsupportedFormat(f"This is {_sniff_other(head, tail)}. {READABLE}.")
    return kind


def _kind(head: bytes) -> DocumentKind | None:
    if b"%PDF-" in head[:1024]:
        return DocumentKind.PDF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return DocumentKind.WEBP
    if head[4:8] == b"ftyp":
        return _kind_of_brands(head)
    return next((kind for mark, kind in _READABLE_MARKS if head.startswith(mark)), None)


def _kind_of_brands(head: bytes) -> DocumentKind | None:
    """The first brand is what the file is, and those after the version what it can also be read as."""
    size = int.from_bytes(head[:4])
    others = {head[at : at + 4] for at in range(16, min(size, len(head)), 4)}
    for brands in ({head[8:12]}, others):
        for known, kind in _BRANDS:
            if known & brands and not (kind is DocumentKind.HEIC and others & {b"avif", b"avis"}):
                return kind
    return None


def _sniff_other(head: bytes, tail: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "a video or audio file"
    if head.startswith(b"PK\x03\x04") and (found := _find_part(_ZIPPED, head + tail)):
        return found
    if head.startswith(_OLD_OFFICE_MARK):
        names = tuple((name.encode("utf-16-le"), what) for name, what in _OLD_OFFICE)
        return _find_part(names, head + tail) or f"an old Word, Excel or PowerPoint file: {_AS_PDF}"
    for mark, name in _OTHER_MARKS:
        if head.startswith(mark):
            return name
    return _text(head)


def _find_part(names: tuple[tuple[bytes, str], ...], parts: bytes) -> str | None:
    what = next((what for mark, what in names if mark in parts), None)
    return what and f"{what}: {_AS_PDF}"


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
