"""Removes the invisible text of an earlier recognition from a PDF page's content. Runs in workers only.

Only operators that show text are removed, so that nothing else on the page moves. Text is hidden if it is drawn
invisibly, or if pictures that together fill the page are drawn over it. Hidden text stays only if visible text follows
it on the same line, because that is placed relative to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pikepdf
from pikepdf import ContentStreamInlineImage, ContentStreamInstruction, Dictionary, Name, Pdf, Stream

from pagemill.documents.coverage import first_of_filling
from pagemill.documents.page_frame import PageRect

DEEPEST = 4
"""The deepest level of forms within forms that is searched."""

_INVISIBLE = frozenset({3, 7})
_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
_MOVES = frozenset({"Td", "TD", "Tm", "T*", "'", '"'})
"""Operators that start a new line, wherever the one before ended."""

_Matrix = tuple[float, float, float, float, float, float]
_Instruction = ContentStreamInstruction | ContentStreamInlineImage


def without_hidden_text(pdf: Pdf, page: pikepdf.Object, resources: Dictionary, *, box: PageRect) -> Stream | None:
    """The page's content without its hidden text; None if it has none.

    Args:
        pdf: The PDF of the page.
        page: The page.
        resources: The page's own; forms that held hidden text are replaced in it.
        box: The visible part of the page.

    Raises:
        PdfError: The content cannot be parsed.
    """
    walk = _Walk(pdf, resources, box=box, state=_State(), depth=0)
    walk.follow(pikepdf.parse_content_stream(page))
    return pdf.make_stream(walk.content()) if walk.has_changed else None


@dataclass(frozen=True)
class _State:
    """The parts of the graphics state that decide whether text is visible, and how large a picture is."""

    mode: int = 0
    matrix: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class _Walk:
    """One pass through a content stream."""

    def __init__(self, pdf: Pdf, resources: Dictionary, *, box: PageRect, state: _State, depth: int) -> None:
        self._kept: list[_Instruction | None] = []
        self.has_changed = False
        self._pdf = pdf
        self._resources = resources
        self._box = box
        self._state = state
        self._depth = depth
        self._saved: list[_State] = []
        self._block: list[_Instruction] | None = None
        self._hidden_shows: list[bool] = []
        self._seen_blocks: list[tuple[int, int]] = []
        self.pictures: list[tuple[int, PageRect]] = []

    def follow(self, instructions: Sequence[_Instruction]) -> None:
        """Go through the whole stream."""
        for instruction in instructions:
            self._take(instruction)
        self._kept += self._block or ()
        self._uncover()

    def content(self) -> bytes:
        """The remaining instructions, as a content stream."""
        return pikepdf.unparse_content_stream([kept for kept in self._kept if kept is not None])

    def _take(self, instruction: _Instruction) -> None:
        operator = str(instruction.operator)
        if operator == "BT":
            self._block, self._hidden_shows = [], []
        self._follow_state(operator, instruction)
        if operator == "Do":
            instruction = self._look_at_drawn(instruction)
        if self._block is None:
            self._kept.append(instruction)
            return
        self._block.append(instruction)
        if operator in _SHOWS:
            self._hidden_shows.append(self._state.mode in _INVISIBLE)
        elif operator == "ET":
            self._end_block(self._block)

    def _follow_state(self, operator: str, instruction: _Instruction) -> None:
        match operator:
            case "q":
                self._saved.append(self._state)
            case "Q" if self._saved:
                self._state = self._saved.pop()
            case "Tr" if len(instruction.operands) == 1:
                self._state = replace(self._state, mode=int(instruction.operands[0]))
            case "cm" if len(instruction.operands) == 6:
                a, b, c, d, e, f = map(float, instruction.operands)
                self._state = replace(self._state, matrix=_chain_matrices((a, b, c, d, e, f), self._state.matrix))
            case _:
                pass

    def _end_block(self, block: list[_Instruction]) -> None:
        start = len(self._kept)
        if any(self._hidden_shows):
            block = self._without_hidden(block)
        self._kept += block
        if not all(self._hidden_shows):
            self._seen_blocks.append((start, len(self._kept)))
        self._block = None

    def _without_hidden(self, block: list[_Instruction]) -> list[_Instruction]:
        """A text object without hidden text, except hidden text that visible text follows on its line."""
        kept: list[_Instruction] = []
        hidden, is_followed = list(self._hidden_shows), False
        for instruction in reversed(block):
            operator = str(instruction.operator)
            if operator in _SHOWS:
                if hidden.pop() and not is_followed:
                    kept += reversed(list(_moves_of(instruction)))
                    self.has_changed = True
                    continue
                is_followed = True
            if operator in _MOVES:
                is_followed = False
            kept.append(instruction)
        return kept[::-1]

    def _look_at_drawn(self, instruction: _Instruction) -> _Instruction:
        """Look at what an instruction draws, and return the instruction that draws what remains of it."""
        name = instruction.operands[0] if instruction.operands else None
        drawn = _entry(self._resources.get("/XObject"), name)
        if not isinstance(drawn, Stream):
            return instruction
        if drawn.get("/Subtype") == Name.Image:
            self._cover(drawn)
        elif drawn.get("/Subtype") == Name.Form and self._depth < DEEPEST:
            return self._form(drawn) or instruction
        return instruction

    def _cover(self, image: Stream) -> None:
        """Note where an opaque picture lies."""
        a, b, c, d, e, f = self._state.matrix
        if not ("/SMask" in image or "/Mask" in image or image.get("/ImageMask", False)):
            xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
            self.pictures.append((len(self._kept), (min(xs), min(ys), max(xs), max(ys))))

    def _uncover(self) -> None:
        """Remove what is drawn before pictures that fill the page."""
        first = first_of_filling([rect for _, rect in self.pictures], self._box)
        for start, end in self._seen_blocks:
            if first is not None and end <= self.pictures[first][0]:
                for at in filter(lambda at: _shows_text(self._kept[at]), range(start, end)):
                    self._kept[at] = None
                    self.has_changed = True

    def _form(self, form: Stream) -> _Instruction | None:
        """The instruction that draws the form without its hidden text; None if the form has none."""
        resources = Dictionary(dict(form.get("/Resources", self._resources).items()))
        matrix = tuple(map(float, form.get("/Matrix", ())))
        inner = _chain_matrices(matrix, self._state.matrix) if len(matrix) == 6 else self._state.matrix
        state = replace(self._state, matrix=inner)
        walk = _Walk(self._pdf, resources, box=self._box, state=state, depth=self._depth + 1)
        walk.follow(pikepdf.parse_content_stream(form))
        self.pictures += [(len(self._kept), rect) for _, rect in walk.pictures]
        if not walk.has_changed:
            return None
        made = self._pdf.make_stream(walk.content())
        for key, value in form.items():
            if key not in ("/Length", "/Filter", "/DecodeParms"):
                made[key] = value
        made.Resources = resources
        objects = Dictionary(dict(self._resources.get("/XObject", Dictionary()).items()))
        name = next(f"/Seen{at}" for at in range(len(objects.keys()) + 1) if f"/Seen{at}" not in objects)
        objects[name] = made
        self._resources.XObject = objects
        self.has_changed = True
        return ContentStreamInstruction([Name(name)], pikepdf.Operator("Do"))


def _moves_of(show: _Instruction) -> Iterator[_Instruction]:
    """The other effects of an operator that shows text."""
    operator, operands = str(show.operator), show.operands
    if operator == '"' and len(operands) == 3:
        yield ContentStreamInstruction([operands[0]], pikepdf.Operator("Tw"))
        yield ContentStreamInstruction([operands[1]], pikepdf.Operator("Tc"))
    if operator in _MOVES:
        yield ContentStreamInstruction([], pikepdf.Operator("T*"))


def _shows_text(instruction: _Instruction | None) -> bool:
    return instruction is not None and str(instruction.operator) in _SHOWS


def _entry(entries: pikepdf.Object | None, name: object) -> pikepdf.Object | None:
    return entries.get(str(name)) if isinstance(entries, Dictionary) and isinstance(name, Name) else None


def _chain_matrices(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    oa, ob, oc, od, oe, of = outer
    return (
        a * oa + b * oc,
        a * ob + b * od,
        c * oa + d * oc,
        c * ob + d * od,
        e * oa + f * oc + oe,
        e * ob + f * od + of,
    )
