"""Protected PDFs of every revision: opened with their password by each reader, and by nothing else."""

# ruff: noqa: S106 - passwords of test documents

from pathlib import Path

import pikepdf
import pytest
from tests.data.pdfs import EncryptionLevel, PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines

from pagemill.documents.opening import inspect_document, open_document
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import EncryptedDocument
from pagemill.domain.page.page import Block, Line, Page, PageSource

REVISIONS: tuple[EncryptionLevel, ...] = (2, 3, 4, 6)
PASSWORDS = {"plain": "sesame", "latin": "Gr\u00fc\u00dfe 50%", "long": "x" * 127}
BOX = ((10.0, 10.0), (90.0, 10.0), (90.0, 30.0), (10.0, 30.0))


def protect(path: Path, password: str, revision: EncryptionLevel = 6) -> Path:
    scan = as_picture(write_lines(["A scanned line"], size=(300, 200)))
    pages = [
        PdfPageSpec(text_at(72, 700, "Typed and protected")),
        PdfPageSpec(image_at(0, 0, 300, 200), images=(scan,)),
    ]
    return make_pdf(path, pages, user_password=password, revision=revision)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("kind", PASSWORDS)
def test_its_password_opens_it_for_every_reader(tmp_path: Path, revision: EncryptionLevel, kind: str) -> None:
    password = PASSWORDS[kind][:32] if revision < 5 else PASSWORDS[kind]
    path = protect(tmp_path / "secret.pdf", password, revision)
    with open_document(path, password=password) as document:
        info = document.info()
        text = document.text_page(1, dpi=72, mode=OcrMode.AUTO)
        image = document.render(2, dpi=72, max_pixels=10**6)
        assert document.text_page(2, dpi=72, mode=OcrMode.AUTO) is None
    assert (info.page_count, info.needs_password) == (2, True)
    assert text is not None
    assert text.text == "Typed and protected"
    assert min(image.data.tobytes()) < 100

    block = Block(polygon=BOX, lines=(Line(text="A scanned line", polygon=BOX),))
    read = Page(number=2, width_px=612, height_px=792, dpi=72, source=PageSource.OCR, blocks=(block,))
    made = tmp_path / "made.pdf"
    write_searchable_pdf(path, [read], made, password=password)
    with pytest.raises(EncryptedDocument):
        inspect_document(made)
    with open_document(made, password=password) as document:
        found = document.text_page(2, dpi=72, mode=OcrMode.NEVER)
    assert found is not None
    assert "scanned" in found.text


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("password", "told"), [(None, "Send it with its password"), ("Sesame", "does not open the PDF"), ("", "not open")]
)
def test_without_it_the_error_says_what_to_do_and_nothing_else(
    tmp_path: Path, revision: EncryptionLevel, password: str | None, told: str
) -> None:
    path = protect(tmp_path / "secret.pdf", "sesame", revision)
    with pytest.raises(EncryptedDocument, match=told) as refusal, open_document(path, password=password):
        pass
    assert "sesame" not in str(refusal.value).lower()
    with pytest.raises(EncryptedDocument):
        write_searchable_pdf(path, [], tmp_path / "made.pdf", password=password)


@pytest.mark.parametrize("password", [None, "", "whatever"])
def test_a_document_that_opens_without_a_password_needs_none(tmp_path: Path, password: str | None) -> None:
    path = protect(tmp_path / "owned.pdf", "")
    with open_document(path, password=password) as document:
        assert document.info().needs_password is False
    write_searchable_pdf(path, [], tmp_path / "made.pdf", password=password)
    with pikepdf.open(tmp_path / "made.pdf") as made:
        assert made.is_encrypted, "protection against changes stays"


def test_a_long_protected_scan_is_opened_anew_with_its_password(tmp_path: Path) -> None:
    noise = as_picture(write_lines(["line"], size=(2000, 2000)))
    pages = [PdfPageSpec(image_at(0, 0, 300, 300), images=(noise,)) for _ in range(12)]
    path = make_pdf(tmp_path / "scan.pdf", pages, user_password="sesame")
    with open_document(path, password="sesame") as document:
        sizes = [document.render(number, dpi=36, max_pixels=10**6).width_px for number in range(1, 13)]
    assert len(set(sizes)) == 1
