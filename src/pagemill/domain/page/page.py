"""The canonical page model: page → block → line → word.

Every engine and every text layer produces a `Page`, and every writer starts from one.

Coordinates are pixels of the page *after rendering and turning it upright*: x to the right, y down,
origin at the top left corner, at `Page.dpi`. Confidences are 0 … 1, or None if the source has none
(a text layer).
"""

from collections.abc import Iterator
from enum import StrEnum
from textwrap import shorten
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from pagemill.domain.shown_model import ShownModel
from pagemill.domain.text_fields import as_storable_json

Point = tuple[float, float]
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]
_SHOWN_LETTERS = 60
Confidence = Annotated[float, Field(ge=0.0, le=1.0)]


class PageSource(StrEnum):
    """The source of a page's words."""

    OCR = "ocr"
    TEXT_LAYER = "text_layer"
    MIXED = "mixed"
    """Some of each; each word says which."""


class BlockKind(StrEnum):
    """What a block is on its page."""

    TEXT = "text"
    TITLE = "title"
    LIST = "list"
    TABLE = "table"
    FIGURE = "figure"
    CAPTION = "caption"
    HEADER = "header"
    FOOTER = "footer"
    PAGE_NUMBER = "page_number"
    FORMULA = "formula"


class _Model(ShownModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class WarningKind(StrEnum):
    """What a warning is about."""

    UNREAD_INK = "unread_ink"
    """Something that looks like text has no word."""
    OCR_OFF = "ocr_off"
    """Recognition is off, and would or might have found more."""
    STRUCTURE = "structure"
    """Layout and tables are missing."""
    FORMULA = "formula"
    """A formula was found, and is in the result as a picture."""
    LOWER_RESOLUTION = "lower_resolution"
    """The page was read at a lower resolution than asked for."""
    XFA_FORM = "xfa_form"
    """The values of the form are there, but their places are made up."""
    BENT_LINES = "bent_lines"
    """Lines of a photographed page bend, and could not be flattened."""
    SIGNATURE = "signature"
    """The document is signed, and its searchable PDF will have words that the signature does not cover."""


Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


class PageWarning(_Model):
    """What a reader of the result should know.

    Attributes:
        kind: What it is about.
        message: One sentence, for people.
        box: Where on the page; None for all of it.
    """

    kind: WarningKind
    message: str
    box: Rectangle | None = None

    def __str__(self) -> str:
        """The sentence, with the place."""
        if self.box is None:
            return self.message
        left, top, right, bottom = map(round, self.box)
        return f"{self.message.removesuffix('.')} (x {left} to {right}, y {top} to {bottom})."


class Word(_Model):
    """A run of characters without a space (for Chinese and Japanese: what the engine returns as one).

    Attributes:
        source: Its source on a page of mixed sources; None if it is the page's. JSON omits it then.
    """

    text: str
    polygon: Polygon
    confidence: Confidence | None = None
    source: Annotated[PageSource | None, Field(exclude_if=lambda source: source is None)] = None


class Line(_Model):
    """One line of text in reading direction. `text` is the line as read, spaces included.

    Attributes:
        language: Its language as a tag (BCP 47), or only its script (`und-Cyrl`); None if neither is known. JSON omits
            it then.
    """

    text: str
    polygon: Polygon
    confidence: Confidence | None = None
    words: tuple[Word, ...] = ()
    language: Annotated[str | None, Field(exclude_if=lambda language: language is None)] = None


class TableCell(_Model):
    """A cell of a table; rows and columns are counted from 0.

    Attributes:
        row: Its first row.
        column: Its first column.
        row_span: The number of rows it covers.
        column_span: The number of columns it covers.
        lines: Positions of its lines among those of the block; empty for an empty cell.
        text: Its text, the lines joined by spaces.
    """

    row: Annotated[int, Field(ge=0)]
    column: Annotated[int, Field(ge=0)]
    row_span: Annotated[int, Field(ge=1)] = 1
    column_span: Annotated[int, Field(ge=1)] = 1
    lines: tuple[int, ...] = ()
    text: str = ""


class Table(_Model):
    """The grid of a table. Its cells are in row order, and no two cover the same place.

    Attributes:
        rows: Rows of the grid.
        columns: Columns of the grid.
        cells: Its cells. A place without a cell is empty.
    """

    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    cells: tuple[TableCell, ...]

    @property
    def has_spans(self) -> bool:
        """Whether a cell covers more than one place."""
        return any(cell.row_span > 1 or cell.column_span > 1 for cell in self.cells)

    @property
    def grid(self) -> list[list[str]]:
        """The text of every place. A cell that covers several places has its text in the first one."""
        texts = [[""] * self.columns for _ in range(self.rows)]
        for cell in self.cells:
            texts[cell.row][cell.column] = cell.text
        return texts


class BlockPicture(_Model):
    """What a block looks like, upright.

    Attributes:
        media_type: The format of the picture.
        width_px: Its columns; they may be fewer than the block's.
        height_px: Its rows.
        base64: The picture.
    """

    media_type: str
    width_px: Annotated[int, Field(ge=1)]
    height_px: Annotated[int, Field(ge=1)]
    base64: Annotated[str, Field(pattern="^[A-Za-z0-9+/]+=*$")]

    @property
    def url(self) -> str:
        """The picture as a URL that contains it."""
        return f"data:{self.media_type};base64,{self.base64}"


class Block(_Model):
    """Lines that belong together: a paragraph, a heading, a table.

    Attributes:
        table: Rows, columns and spans, if the block is a table with recognised structure. JSON omits it otherwise.
        picture: What it looks like, if its lines cannot say it: a formula. JSON omits it otherwise.
    """

    polygon: Polygon
    lines: tuple[Line, ...] = ()
    kind: BlockKind = BlockKind.TEXT
    table: Annotated[Table | None, Field(exclude_if=lambda table: table is None)] = None
    picture: Annotated[BlockPicture | None, Field(exclude_if=lambda picture: picture is None)] = None

    @property
    def text(self) -> str:
        """The block's lines, one per row."""
        return "\n".join(line.text for line in self.lines)


class Page(_Model):
    """One page as it was read. Blocks are in reading order.

    Attributes:
        number: 1-based position in the document.
        width_px: Width of the upright page image, pixels.
        height_px: Height of the upright page image, pixels.
        dpi: Pixels per inch of that image; None if the document states none (a photo).
        rotation: Degrees clockwise (0, 90, 180, 270) by which the stored page was turned to be upright.
        source: Recognition, the document's own text layer, or both.
        engine: Name of the engine that read it; None for a text layer.
        profile: The engine's profile ("accurate", "fast"); None for a text layer.
        blocks: Its content, in reading order.
        warnings: What users of the result should know.
    """

    number: Annotated[int, Field(ge=1)]
    width_px: Annotated[int, Field(ge=1)]
    height_px: Annotated[int, Field(ge=1)]
    dpi: float | None
    rotation: int = 0
    source: PageSource
    engine: str | None = None
    profile: str | None = None
    blocks: tuple[Block, ...] = ()
    warnings: tuple[PageWarning, ...] = ()

    def __repr__(self) -> str:
        """One line, with the beginning of the text."""
        confidence = "" if self.confidence is None else f", confidence {self.confidence:.0%}"
        start = shorten(self.text, _SHOWN_LETTERS, placeholder="…")
        size = f"{self.width_px} × {self.height_px} px"
        return f"<Page {self.number}: {size}, {len([*self.lines])} lines{confidence}, {start!r}>"

    __str__ = __repr__

    @property
    def text(self) -> str:
        """All lines in reading order, with an empty line between blocks."""
        return "\n\n".join(block.text for block in self.blocks if block.lines)

    @property
    def lines(self) -> Iterator[Line]:
        """All lines in reading order."""
        return (line for block in self.blocks for line in block.lines)

    @property
    def words(self) -> Iterator[Word]:
        """All words in reading order."""
        return (word for line in self.lines for word in line.words)

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the lines, weighted by their characters; None if no line has one."""
        scored = [(line.confidence, len(line.text)) for line in self.lines if line.confidence is not None]
        weight = sum(length for _, length in scored)
        return sum(score * length for score, length in scored) / weight if weight else None

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Parse the output of `to_json`."""
        return cls.model_validate_json(payload)

    def to_json(self) -> bytes:
        """UTF-8 JSON of the whole page: the form in which processes exchange pages and the database stores them."""
        return as_storable_json(self)
