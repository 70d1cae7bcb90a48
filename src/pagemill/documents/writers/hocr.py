"""hOCR 1.2 (kba.github.io/hocr-spec/1.2): an XHTML document with the position of every word."""

from pagemill.documents.words import Bounds, SpacedWord, spaced_words
from pagemill.documents.writers.html_table import rows_as_read, spans, table_direction
from pagemill.documents.writers.markup import fixed_direction_attribute, fixed_language_attribute, xml_text
from pagemill.documents.writers.rows import one_line
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.direction import runs_from_right
from pagemill.domain.page.page import Block, BlockKind, Line, Page, Polygon, Table, TableCell
from pagemill.domain.task.results import ResultHeader

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<meta name="ocr-system" content="{system}" />
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocr_header ocr_footer ocr_pageno \
ocr_caption ocr_photo ocr_math ocr_table ocrx_word ocrp_wconf ocrp_dir ocrp_lang" />
<meta name="ocr-number-of-pages" content="{pages}" />
</head>
<body>
"""

_LINE_CLASSES = {
    BlockKind.HEADER: "ocr_header",
    BlockKind.FOOTER: "ocr_footer",
    BlockKind.PAGE_NUMBER: "ocr_pageno",
    BlockKind.CAPTION: "ocr_caption",
}

LEAST_SLOPE = 0.001
"""A line that rises less than this is level: a pixel on its whole length."""

STEEPEST_SLOPE = 1.0


class HocrWriter:
    """XHTML; boxes are whole pixels of the upright page, `baseline` is the lower edge of lines that are not level."""

    name = "hocr"
    media_type = "text/vnd.hocr+html; charset=utf-8"
    extension = ".hocr"
    leaves_out_furniture = False

    def __init__(self) -> None:
        self._document = ""

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. Declaration, head, and the opening of the body."""
        self._document = xml_text(one_line(header.document).replace('"', "'").replace(";", ","))
        system = f"Pagemill {header.pagemill_version or ''}".strip()
        head = _HEAD.format(title=xml_text(header.document), system=xml_text(system), pages=header.pages_total)
        return head.encode()

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. One `ocr_page`."""
        parts = [self._opening(page), *(_area(block, f"{page.number}_{at}") for at, block in enumerate(page.blocks, 1))]
        return ("".join(parts) + "</div>\n").encode()

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. An `ocr_page` without a box, and a paragraph that is not an OCR element."""
        note = xml_text(f"Page {page_number} was not read: {one_line(message)} ({reason})")
        opening = f'<div class="ocr_page" id="page_{page_number}" title="ppageno {page_number - 1}">'
        return f'{opening}<p class="unread">{note}</p></div>\n'.encode()

    def end(self) -> bytes:
        """See `ResultWriter.end`. The closing of body and document."""
        return b"</body>\n</html>\n"

    def _opening(self, page: Page) -> str:
        # positions are those of the upright page: over a picture that is not upright, a viewer would misplace words
        source = "x_source" if page.rotation else "image"
        properties = [
            f"{source} &quot;{self._document}&quot;",
            f"bbox 0 0 {page.width_px} {page.height_px}",
            f"ppageno {page.number - 1}",
        ]
        if page.dpi is not None:
            properties.append(f"scan_res {page.dpi:.0f} {page.dpi:.0f}")
        return f'<div class="ocr_page" id="page_{page.number}" title="{"; ".join(properties)}">\n'


def _area(block: Block, key: str) -> str:
    title = bbox(block.polygon)
    if not block.lines:
        kind = "ocr_math" if block.kind is BlockKind.FORMULA else "ocr_photo"
        return f'<div class="{kind}" id="block_{key}" title="{title}"></div>\n'
    if block.table is not None:
        return _table(block, block.table, key)
    line_class = _LINE_CLASSES.get(block.kind, "ocr_line")
    texts = [line.text for line in block.lines]
    is_within, direction = runs_from_right(texts), fixed_direction_attribute(texts)
    lines = "\n".join(
        _line(line, line_class, f"{key}_{at}", is_within=is_within) for at, line in enumerate(block.lines, 1)
    )
    return (
        f'<div class="ocr_carea" id="block_{key}" title="{title}">\n'
        f'<p class="ocr_par" id="par_{key}"{direction} title="{title}">\n{lines}\n</p>\n</div>\n'
    )


def _table(block: Block, table: Table, key: str) -> str:
    """The table in XHTML, as hOCR requires; its lines are in the cells."""
    is_within = runs_from_right(line.text for line in block.lines)
    written = (
        "<tr>" + "".join(_cell(cell, block, key, is_within=is_within) for cell in cells) + "</tr>\n"
        for _, cells in rows_as_read(table, is_from_right=is_within)
    )
    attributes = f'id="block_{key}"{table_direction(is_from_right=is_within)} title="{bbox(block.polygon)}"'
    return f'<table class="ocr_table" {attributes}>\n{"".join(written)}</table>\n'


def _cell(cell: TableCell, block: Block, key: str, *, is_within: bool) -> str:
    lines = "\n".join(_line(block.lines[at], "ocr_line", f"{key}_{at + 1}", is_within=is_within) for at in cell.lines)
    return f"<td{spans(cell)}>{lines}</td>"


def _line(line: Line, line_class: str, key: str, *, is_within: bool = False) -> str:
    words = "".join(_word(spaced, f"{key}_{at}") for at, spaced in enumerate(spaced_words(line), 1))
    properties = "; ".join(filter(None, (bbox(line.polygon), baseline(line.polygon))))
    direction = fixed_direction_attribute([line.text], is_within=is_within)
    direction += fixed_language_attribute(line.language)
    return f'<span class="{line_class}" id="line_{key}"{direction} title="{properties}">{words}</span>'


def _word(spaced: SpacedWord, key: str) -> str:
    word = spaced.word
    confidence = "" if word.confidence is None else f"; x_wconf {100 * word.confidence:.0f}"
    text = (
        f'<span class="ocrx_word" id="word_{key}" title="{bbox(word.polygon)}{confidence}">{xml_text(word.text)}</span>'
    )
    return f" {text}" if spaced.is_spaced else text


def bbox(polygon: Polygon) -> str:
    """The property `bbox`: the nearest whole pixels, never below zero."""
    box = Bounds.of(polygon)
    edges = (max(0, round(edge)) for edge in (box.left, box.top, box.right, box.bottom))
    return "bbox " + " ".join(map(str, edges))


def baseline(polygon: Polygon) -> str | None:
    """The property `baseline`, slope and offset from the box's lower left corner; None for level and steep lines."""
    if len(polygon) != 4:
        return None
    _, _, (right, right_y), (left, left_y) = polygon
    slope = (right_y - left_y) / (right - left) if right > left else 0.0
    if not LEAST_SLOPE <= abs(slope) <= STEEPEST_SLOPE:
        return None
    box = Bounds.of(polygon)
    return f"baseline {slope:.4f} {left_y - slope * (left - box.left) - box.bottom:.1f}"
