"""Opens protected PDFs. Runs in workers only; neither an error nor a log ever holds a password."""

import os
from collections.abc import Iterator
from pathlib import Path

import pypdfium2.raw as pdfium_c
from pikepdf import PasswordError, Pdf

from pagemill.domain.errors import EncryptedDocument

_LOCKED = frozenset({pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY})


def load_with_pdfium(path: Path, password: str | None) -> tuple[pdfium_c.FPDF_DOCUMENT, bool]:
    """Open a PDF with pdfium: its handle, false if the PDF is damaged; and whether it took the password.

    Raises:
        EncryptedDocument: It needs a password, which is missing or wrong.
    """
    handle = pdfium_c.FPDF_LoadDocument(os.fsencode(path), None)
    if handle or pdfium_c.FPDF_GetLastError() not in _LOCKED:
        return handle, False
    if password is None:
        raise EncryptedDocument(
            "The PDF is protected by a password. Send it with its password (the option password, or --password on the "
            "command line), or remove the password: open the PDF, print it to a new PDF, and send that."
        )
    handle = pdfium_c.FPDF_LoadDocument(os.fsencode(path), password.encode())  # it tries Latin-1 by itself
    if not handle and pdfium_c.FPDF_GetLastError() in _LOCKED:
        raise EncryptedDocument("The password does not open the PDF. Check the password, and send both again.")
    return handle, True


def open_with_pikepdf(path: Path, password: str | None) -> Pdf:
    """Open a PDF with pikepdf, for what pdfium does not report and cannot write.

    Raises:
        PasswordError: It needs a password, which is missing or wrong.
        PdfError: It is damaged.
    """
    refusal: PasswordError | None = None
    for encoded in _encodings(password):
        try:
            return Pdf.open(path, password=encoded, suppress_warnings=True)
        except PasswordError as error:
            refusal = error
    raise refusal or PasswordError("no password")


def _encodings(password: str | None) -> Iterator[bytes]:
    """The empty password first: a PDF may be protected against changes only. Older PDFs use Latin-1."""
    yield b""
    if password:
        yield password.encode()
        yield password.encode("latin-1", "replace")
