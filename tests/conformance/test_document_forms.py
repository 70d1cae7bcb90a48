"""What was filled in, noted or stamped on a page is part of its text, if people see it."""

from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String

from pagemill.documents.opening import open_document
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.page import Page, WarningKind

LABEL, VALUE = "Label", "Filled in"
HIDDEN, PRINTED = 2, 4
DA = "/Helv 12 Tf 0 g"
PLACE = (72, 600, 372, 620)


def draw(pdf: Pdf, font: pikepdf.Object, text: str) -> Stream:
    made = pdf.make_stream(f"BT /F1 12 Tf 2 4 Td ({text}) Tj ET".encode())
    made.Type, made.Subtype, made.BBox = Name.XObject, Name.Form, Array([0, 0, 300, 20])
    made.Resources = Dictionary(Font=Dictionary(F1=font))
    return made


def make(
    path: Path, entries: Dictionary, *, look: str | None = VALUE, need: bool = False, flags: int = PRINTED
) -> Path:
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        note = Dictionary(Type=Name.Annot, Rect=Array(list(PLACE)), F=flags)
        for key, value in entries.items():
            note[key] = value
        if look is not None:
            note.AP = Dictionary(N=draw(pdf, font, look))
        note = pdf.make_indirect(note)
        page = Dictionary(
            Type=Name.Page,
            MediaBox=Array([0, 0, 612, 792]),
            Resources=Dictionary(Font=Dictionary(F1=font)),
            Contents=pdf.make_stream(f"BT /F1 12 Tf 72 740 Td ({LABEL}) Tj ET".encode()),
            Annots=Array([note]),
        )
        pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
        fields = Array([note] if note.Subtype == Name.Widget else [])
        fonts = Dictionary(Font=Dictionary(Helv=font))
        pdf.Root.AcroForm = pdf.make_indirect(Dictionary(Fields=fields, NeedAppearances=need, DR=fonts, DA=String(DA)))
        pdf.save(path)
    return path


def page_of(path: Path, mode: OcrMode = OcrMode.AUTO) -> Page:
    with open_document(path) as document:
        page = document.text_page(1, dpi=72, mode=mode)
    assert page is not None
    return page


def field() -> Dictionary:
    return Dictionary(Subtype=Name.Widget, FT=Name.Tx, T=String("name"), V=String(VALUE), DA=String(DA))


NOTES: dict[str, Dictionary] = {
    "typed": Dictionary(Subtype=Name.FreeText, Contents=String(VALUE), DA=String(DA)),
    "stamp": Dictionary(Subtype=Name.Stamp),
    "watermark": Dictionary(Subtype=Name.Watermark),
    "measure": Dictionary(Subtype=Name.Line, L=Array(list(PLACE))),
    "redaction": Dictionary(Subtype=Name.Redact),
    "field": field(),
}


@pytest.mark.parametrize("mode", [OcrMode.AUTO, OcrMode.NEVER])
@pytest.mark.parametrize("note", NOTES)
def test_text_of_what_people_see_is_returned(tmp_path: Path, note: str, mode: OcrMode) -> None:
    assert page_of(make(tmp_path / "a.pdf", NOTES[note]), mode).text.split("\n\n") == [LABEL, VALUE]


@pytest.mark.parametrize("note", NOTES)
def test_text_of_what_is_hidden_is_not(tmp_path: Path, note: str) -> None:
    assert page_of(make(tmp_path / "a.pdf", NOTES[note], flags=HIDDEN)).text == LABEL


CHOICE = Dictionary(
    Subtype=Name.Widget,
    FT=Name.Ch,
    Ff=131072,
    T=String("c"),
    V=String(VALUE),
    Opt=Array([String(VALUE)]),
    DA=String(DA),
)


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("entries", [field(), CHOICE, NOTES["typed"]], ids=["field", "choice", "typed"])
def test_a_value_without_a_look_is_returned(tmp_path: Path, entries: Dictionary, need: bool) -> None:
    assert VALUE in page_of(make(tmp_path / "a.pdf", entries, look=None, need=need)).text


def test_a_value_counts_and_not_the_look_before_it(tmp_path: Path) -> None:
    text = page_of(make(tmp_path / "a.pdf", field(), look="Earlier", need=True)).text
    assert VALUE in text
    assert "Earlier" not in text


XML = """<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form1>
<Name>Alice  Example</Name><Empty/><Address><City>Zürich</City></Address></form1></xfa:data></xfa:datasets>"""


def as_whole(pdf: Pdf, xml: bytes) -> pikepdf.Object:
    return pdf.make_stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'>" + xml + b"</xdp:xdp>")


def as_packets(pdf: Pdf, xml: bytes) -> pikepdf.Object:
    template = pdf.make_stream(b"<template><field>not a value</field></template>")
    return Array([String("template"), template, String("datasets"), pdf.make_stream(xml)])


def make_xfa(path: Path, xml: bytes, packed: Callable[[Pdf, bytes], pikepdf.Object], *, static: bool = False) -> Path:
    make(path, field())
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.Root.AcroForm.XFA = packed(pdf, xml)
        if not static:
            pdf.Root.NeedsRendering = True
            pdf.Root.AcroForm.Fields = Array([])
            del pdf.pages[0].obj.Annots
        pdf.save(path)
    return path


@pytest.mark.parametrize("packed", [as_whole, as_packets])
def test_values_of_a_form_that_cannot_be_drawn_are_returned_with_a_warning(
    tmp_path: Path, packed: Callable[[Pdf, bytes], pikepdf.Object]
) -> None:
    page = page_of(make_xfa(tmp_path / "a.pdf", XML.encode(), packed))
    assert [line.text for line in page.lines] == [LABEL, "Name: Alice Example", "City: Zürich"]
    assert [warning.kind for warning in page.warnings] == [WarningKind.XFA_FORM]


def test_a_form_that_is_drawn_has_its_values_once(tmp_path: Path) -> None:
    page = page_of(make_xfa(tmp_path / "a.pdf", XML.encode(), as_packets, static=True))
    assert page.text.split("\n\n") == [LABEL, VALUE]
    assert page.warnings == ()


HOSTILE = {
    "entities": b'<!DOCTYPE a [<!ENTITY a "' + b"x" * 1000 + b'">]><data><f>' + b"&a;" * 1000 + b"</f></data>",
    "a file": b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><data><f>&a;</f></data>',
    "no XML": b"\xff\xfe\0 not XML",
    "many": b"<data>" + b"<f>v</f>" * 100_000 + b"</data>",
    "deep": b"<data>" + b"<f>" * 100_000,
    "cut": XML.encode()[:150],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_values_are_bounded(tmp_path: Path, kind: str) -> None:
    text = page_of(make_xfa(tmp_path / "a.pdf", HOSTILE[kind], as_packets)).text
    assert text.startswith(LABEL)
    assert len(text) < 100_000
    assert "root:" not in text
