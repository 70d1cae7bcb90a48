"""Makes PDFs that would do something: one for each place at which a PDF can hold a script, an action or a file."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at

EVIL = "app.alert 4711"
Put = Callable[[Pdf], None]


def script() -> Dictionary:
    """An action that runs a script."""
    return Dictionary(Type=Name.Action, S=Name.JavaScript, JS=pikepdf.String(EVIL))


def launch() -> Dictionary:
    """An action that starts a program."""
    return Dictionary(S=Name.Launch, F=pikepdf.String(EVIL))


def submit() -> Dictionary:
    """An action that sends a form away."""
    return Dictionary(S=Name.SubmitForm, F=Dictionary(FS=Name.URL, F=pikepdf.String(EVIL)))


def _attachment(pdf: Pdf) -> pikepdf.Object:
    file = pdf.make_stream(EVIL.encode(), Type=Name.EmbeddedFile)
    return pdf.make_indirect(Dictionary(Type=Name.Filespec, F=pikepdf.String("a.exe"), EF=Dictionary(F=file)))


def _annotate(pdf: Pdf, *, indirect: bool = True, **entries: pikepdf.Object) -> None:
    annotation = Dictionary(Type=Name.Annot, Rect=Array([10, 10, 60, 30]))
    for key, value in entries.items():
        annotation[f"/{key}"] = value
    pdf.pages[0].Annots = Array([pdf.make_indirect(annotation) if indirect else annotation])


def _link(pdf: Pdf, action: pikepdf.Object, *, indirect: bool = True) -> None:
    _annotate(pdf, indirect=indirect, Subtype=Name.Link, A=action)


def _set(holder: Callable[[Pdf], pikepdf.Object], key: str, value: Callable[[Pdf], pikepdf.Object]) -> Put:
    def put(pdf: Pdf) -> None:
        holder(pdf)[key] = value(pdf)

    return put


def _root(pdf: Pdf) -> pikepdf.Object:
    return pdf.Root


def _page(pdf: Pdf) -> pikepdf.Object:
    return pdf.pages[0].obj


def _tree(pdf: Pdf, value: pikepdf.Object) -> Dictionary:
    return pdf.make_indirect(Dictionary(Names=Array([pikepdf.String("a"), value])))


def _outline(pdf: Pdf) -> pikepdf.Object:
    item = pdf.make_indirect(Dictionary(Title=pikepdf.String("a"), A=launch()))
    return pdf.make_indirect(Dictionary(Type=Name.Outlines, First=item, Last=item, Count=1))


def _form(**entries: pikepdf.Object) -> Callable[[Pdf], pikepdf.Object]:
    def make_field(pdf: Pdf) -> pikepdf.Object:
        field = Dictionary(FT=Name.Tx, T=pikepdf.String("a"))
        for key, value in entries.items():
            field[f"/{key}"] = value
        return Dictionary(Fields=Array([pdf.make_indirect(field)]))

    return make_field


ACTIVE: Mapping[str, Put] = {
    "script when opened": _set(_root, "/OpenAction", lambda _: script()),
    "script when opened, indirect": _set(_root, "/OpenAction", lambda pdf: pdf.make_indirect(script())),
    "action when closed": _set(_root, "/AA", lambda _: Dictionary(WC=script())),
    "script in the names": _set(_root, "/Names", lambda pdf: Dictionary(JavaScript=_tree(pdf, script()))),
    "file in the names": _set(_root, "/Names", lambda pdf: Dictionary(EmbeddedFiles=_tree(pdf, _attachment(pdf)))),
    "associated file": _set(_root, "/AF", lambda pdf: Array([_attachment(pdf)])),
    "action of a page": _set(_page, "/AA", lambda _: Dictionary(O=launch())),
    "link that starts a program": lambda pdf: _link(pdf, launch()),
    "link that starts a program, direct": lambda pdf: _link(pdf, launch(), indirect=False),
    "link that sends the form": lambda pdf: _link(pdf, submit()),
    "script after a harmless action": lambda pdf: _link(
        pdf, Dictionary(S=Name.Named, N=Name.NextPage, Next=Array([script()]))
    ),
    "action of an annotation": lambda pdf: _annotate(pdf, Subtype=Name.Link, AA=Dictionary(E=script())),
    "attached file": lambda pdf: _annotate(pdf, Subtype=Name.FileAttachment, FS=_attachment(pdf)),
    "film": lambda pdf: _annotate(pdf, Subtype=Name.Screen, A=Dictionary(S=Name.Rendition, JS=pikepdf.String(EVIL))),
    "rich media": lambda pdf: _annotate(
        pdf, Subtype=Name.RichMedia, RichMediaContent=Dictionary(Assets=_tree(pdf, _attachment(pdf)))
    ),
    "outline": _set(_root, "/Outlines", _outline),
    "script of a field": _set(_root, "/AcroForm", _form(AA=Dictionary(K=script()))),
    "form of XFA": _set(_root, "/AcroForm", lambda pdf: Dictionary(Fields=Array(), XFA=pdf.make_stream(EVIL.encode()))),
}


def harmless_pdf(path: Path) -> Path:
    """One with a link to a web page, one within the document, and a place to open at."""
    make_pdf(path, [PdfPageSpec(text_at(72, 700, "typed words"))] * 2)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        target = Array([pdf.pages[1].obj, Name.Fit])
        web = Dictionary(S=Name.URI, URI=pikepdf.String("https://example.org"))
        links = [Dictionary(A=web), Dictionary(A=Dictionary(S=Name.GoTo, D=target)), Dictionary(Dest=target)]
        for link in links:
            link.Type, link.Subtype, link.Rect = Name.Annot, Name.Link, Array([10, 10, 60, 30])
        pdf.pages[0].Annots = Array([pdf.make_indirect(link) for link in links])
        pdf.Root.OpenAction = target
        pdf.save(path)
    return path


def active_pdf(path: Path, kind: str) -> Path:
    """A harmless one, and something that is not."""
    make_pdf(path, [PdfPageSpec(text_at(72, 700, "typed words"))])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        ACTIVE[kind](pdf)
        pdf.save(path, compress_streams=False)
    return path


def signed_pdf(path: Path, spec: PdfPageSpec) -> Path:
    """One with a signature field that is filled in, however little it signs."""
    make_pdf(path, [spec])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        value = Dictionary(
            Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), SubFilter=Name("/adbe.pkcs7.detached"),
            Contents=pikepdf.String("4711"), ByteRange=Array([0, 1, 2, 3]),
        )  # fmt: skip
        field = Dictionary(FT=Name.Sig, T=pikepdf.String("signed"), V=pdf.make_indirect(value))
        field.Type, field.Subtype, field.Rect = Name.Annot, Name.Widget, Array([0, 0, 0, 0])
        stored = pdf.make_indirect(field)
        pdf.pages[0].Annots = Array([stored])
        pdf.Root.AcroForm = Dictionary(Fields=Array([stored]), SigFlags=3)
        pdf.save(path)
    return path
