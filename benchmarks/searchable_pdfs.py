"""What selecting in searchable PDFs gives: `python -m benchmarks.accuracy --part searchable`.

Pages are read and written to searchable PDFs; their text is then taken by pdfium and, where it is installed, poppler.
A line counts as right if the words of the page have it in order and with spaces; a word of an old layer or a turned
word is an error, too. There are no warnings here: every error is a silent one.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pikepdf
import pypdfium2 as pdfium
from benchmarks.silent_errors import Case, Finding, table
from tests.data.hidden_layers import INVOICE, misread, scan_with_hidden_text
from tests.data.pictures import write_lines

from pagemill import Session
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.settings_loading import load_settings

Mode = Literal["auto", "force"]
_MODES: tuple[Mode, ...] = ("auto", "force")
_NARROW = (
    "If it is in my file I will tell you.",
    "It is not ill, it is I.",
    "Till 11 it is still.",
    "i.e. it is all I list",
)
_COLUMNS = tuple(f"{side} line {at} says this" for side in ("left", "right") for at in range(8))
_TURNED = re.compile(rb"[\d.]+ Tz (-?[\d.]+) (-?[\d.]+) ")


def _documents(folder: Path) -> Iterator[tuple[str, Path, tuple[str, ...], Mode]]:
    """Kind, document, its lines, and the mode in which it is read."""
    for font in (16, 24, 36):
        path = folder / f"narrow{font}.png"
        write_lines(_NARROW, size=(1000, 600), font=font).save(path)
        yield "narrow words", path, _NARROW, "auto"
    path = folder / "columns.png"
    half = len(_COLUMNS) // 2
    sheet = write_lines(_COLUMNS[:half], size=(1400, 600), font=24)
    sheet.paste(write_lines(_COLUMNS[half:], size=(700, 600), font=24), (700, 0))
    sheet.save(path)
    yield "columns", path, _COLUMNS, "auto"
    for mode in _MODES:
        for seed in (1, 2, 3):
            path = folder / f"{mode}{seed}.pdf"
            scan_with_hidden_text(path, INVOICE, misread(INVOICE, rate=0.4, seed=seed))
            yield f"bad old layer, {mode}", path, INVOICE, mode


def report() -> str:
    """The table."""
    findings = []
    with tempfile.TemporaryDirectory() as name, Session(load_settings()) as session:
        folder = Path(name)
        for kind, path, lines, mode in _documents(folder):
            pages = list(session.ocr(path, ocr=mode))
            output = folder / "out.pdf"
            write_searchable_pdf(path, pages, output)
            for reader, text in _select_text(output).items():
                wrong = tuple(_wrong(text, lines)) + ("a word is turned",) * _has_turned_words(output)
                findings.append(Finding(Case(f"{kind} ({reader})", b"", lines), wrong, 0))
                print(f"{kind} ({reader}): {wrong}", file=sys.stderr, flush=True)
    return table(findings, title="searchable PDFs")


def _select_text(path: Path) -> Mapping[str, str]:
    with pdfium.PdfDocument(path) as pdf:
        texts = {"pdfium": str(pdf[0].get_textpage().get_text_range())}
    if poppler := shutil.which("pdftotext"):
        run = subprocess.run([poppler, path, "-"], capture_output=True, check=True, text=True)
        texts["poppler"] = run.stdout
    return texts


def _wrong(text: str, lines: tuple[str, ...]) -> Iterator[str]:
    words = " ".join(text.split())
    yield from (line for line in lines if words.count(line) != 1)


def _has_turned_words(path: Path) -> bool:
    with pikepdf.open(path) as pdf:
        contents = pdf.pages[0].obj.get("/Contents")
        streams = contents if isinstance(contents, pikepdf.Array) else [contents]
        found = [_TURNED.findall(stream.read_bytes()) for stream in streams if stream is not None]
    return any(abs(float(up)) > abs(float(across)) for stream in found for across, up in stream)
