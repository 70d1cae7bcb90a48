"""What people are told who ask for a format that is not written."""

import pytest

from pagemill.domain.task.results import NO_PDF_A, explain_unknown_format, result_formats

FORMATS = result_formats({})


@pytest.mark.parametrize("name", ["pdfa", "PDF/A", "pdf-a", "pdfa-2b", "PDF/A-2b", "pdf_a_3u", "pdfa2", " pdf/a-2b "])
def test_pdf_a_is_refused_with_the_reason_and_what_to_do(name: str) -> None:
    assert explain_unknown_format(name, FORMATS) == NO_PDF_A
    assert "ocrmypdf --skip-text --output-type pdfa-2" in NO_PDF_A


@pytest.mark.parametrize("name", ["docx", "", "pdf-alto", "pdfalto", "pdfs"])
def test_other_names_get_the_list(name: str) -> None:
    message = explain_unknown_format(name, FORMATS)
    assert message == f"There is no format {name!r}. Choose one of: pdf, pdf-inert, zip."
