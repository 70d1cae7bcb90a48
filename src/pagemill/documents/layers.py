"""Optional content (layers) that is switched off: a page without it. Runs in workers only.

pdfium leaves such content out when it draws, but not out of the page's text. So a page that has some is copied without
it, into a PDF of its own, and read from there: marked content, forms, images and annotations that belong to a layer, or
to a membership of layers, that the document does not show on a screen.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from pikepdf import Array, ContentStreamInlineImage, ContentStreamInstruction, Dictionary, Name, Operator, Pdf, Stream

from pagemill.documents.passwords import open_with_pikepdf

DEEPEST = 8
"""Forms within forms, and expressions within expressions, are followed to this depth; what lies deeper is shown."""

_FAR = 1_000_000
"""Hidden text is raised by this many units, out of the page: without it, the text that follows would move."""

_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
_PAINTS = frozenset({"f", "F", "f*", "B", "B*", "b", "b*", "S", "s"})
_DRAWS = frozenset({"sh", "INLINE IMAGE"})

_Id = tuple[int, int]
_Instruction = ContentStreamInstruction | ContentStreamInlineImage


@dataclass(frozen=True)
class Layers:
    """Which layers a document does not show.

    Attributes:
        off: Their object numbers.
    """

    off: frozenset[_Id]

    @classmethod
    def of(cls, pdf: Pdf) -> "Layers":
        """The layers that a PDF's default configuration hides in a viewer."""
        properties = pdf.Root.get("/OCProperties")
        if not isinstance(properties, Dictionary):
            return cls(frozenset())
        groups, default = _ids(properties.get("/OCGs")), properties.get("/D")
        if not isinstance(default, Dictionary):
            return cls(frozenset())
        off = set(groups) if default.get("/BaseState") == Name.OFF else set()
        off = (off - set(_ids(default.get("/ON")))) | set(_ids(default.get("/OFF")))
        for group, is_on in _usages(default.get("/AS")):
            off = off - {group} if is_on else off | {group}
        return cls(frozenset(off))

    def hides(self, owner: pikepdf.Object | None, *, depth: int = 0) -> bool:
        """Whether content of this layer, or of this membership of layers, is off."""
        if not isinstance(owner, Dictionary) or depth > DEEPEST:
            return False
        if owner.get("/Type") != Name.OCMD:
            return owner.objgen in self.off
        if isinstance(expression := owner.get("/VE"), Array):
            return not self._is_true(expression, depth=depth)
        groups = owner.get("/OCGs")
        members = [groups] if isinstance(groups, Dictionary) else list(_items(groups))
        states = [member.objgen not in self.off for member in members if isinstance(member, Dictionary)]
        if not states:
            return False
        match str(owner.get("/P", Name.AnyOn)):
            case "/AllOn":
                return not all(states)
            case "/AnyOff":
                return all(states)
            case "/AllOff":
                return any(states)
            case _:
                return not any(states)

    def _is_true(self, expression: pikepdf.Object, *, depth: int) -> bool:
        if isinstance(expression, Dictionary):
            return expression.objgen not in self.off
        parts = list(_items(expression))
        if not parts or depth > DEEPEST:
            return True
        states = [self._is_true(part, depth=depth + 1) for part in parts[1:]]
        match str(parts[0]):
            case "/Not":
                return not all(states)
            case "/Or":
                return any(states)
            case _:
                return all(states)


def page_without_hidden_layers(path: Path, password: str | None, number: int) -> bytes | None:
    """The page as a PDF of its own, without what is switched off; None if nothing is.

    Raises:
        PdfError: The PDF is damaged.
    """
    with open_with_pikepdf(path, password) as pdf:
        page = pdf.pages[number - 1]
        layers = Layers.of(pdf)
        walk = _Walk(pdf, _own_resources(page), layers, depth=0)
        walk.follow(pikepdf.parse_content_stream(page))
        notes = list(_items(page.obj.get("/Annots")))
        shown = [note for note in notes if not (isinstance(note, Dictionary) and layers.hides(note.get("/OC")))]
        if not walk.has_changed and len(shown) == len(notes):
            return None
        page.obj.Contents = pdf.make_stream(walk.content())
        page.obj.Resources = walk.resources
        page.obj.Annots = Array(shown)
        with Pdf.new() as alone:
            alone.pages.append(page)
            made = io.BytesIO()
            alone.save(made, compress_streams=False)
            return made.getvalue()


class _Walk:
    """One pass through a content stream."""

    def __init__(self, pdf: Pdf, resources: Dictionary, layers: Layers, *, depth: int) -> None:
        self.has_changed = False
        self.resources = resources
        self._pdf = pdf
        self._layers = layers
        self._depth = depth
        self._kept: list[_Instruction] = []
        self._marks: list[bool] = []
        self._rise: float | pikepdf.Object = 0
        self._saved: list[float | pikepdf.Object] = []

    def follow(self, instructions: Iterable[_Instruction]) -> None:
        """Go through the whole stream."""
        for instruction in instructions:
            operator = str(instruction.operator)
            self._follow_state(operator, instruction)
            self._kept += self._replace(operator, instruction)

    def content(self) -> bytes:
        """What is left, as a content stream."""
        return pikepdf.unparse_content_stream(self._kept)

    def _follow_state(self, operator: str, instruction: _Instruction) -> None:
        match operator:
            case "BMC":
                self._marks.append(False)
            case "BDC":
                self._marks.append(self._is_off(instruction))
            case "EMC" if self._marks:
                self._marks.pop()
            case "q":
                self._saved.append(self._rise)
            case "Q" if self._saved:
                self._rise = self._saved.pop()
            case "Ts" if len(instruction.operands) == 1:
                self._rise = instruction.operands[0]
            case _:
                pass

    def _replace(self, operator: str, instruction: _Instruction) -> list[_Instruction]:
        """The instructions that take its place."""
        if operator == "Do":
            return self._replace_drawn(instruction)
        if not any(self._marks) or operator not in _SHOWS | _PAINTS | _DRAWS:
            return [instruction]
        self.has_changed = True
        if operator in _SHOWS:
            away = ContentStreamInstruction([_FAR], Operator("Ts"))
            return [away, instruction, ContentStreamInstruction([self._rise], Operator("Ts"))]
        return [ContentStreamInstruction([], Operator("n"))] if operator in _PAINTS else []

    def _is_off(self, instruction: _Instruction) -> bool:
        operands = instruction.operands
        if len(operands) != 2 or operands[0] != Name.OC:
            return False
        known = self.resources.get("/Properties")
        if isinstance(operands[1], Name) and isinstance(known, Dictionary):
            return self._layers.hides(known.get(str(operands[1])))
        return self._layers.hides(operands[1])

    def _replace_drawn(self, instruction: _Instruction) -> list[_Instruction]:
        objects = self.resources.get("/XObject")
        name = instruction.operands[0] if instruction.operands else None
        drawn = objects.get(str(name)) if isinstance(objects, Dictionary) and isinstance(name, Name) else None
        if any(self._marks) or (isinstance(drawn, Stream) and self._layers.hides(drawn.get("/OC"))):
            self.has_changed = True
            return []
        if isinstance(drawn, Stream) and drawn.get("/Subtype") == Name.Form and self._depth < DEEPEST:
            return [self._form(drawn) or instruction]
        return [instruction]

    def _form(self, form: Stream) -> _Instruction | None:
        """The instruction that draws the form without what is switched off in it; None if nothing is."""
        resources = _copy_resources(form.get("/Resources", self.resources))
        walk = _Walk(self._pdf, resources, self._layers, depth=self._depth + 1)
        walk.follow(pikepdf.parse_content_stream(form))
        if not walk.has_changed:
            return None
        made = self._pdf.make_stream(walk.content())
        for key, value in form.items():
            if key not in ("/Length", "/Filter", "/DecodeParms"):
                made[key] = value
        made.Resources = resources
        objects = self.resources.XObject
        name = next(f"/Shown{at}" for at in range(len(objects.keys()) + 1) if f"/Shown{at}" not in objects)
        objects[name] = made
        self.has_changed = True
        return ContentStreamInstruction([Name(name)], Operator("Do"))


def _own_resources(page: pikepdf.Page) -> Dictionary:
    return _copy_resources(page.resources)


def _copy_resources(resources: pikepdf.Object) -> Dictionary:
    """A copy that may get more objects; others may share the original."""
    made = Dictionary(dict(resources.items()) if isinstance(resources, Dictionary) else {})
    objects = made.get("/XObject")
    made.XObject = Dictionary(dict(objects.items()) if isinstance(objects, Dictionary) else {})
    return made


def _usages(rules: pikepdf.Object | None) -> Iterator[tuple[_Id, bool]]:
    """States that follow from the purpose of layers, if the document applies it when it is viewed."""
    for rule in _items(rules):
        if not isinstance(rule, Dictionary) or rule.get("/Event") != Name.View:
            continue
        if Name.View not in list(_items(rule.get("/Category"))):
            continue
        for group in _items(rule.get("/OCGs")):
            usage = group.get("/Usage") if isinstance(group, Dictionary) else None
            view = usage.get("/View") if isinstance(usage, Dictionary) else None
            if isinstance(view, Dictionary):
                yield group.objgen, view.get("/ViewState") != Name.OFF


def _ids(groups: pikepdf.Object | None) -> list[_Id]:
    return [group.objgen for group in _items(groups) if isinstance(group, Dictionary)]


def _items(values: pikepdf.Object | None) -> Iterator[pikepdf.Object]:
    if isinstance(values, Array):
        yield from values.as_list()
