"""How much is lost of kinds of documents: `python -m benchmarks.accuracy --part kinds`.

Documents are made: pictures of each kind, every picture of animations, notes and fields with and without a look, forms
of XML, layers that are on and off, and PDFs with a password. It prints which documents are refused.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.silent_errors import Case, Finding, table, wrong_lines
from tests.conformance import test_document_forms as forms
from tests.conformance import test_document_layers as layers
from tests.data.animations import FORMS, animate
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, write_lines

from pagemill import Session
from pagemill.domain.errors import PagemillError
from pagemill.settings_loading import load_settings

_SLIDES = ("Order 5521 of twelve chairs", "Delivery on Monday by noon", "Paid in full on 3 May")
_WORDS = "sesame"


@dataclass(frozen=True)
class _Made:
    case: Case
    password: str | None = None


def _cases(folder: Path) -> Iterator[_Made]:
    slides = [write_lines([text], size=(700, 160), font=36) for text in _SLIDES]
    for form in FORMS:
        one = io.BytesIO()
        slides[0].save(one, form)
        yield _Made(Case(f"{form} picture", one.getvalue(), _SLIDES[:1]))
        moving = animate(folder / "moving", form, slides).read_bytes()
        yield _Made(Case(f"{form} animation", moving, _SLIDES))
    for name, entries in forms.NOTES.items():
        seen = forms.make(folder / "note.pdf", entries).read_bytes()
        yield _Made(Case("notes and fields", seen, (forms.LABEL, forms.VALUE)))
        hidden = forms.make(folder / "note.pdf", entries, flags=forms.HIDDEN).read_bytes()
        yield _Made(Case("hidden notes and fields", hidden, (forms.LABEL,), ("".join(forms.VALUE.split()),)))
        if name in ("typed", "field"):
            bare = forms.make(folder / "note.pdf", entries, look=None).read_bytes()
            yield _Made(Case("fields without a look", bare, (forms.LABEL, forms.VALUE)))
    xml = forms.make_xfa(folder / "xfa.pdf", forms.XML.encode(), forms.as_packets).read_bytes()
    yield _Made(Case("form of XML", xml, ("Alice Example", "Zürich")))
    yield from _layer_cases(folder)
    yield from _password_cases(folder)


def _layer_cases(folder: Path) -> Iterator[_Made]:
    secret = "".join(layers.SECRET.split())
    for place in layers.PLACES:
        for way in layers.WAYS:
            off = layers.make(folder / "layer.pdf", way=way, place=place).read_bytes()
            yield _Made(Case("layers that are off", off, (layers.SEEN, "The end"), (secret,)))
        on = layers.make(folder / "layer.pdf", place=place, owner="on").read_bytes()
        yield _Made(Case("layers that are on", on, (layers.SEEN, layers.SECRET)))


def _password_cases(folder: Path) -> Iterator[_Made]:
    scan = as_picture(write_lines(_SLIDES[:1], size=(850, 200), font=36))
    specs = [PdfPageSpec(text_at(72, 700, _SLIDES[1])), PdfPageSpec(image_at(0, 400, 612, 144), images=(scan,))]
    for revision in (2, 3, 4, 6):
        path = make_pdf(folder / "secret.pdf", specs, user_password=_WORDS, revision=revision)
        yield _Made(Case("PDF with a password", path.read_bytes(), _SLIDES[:2]), password=_WORDS)


def _look(made: _Made, session: Session) -> Finding:
    try:
        pages = list(session.ocr(made.case.document, password=made.password))
    except PagemillError as refusal:
        print(f"{made.case.name}: {refusal}", file=sys.stderr)
        return Finding(made.case, made.case.lines, warnings=1)
    text = "\n".join(page.text for page in pages)
    return Finding(made.case, wrong_lines(made.case, text), sum(len(page.warnings) for page in pages))


def report() -> str:
    """The table."""
    findings = []
    with tempfile.TemporaryDirectory() as folder, Session(load_settings()) as session:
        for made in _cases(Path(folder)):
            findings.append(_look(made, session))
            print(f"{made.case.name}: {findings[-1].wrong} {findings[-1].warnings}", file=sys.stderr, flush=True)
    return table(findings, title="kind of document")
