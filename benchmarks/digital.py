"""PDFs with text layers, made by script."""

from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf

_A4 = (595, 842)
_LINES = 45


def digital_pdf(path: Path, pages: int) -> Path:
    """Write a PDF of full pages of text: 45 lines, 720 words, 3,600 characters on each."""
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        for number in range(pages):
            pdf.add_blank_page(page_size=_A4)
            page = pdf.pages[-1]
            page.Resources = Dictionary(Font=Dictionary(F1=font))
            page.Contents = pdf.make_stream(_text(number).encode("latin-1"))
            page.MediaBox = Array([0, 0, *_A4])
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return path


def _text(number: int) -> str:
    lines = (
        f"BT /F1 10 Tf 60 {780 - 16 * line} Td (Page {number + 1}, line {line + 1}: what was agreed upon in writing "
        f"and read by all, {number * line} times.) Tj ET\n"
        for line in range(_LINES)
    )
    return "".join(lines)
