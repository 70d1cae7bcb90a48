"""On request, a searchable PDF does nothing: no place at which a PDF can hold a script, action or file is left."""

from pathlib import Path

import pikepdf
import pytest
from tests.conformance.test_writer_layers import line, page
from tests.data.active_pdfs import ACTIVE, EVIL, active_pdf, harmless_pdf, signed_pdf
from tests.data.pdfs import PdfPageSpec, image_at, text_at
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.opening import open_document
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.page import WarningKind

SCAN = as_picture(write_lines(("Invoice 2026",), size=(612, 792), font=12))


def plain_bytes(path: Path) -> bytes:
    """The whole PDF with nothing packed."""
    plain = path.with_suffix(".plain.pdf")
    with pikepdf.open(path) as pdf:
        pdf.save(
            plain,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.all,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return plain.read_bytes()


def make_pdf(path: Path, *, inert: bool, has_words: bool) -> Path:
    output = path.with_name("out.pdf")
    pages = [page(line("Invoice 2026", 12, 12))] if has_words else []
    write_searchable_pdf(path, pages, output, inert=inert)
    return output


@pytest.mark.parametrize("has_words", [True, False])
@pytest.mark.parametrize("kind", ACTIVE)
def test_what_would_run_is_gone_if_asked_and_stays_if_not(tmp_path: Path, kind: str, *, has_words: bool) -> None:
    path = active_pdf(tmp_path / "a.pdf", kind)
    assert EVIL.encode() in plain_bytes(path)
    left = plain_bytes(make_pdf(path, inert=True, has_words=has_words))
    assert EVIL.encode() not in left
    assert b"typed words" in left
    assert EVIL.encode() in plain_bytes(make_pdf(path, inert=False, has_words=has_words))


def test_harmless_links_stay_and_a_pdf_that_does_nothing_is_the_same(tmp_path: Path) -> None:
    path = harmless_pdf(tmp_path / "a.pdf")
    assert make_pdf(path, inert=True, has_words=False).read_bytes() == path.read_bytes()
    with pikepdf.open(make_pdf(path, inert=True, has_words=True)) as pdf:
        assert len(list(pdf.pages[0].Annots)) == 3
        assert str(pdf.pages[0].Annots[0].A.URI) == "https://example.org"
        assert "/OpenAction" in pdf.Root


@pytest.mark.parametrize("mode", list(OcrMode))
def test_a_page_of_a_signed_document_that_gets_words_is_warned_of(tmp_path: Path, mode: OcrMode) -> None:
    path = signed_pdf(tmp_path / "a.pdf", PdfPageSpec(image_at(0, 0, 612, 792), images=(SCAN,)))
    with open_document(path) as document:
        unread = document.find_unread(1, dpi=72, max_pixels=10**7, mode=mode)
    assert [note.kind for note in unread.notes] == [WarningKind.SIGNATURE]


def test_a_document_that_is_not_signed_is_not(tmp_path: Path) -> None:
    path = active_pdf(tmp_path / "a.pdf", "script of a field")
    with open_document(path) as document:
        assert document.find_unread(1, dpi=72, max_pixels=10**7, mode=OcrMode.FORCE).notes == ()


def test_a_signed_document_to_which_nothing_is_added_is_the_same(tmp_path: Path) -> None:
    path = signed_pdf(tmp_path / "a.pdf", PdfPageSpec(text_at(72, 700, "typed words")))
    assert make_pdf(path, inert=False, has_words=False).read_bytes() == path.read_bytes()
