"""The size of a PDF page's unit, which pdfium does not tell. Runs in workers only."""

import mmap
from pathlib import Path

import pikepdf

_HINTS = (b"/UserUnit", b"/ObjStm")
"""Without one of these no page of a file can have a unit of its own, and the file need not be parsed again."""

_LARGEST = 75_000.0


def user_units(path: Path) -> dict[int, float]:
    """Units of 1/72 inch by 1-based page number, of those pages whose unit is another than 1."""
    if not _may_have_units(path):
        return {}
    try:
        with pikepdf.open(path, suppress_warnings=True) as pdf:
            found = {number: _unit(page) for number, page in enumerate(pdf.pages, 1)}
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        return {}
    return {number: unit for number, unit in found.items() if unit != 1}


def _may_have_units(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(hint) >= 0 for hint in _HINTS)


def _unit(page: pikepdf.Page) -> float:
    unit = page.obj.get("/UserUnit", 1)
    try:
        return min(max(float(unit), 1.0), _LARGEST)
    except (TypeError, ValueError):
        return 1.0
