"""The size of a PDF page's unit, which pdfium does not report. Runs in workers only."""

from pathlib import Path

import pikepdf

from pagemill.documents.passwords import open_with_pikepdf

_LARGEST = 75_000.0


def user_units(path: Path, password: str | None = None) -> dict[int, float]:
    """Units of 1/72 inch by 1-based page number, for pages whose unit is not 1."""
    try:
        with open_with_pikepdf(path, password) as pdf:
            found = {number: _unit(page) for number, page in enumerate(pdf.pages, 1)}
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        return {}
    return {number: unit for number, unit in found.items() if unit != 1}


def _unit(page: pikepdf.Page) -> float:
    unit = page.obj.get("/UserUnit", 1)
    try:
        return min(max(float(unit), 1.0), _LARGEST)
    except (TypeError, ValueError):
        return 1.0
