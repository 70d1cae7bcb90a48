"""ALTO 4.3 XML (Library of Congress): pages, blocks, lines and strings with their positions."""

from collections.abc import Iterable

from pagemill.documents.words import Bounds, SpacedWord, spaced_words
from pagemill.documents.writers.markup import xml_text
from pagemill.documents.writers.rows import one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.direction import has_letters_from_right, runs_from_right
from pagemill.domain.page.geometry import enclosing_polygon
from pagemill.domain.page.page import Block, BlockKind, Line, Page, Polygon, Table, TableCell
from pagemill.domain.task.results import ResultHeader

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-3.xsd" \
SCHEMAVERSION="4.3">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{document}</fileName></sourceImageInformation>
<Processing ID="pagemill"><processingCategory>contentGeneration</processingCategory>{time}\
<processingSoftware><softwareName>Pagemill</softwareName>{version}</processingSoftware></Processing>
</Description>
<Tags>
{tags}
</Tags>
<Layout>
"""

UNREAD = "unread"


class AltoWriter:
    """One `Page` for each page; layout tags give the kinds of blocks; positions are pixels of the upright page."""

    name = "alto"
    media_type = "application/alto+xml"
    extension = ".alto.xml"
    leaves_out_furniture = False

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. Description, tags, and the opening of the layout."""
        tags = (f'<LayoutTag ID="{kind}" LABEL="{kind}" />' for kind in BlockKind)
        ended = header.finished_at
        version = header.pagemill_version
        head = _HEAD.format(
            document=xml_text(one_line(header.document)),
            time=f"<processingDateTime>{ended.isoformat()}</processingDateTime>" if ended else "",
            version=f"<softwareVersion>{xml_text(version)}</softwareVersion>" if version else "",
            tags="\n".join(tags),
        )
        return head.encode()

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. One `Page` with its print space."""
        confidence = page.confidence
        certainty = "" if confidence is None else f' PC="{confidence:.3f}"'
        size = f'WIDTH="{page.width_px}" HEIGHT="{page.height_px}"'
        blocks = (_block(block, f"{page.number}_{at}") for at, block in enumerate(page.blocks, 1))
        return _page(
            page.number,
            f'{size}{certainty} PROCESSINGREFS="pagemill"',
            [f'<PrintSpace HPOS="0" VPOS="0" {size}>', *blocks, "</PrintSpace>"],
        )

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`.

        A `Page` of the class `unread` with the worst quality, and the reason as its detail.
        """
        note = xml_text(f"Page {page_number} was not read: {one_line(message)} ({reason})")
        return _page(page_number, f'PAGECLASS="{UNREAD}" QUALITY="Missing" QUALITY_DETAIL="{note}"', [])

    def end(self) -> bytes:
        """See `ResultWriter.end`. The closing of layout and document."""
        return b"</Layout>\n</alto>\n"


def _page(number: int, attributes: str, content: Iterable[str]) -> bytes:
    opening = f'<Page ID="page_{number}" PHYSICAL_IMG_NR="{number}" {attributes}>'
    return "\n".join((opening, *content, "</Page>\n")).encode()


def _block(block: Block, key: str) -> str:
    attributes = f'ID="block_{key}" {_place(block.polygon)} TAGREFS="{block.kind}"'
    lines = [line for at, each in enumerate(block.lines, 1) if (line := _line(each, f"{key}_{at}"))]
    if not lines:
        return f"<Illustration {attributes} />"
    if block.table is not None:
        return _table(block, block.table, key)
    return "\n".join((f"<TextBlock {attributes}>", *lines, "</TextBlock>"))


def _table(block: Block, table: Table, key: str) -> str:
    """A composed block of the type `table`; each cell is a text block whose ID ends in its row and column, from 1."""
    cells = (written for cell in table.cells if (written := _cell(cell, block, key)))
    opening = f'<ComposedBlock ID="block_{key}" {_place(block.polygon)} TAGREFS="{block.kind}" TYPE="table">'
    return "\n".join((opening, *cells, "</ComposedBlock>"))


def _cell(cell: TableCell, block: Block, key: str) -> str:
    held = [block.lines[at] for at in cell.lines]
    lines = [text for at in cell.lines if (text := _line(block.lines[at], f"{key}_{at + 1}"))]
    if not lines:
        return ""
    place = _place(enclosing_polygon(held))
    return "\n".join((f'<TextBlock ID="cell_{key}_{cell.row + 1}_{cell.column + 1}" {place}>', *lines, "</TextBlock>"))


def _line(line: Line, key: str) -> str:
    """The line; empty if it has no words, because ALTO has no empty lines."""
    words = "".join(_string(spaced, f"{key}_{at}") for at, spaced in enumerate(spaced_words(line), 1))
    if not words:
        return ""
    place = f"{_place(line.polygon)}{_direction(line)}{_language(line)}"
    return f'<TextLine ID="line_{key}" {place}>{_shape(line.polygon)}{words}</TextLine>'


def _direction(line: Line) -> str:
    """The line's direction, after a space; empty if all its letters run from left to right."""
    if not has_letters_from_right([line.text]):
        return ""
    return f' BASEDIRECTION="{"rtl" if runs_from_right([line.text]) else "ltr"}"'


def _language(line: Line) -> str:
    """The line's language, after a space; empty if it is not known."""
    return "" if line.language is None else f' LANG="{xml_text(line.language)}"'


def _string(spaced: SpacedWord, key: str) -> str:
    word = spaced.word
    confidence = "" if word.confidence is None else f' WC="{word.confidence:.3f}"'
    content = xml_text(one_line(word.text))
    space = "<SP />" if spaced.is_spaced else ""
    return f'{space}<String ID="word_{key}" CONTENT="{content}" {_place(word.polygon)}{confidence} />'


def _shape(polygon: Polygon) -> str:
    """The outline of lines that are not level; the upright rectangle is enough for others."""
    box = Bounds.of(polygon)
    if all(x in (box.left, box.right) and y in (box.top, box.bottom) for x, y in polygon):
        return ""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in polygon)
    return f'<Shape><Polygon POINTS="{points}" /></Shape>'


def _place(polygon: Polygon) -> str:
    box = Bounds.of(polygon)
    width, height = box.right - box.left, box.bottom - box.top
    return f'HPOS="{box.left:.1f}" VPOS="{box.top:.1f}" WIDTH="{width:.1f}" HEIGHT="{height:.1f}"'
