"""Reads what pdfium does not report: sizes of units, layers that are off, values of XFA. Runs in workers only."""

from dataclasses import dataclass, field
from pathlib import Path

import pikepdf

from pagemill.documents.layers import Layers
from pagemill.documents.passwords import open_with_pikepdf
from pagemill.documents.xfa import xfa_values

_LARGEST = 75_000.0


@dataclass(frozen=True)
class PdfFacts:
    """Facts of a PDF.

    Attributes:
        units: Units of 1/72 inch by 1-based page number, for pages whose unit is not 1.
        hides_layers: It has optional content that is switched off.
        form_values: Values of a form that pdfium cannot draw.
    """

    units: dict[int, float] = field(default_factory=dict)
    hides_layers: bool = False
    form_values: tuple[str, ...] = ()


def read_facts(path: Path, password: str | None = None) -> PdfFacts:
    """The facts of a PDF; none if it is damaged."""
    try:
        with open_with_pikepdf(path, password) as pdf:
            units = {number: unit for number, page in enumerate(pdf.pages, 1) if (unit := _unit(page)) != 1}
            return PdfFacts(units, bool(Layers.of(pdf).off), xfa_values(pdf))
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError):
        return PdfFacts()


def _unit(page: pikepdf.Page) -> float:
    unit = page.obj.get("/UserUnit", 1)
    try:
        return min(max(float(unit), 1.0), _LARGEST)
    except (TypeError, ValueError):
        return 1.0
