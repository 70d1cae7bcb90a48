import pytest

from pagemill.documents.sniffing import sniff
from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import InvalidDocument, UnsupportedFormat


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", DocumentKind.PDF),
        (b"\xef\xbb\xbf\r\njunk before\n%PDF-1.4\n", DocumentKind.PDF),
        (b"\x89PNG\r\n\x1a\n", DocumentKind.PNG),
        (b"\xff\xd8\xff\xe1", DocumentKind.JPEG),
        (b"II*\0", DocumentKind.TIFF),
        (b"MM\0*", DocumentKind.TIFF),
        (b"MM\0+", DocumentKind.TIFF),
        (b"RIFF\x10\0\0\0WEBPVP8 ", DocumentKind.WEBP),
        (b"BM\x36\0", DocumentKind.BMP),
        (b"GIF87a\1\0", DocumentKind.GIF),
        (b"GIF89a\1\0", DocumentKind.GIF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", DocumentKind.HEIC),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", DocumentKind.HEIC),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", DocumentKind.AVIF),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", DocumentKind.AVIF),
        (b"\0\0\0\x18ftypavis\0\0\0\0msf1iso8", DocumentKind.AVIF),
    ],
)
def test_kinds_are_told_by_their_first_bytes(head: bytes, kind: DocumentKind) -> None:
    assert sniff(head) is kind


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"PK\x03\x04\x14\0[Content_Types].xml word/document.xml", "Word"),
        (b"PK\x03\x04\x14\0xl/workbook.xml", "Excel"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.text", "OpenDocument text"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "spreadsheet"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.presentation", "OpenDocument presentation"),
        (b"PK\x03\x04\x14\0scan.pdf", "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Word"),
        (b"\0\0\0\x18ftypisom\0\0", "video"),
        (b"GIF", "plain text"),
        (b"  <!DOCTYPE html><html>", "HTML"),
        (b"<html lang=en>", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns=''>", "SVG"),
        (b"{\\rtf1", "RTF"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"\x1f\x8b\x08", "gzip"),
        ("Grüße\n".encode(), "plain text"),
        (b"\x01\x02\x03\x04", "unknown format"),
        (b"RIFF\x10\0\0\0WAVE", "unknown format"),
    ],
)
def test_what_cannot_be_read_is_named(head: bytes, word: str) -> None:
    with pytest.raises(UnsupportedFormat, match=rf"{word}.*Pagemill reads"):
        sniff(head)


def test_an_empty_file_is_called_empty() -> None:
    with pytest.raises(InvalidDocument, match="0 bytes"):
        sniff(b"")


@pytest.mark.parametrize(
    ("head", "tail", "word"),
    [
        (b"PK\x03\x04", b"word/document.xmlPK\5\6", "a Word document"),
        (b"PK\x03\x04[Content_Types].xml", b"xl/workbook.xmlPK\5\6", "an Excel workbook"),
        (b"PK\x03\x04[Content_Types].xml", b"ppt/presentation.xmlPK\5\6", "a PowerPoint presentation"),
        (b"PK\x03\x04", b"Index/Document.iwaPK\5\6", "a Pages, Numbers or Keynote document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "WordDocument".encode("utf-16-le"), "an old Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Workbook".encode("utf-16-le"), "an old Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "PowerPoint Document".encode("utf-16-le"), "an old PowerPoint"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le"), "Office document with a pass"),
    ],
)
def test_an_office_file_is_named_by_its_parts_with_what_to_do(head: bytes, tail: bytes, word: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"{word}.*save it as PDF, and send the PDF"):
        sniff(head, tail)
