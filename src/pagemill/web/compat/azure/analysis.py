"""Writes an `analyzeResult`: all text as one string, and pages, words and paragraphs that point into it.

Each list is written by a pass of its own, like a `DoclingDocument`: no more than a page lies in memory.
"""

from collections.abc import Iterator, Mapping

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, Polygon
from pagemill.domain.task.results import ResultHeader
from pagemill.web.compat.azure.options import UTF16
from pagemill.web.compat.page_writers import dump

LISTS = ("pages", "paragraphs", "warnings")
CONTENT = "content"
_ROLES: Mapping[BlockKind, str] = {
    BlockKind.TITLE: "sectionHeading",
    BlockKind.HEADER: "pageHeader",
    BlockKind.FOOTER: "pageFooter",
    BlockKind.PAGE_NUMBER: "pageNumber",
    BlockKind.FORMULA: "formulaBlock",
}

Node = Mapping[str, object]


class AnalysisWriter:
    """A `ResultWriter` of `CONTENT`, as plain text, or of one of the `LISTS`, as JSON without the brackets.

    Args:
        name: What to write.
        kind: The document's format: PDFs are measured in inches, pictures in pixels.
        index: How to count characters.
    """

    media_type = "application/json"
    extension = ".json"
    leaves_out_furniture = False

    def __init__(self, name: str, *, kind: DocumentKind, index: str) -> None:
        self.name = name
        self._kind = kind
        self._text = _Text(index)
        self._separator = b""

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`."""
        del header
        return b""

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`."""
        if self.name == CONTENT:
            return b"".join(self._text.add(line) for line in page.lines)
        measure = _Measure(page, in_inches=self._kind is DocumentKind.PDF and page.dpi is not None)
        match self.name:
            case "pages":
                return self._items([self._page(page, measure)])
            case "paragraphs":
                return self._items([self._paragraph(block, page, measure) for block in page.blocks if block.lines])
            case _:
                return self._items(
                    {"code": warning.kind.value, "message": str(warning), "target": f"page {page.number}"}
                    for warning in page.warnings
                )

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. A warning."""
        if self.name != "warnings":
            return b""
        text = f"Page {page_number} was not read: {message}"
        return self._items([{"code": reason.value, "message": text, "target": f"page {page_number}"}])

    def end(self) -> bytes:
        """See `ResultWriter.end`."""
        return b""

    def _items(self, nodes: "Iterator[Node] | list[Node]") -> bytes:
        written = b",".join(map(dump, nodes))
        if not written:
            return b""
        before, self._separator = self._separator, b","
        return before + written

    def _page(self, page: Page, measure: "_Measure") -> Node:
        words: list[Node] = []
        lines: list[Node] = []
        start = self._text.next_start
        for line in page.lines:
            self._text.add(line)
            lines.append(
                {"content": line.text, "polygon": measure.polygon(line.polygon), "spans": [self._text.span(line)]}
            )
            words += self._words(line, measure)
        return {
            "pageNumber": page.number,
            "angle": measure.angle,
            **measure.size,
            "words": words,
            "lines": lines,
            "spans": [{"offset": start, "length": max(0, self._text.end - start)} if lines else _nothing(start)],
        }

    def _words(self, line: Line, measure: "_Measure") -> Iterator[Node]:
        at = 0
        for word in line.words:
            found = line.text.find(word.text, at)
            start = at if found < 0 else found
            at = min(len(line.text), start + len(word.text))
            yield {
                "content": word.text,
                "polygon": measure.polygon(word.polygon),
                "confidence": _confidence(word.confidence),
                "span": self._text.part(line, start, at),
            }
        if not line.words:
            yield {
                "content": line.text,
                "polygon": measure.polygon(line.polygon),
                "confidence": _confidence(line.confidence),
                "span": self._text.span(line),
            }

    def _paragraph(self, block: Block, page: Page, measure: "_Measure") -> Node:
        start = self._text.next_start
        for line in block.lines:
            self._text.add(line)
        role: Node = {"role": _ROLES[block.kind]} if block.kind in _ROLES else {}
        region = {"pageNumber": page.number, "polygon": measure.polygon(block.polygon)}
        return {
            "content": " ".join(line.text for line in block.lines),
            "boundingRegions": [region],
            "spans": [{"offset": start, "length": self._text.end - start}],
            **role,
        }


class _Text:
    """The lines of all pages, joined by line breaks, and where they are.

    Attributes:
        end: Where the last line ends.
    """

    def __init__(self, index: str) -> None:
        self.end = 0
        self._is_utf16 = index == UTF16
        self._is_first = True

    @property
    def next_start(self) -> int:
        """Where the next line begins."""
        return self.end + (0 if self._is_first else 1)

    def add(self, line: Line) -> bytes:
        """Add a line; returns what it adds to the text."""
        self.end = self.next_start + self._length(line.text)
        before, self._is_first = "" if self._is_first else "\n", False
        return (before + line.text).encode()

    def span(self, line: Line) -> Node:
        """The last line, which must be this one."""
        return self.part(line, 0, len(line.text))

    def part(self, line: Line, start: int, end: int) -> Node:
        """A part of the last line, which must be this one."""
        begin = self.end - self._length(line.text)
        return {"offset": begin + self._length(line.text[:start]), "length": self._length(line.text[start:end])}

    def _length(self, text: str) -> int:
        return len(text.encode("utf-16-le")) // 2 if self._is_utf16 else len(text)


class _Measure:
    """Places on a page as it is stored: Pagemill turns it upright, and clients see it as it was.

    Attributes:
        angle: How far the writing is turned clockwise on the stored page, over -180 to 180 degrees.
    """

    def __init__(self, page: Page, *, in_inches: bool) -> None:
        self._page = page
        self._scale = 1.0 / page.dpi if in_inches and page.dpi else 1.0
        self._unit = "inch" if in_inches else "pixel"
        self.angle = -page.rotation if page.rotation < 180 else 360 - page.rotation

    @property
    def size(self) -> Node:
        """Width and height."""
        sides = (self._page.width_px, self._page.height_px)
        width, height = sides if self._page.rotation % 180 == 0 else sides[::-1]
        return {"width": self._round(width), "height": self._round(height), "unit": self._unit}

    def polygon(self, polygon: Polygon) -> list[float]:
        """Four corners: of the polygon, or of the rectangle around it if it has another number."""
        xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
        around = ((min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys)))
        corners = polygon if len(polygon) == 4 else around
        return [self._round(each) for x, y in corners for each in self._turn_back(x, y)]

    def _turn_back(self, x: float, y: float) -> tuple[float, float]:
        width, height = self._page.width_px, self._page.height_px
        match self._page.rotation:
            case 90:
                return y, width - x
            case 180:
                return width - x, height - y
            case 270:
                return height - y, x
            case _:
                return x, y

    def _round(self, length: float) -> float:
        return round(length * self._scale, 4 if self._unit == "inch" else 1)


def _confidence(given: float | None) -> float:
    """The confidence; 1 for a text layer, which was not recognised."""
    return 1.0 if given is None else round(given, 3)


def _nothing(at: int) -> Node:
    return {"offset": at, "length": 0}
