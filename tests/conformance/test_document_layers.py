"""What a layer that is switched off says is returned by no reader; what is on is returned as it stands."""

from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, Stream

from pagemill.documents.opening import open_document
from pagemill.domain.documents import OcrMode

SEEN, SECRET = "The price agreed is 900", "The draft said 1200"
LATER = "and this follows"

Groups = dict[str, pikepdf.Object]
Place = Callable[[Pdf, Groups, pikepdf.Object], str]


def show(text: str, y: int = 700) -> str:
    return f"BT /F1 12 Tf 72 {y} Td ({text}) Tj ET\n"


# --- how a layer is off ----------------------------------------------------------------------------------------------


def list_off(groups: Groups) -> Dictionary:
    return Dictionary(OFF=Array([groups["off"]]))


def all_but_listed(groups: Groups) -> Dictionary:
    return Dictionary(BaseState=Name.OFF, ON=Array([groups["on"]]))


def for_print_only(groups: Groups) -> Dictionary:
    groups["off"].Usage = Dictionary(View=Dictionary(ViewState=Name.OFF), Print=Dictionary(PrintState=Name.ON))
    rule = Dictionary(Event=Name.View, Category=Array([Name.View]), OCGs=Array([groups["off"]]))
    return Dictionary(AS=Array([rule]))


WAYS = {"listed": list_off, "all but listed": all_but_listed, "for print only": for_print_only}


# --- what belongs to it ----------------------------------------------------------------------------------------------


def mark(_pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    page.Resources.Properties.L = page.Owner
    return f"/OC /L BDC {show(SECRET)} EMC\n"


def marked_within(_pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    page.Resources.Properties.L = page.Owner
    return f"/OC /L BDC /P BMC q {show(SECRET)} Q EMC EMC\n"


def in_a_line(_pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    page.Resources.Properties.L = page.Owner
    return f"BT /F1 12 Tf 72 700 Td /OC /L BDC ({SECRET}) Tj EMC ( {LATER}) Tj ET\n"


def form(pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    page.Resources.XObject.X = _form(pdf, page, show(SECRET), Dictionary(OC=page.Owner))
    return "/X Do\n"


def form_in_form(pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    inner = _form(pdf, page, f"/OC /L BDC {show(SECRET)} EMC", Dictionary())
    inner.Resources.Properties = Dictionary(L=page.Owner)
    outer = _form(pdf, page, "/I Do", Dictionary())
    outer.Resources.XObject = Dictionary(I=inner)
    page.Resources.XObject.X = outer
    return "/X Do\n"


def note(pdf: Pdf, _groups: Groups, page: pikepdf.Object) -> str:
    drawn = _form(pdf, page, f"BT /F1 12 Tf 2 2 Td ({SECRET}) Tj ET", Dictionary())
    drawn.BBox = Array([0, 0, 300, 20])
    page.Annots = Array(
        [
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.FreeText,
                Rect=Array([72, 600, 372, 620]),
                Contents=SECRET,
                DA="/F1 12 Tf",
                AP=Dictionary(N=drawn),
                OC=page.Owner,
                F=4,
            )
        ]
    )
    return ""


PLACES: dict[str, Place] = {
    "marked": mark,
    "marked within": marked_within,
    "in a line": in_a_line,
    "form": form,
    "form in form": form_in_form,
    "note": note,
}


# --- whose it is -----------------------------------------------------------------------------------------------------


def member(policy: str, *names: str) -> Callable[[Pdf, Groups], pikepdf.Object]:
    return lambda pdf, groups: pdf.make_indirect(
        Dictionary(Type=Name.OCMD, OCGs=Array([groups[name] for name in names]), P=Name(f"/{policy}"))
    )


def expression(*parts: str) -> Callable[[Pdf, Groups], pikepdf.Object]:
    def make(pdf: Pdf, groups: Groups) -> pikepdf.Object:
        rule = Array([Name(f"/{parts[0]}"), *(groups[name] for name in parts[1:])])
        return pdf.make_indirect(Dictionary(Type=Name.OCMD, VE=rule))

    return make


OWNERS: dict[str, tuple[bool, Callable[[Pdf, Groups], pikepdf.Object]]] = {
    "off": (True, lambda _, groups: groups["off"]),
    "on": (False, lambda _, groups: groups["on"]),
    "any on of both": (False, member("AnyOn", "on", "off")),
    "any on of one off": (True, member("AnyOn", "off")),
    "all on of both": (True, member("AllOn", "on", "off")),
    "any off of both": (False, member("AnyOff", "on", "off")),
    "any off of one on": (True, member("AnyOff", "on")),
    "all off of both": (True, member("AllOff", "on", "off")),
    "all off of one off": (False, member("AllOff", "off")),
    "of none": (False, member("AnyOn")),
    "not off": (False, expression("Not", "off")),
    "not on": (True, expression("Not", "on")),
    "on and off": (True, expression("And", "on", "off")),
    "on or off": (False, expression("Or", "on", "off")),
}
"""Whether content of such an owner is off."""


def _form(pdf: Pdf, page: pikepdf.Object, content: str, entries: Dictionary) -> Stream:
    made = pdf.make_stream(content.encode())
    made.Type, made.Subtype, made.BBox = Name.XObject, Name.Form, Array([0, 0, 612, 792])
    made.Resources = Dictionary(Font=page.Resources.Font)
    for key, value in entries.items():
        made[key] = value
    return made


def make(path: Path, *, way: str = "listed", place: str = "marked", owner: str = "off") -> Path:
    with Pdf.new() as pdf:
        groups: Groups = {
            name: pdf.make_indirect(Dictionary(Type=Name.OCG, Name="The same name")) for name in ("on", "off")
        }
        font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        resources = Dictionary(Font=Dictionary(F1=font), XObject=Dictionary(), Properties=Dictionary())
        page = pdf.make_indirect(Dictionary(Type=Name.Page, MediaBox=Array([0, 0, 612, 792]), Resources=resources))
        page.Owner = OWNERS[owner][1](pdf, groups)
        page.Contents = pdf.make_stream(
            (show(SEEN, 740) + PLACES[place](pdf, groups, page) + show("The end", 500)).encode()
        )
        del page.Owner
        pdf.pages.append(pikepdf.Page(page))
        pdf.Root.OCProperties = Dictionary(OCGs=Array(list(groups.values())), D=WAYS[way](groups))
        pdf.save(path)
    return path


def text_of(path: Path, mode: OcrMode = OcrMode.AUTO) -> str:
    with open_document(path) as document:
        page = document.text_page(1, dpi=72, mode=mode)
    assert page is not None
    return page.text


@pytest.mark.parametrize("mode", [OcrMode.AUTO, OcrMode.NEVER])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_off_is_not_returned(tmp_path: Path, way: str, place: str, mode: OcrMode) -> None:
    text = text_of(make(tmp_path / "layers.pdf", way=way, place=place), mode)
    assert SECRET not in text
    assert text.startswith(SEEN)
    assert text.endswith("The end")
    assert (LATER in text) is (place == "in a line")


@pytest.mark.parametrize("place", PLACES)
def test_what_is_on_is_returned(tmp_path: Path, place: str) -> None:
    assert SECRET in text_of(make(tmp_path / "layers.pdf", place=place, owner="on"))


@pytest.mark.parametrize("owner", OWNERS)
def test_memberships_are_reckoned_as_the_standard_says(tmp_path: Path, owner: str) -> None:
    is_off, _ = OWNERS[owner]
    assert (SECRET not in text_of(make(tmp_path / "layers.pdf", owner=owner))) is is_off


def test_text_after_what_is_off_stays_in_its_place(tmp_path: Path) -> None:
    places = []
    for owner in ("off", "on"):
        path = make(tmp_path / f"{owner}.pdf", place="in a line", owner=owner)
        with open_document(path) as document:
            page = document.text_page(1, dpi=72, mode=OcrMode.AUTO)
        assert page is not None
        (word,) = [word for line in page.lines for word in line.words if word.text == "follows"]
        places.append(word.polygon)
    assert places[0] == places[1]


def test_forms_that_hold_themselves_end(tmp_path: Path) -> None:
    path = make(tmp_path / "layers.pdf")
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0].obj
        loop = _form(pdf, page, "/X Do", Dictionary())
        loop.Resources.XObject = Dictionary(X=loop)
        page.Resources.XObject.X = loop
        page.Contents = pdf.make_stream(page.Contents.read_bytes() + b"/X Do\n")
        pdf.save(path)
    assert SECRET not in text_of(path)
