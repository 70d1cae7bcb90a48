"""Writes a `DoclingDocument` (docling-core, schema 1.3): flat lists of nodes that refer to each other.

The lists come one after the other in the file, and each runs through all pages. To hold no more than a page at a time,
every list is written by a pass of its own, and every pass numbers the nodes in the same way.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Page, Polygon, Table
from pagemill.domain.task.results import ResultHeader
from pagemill.domain.task.task import StoredDocument
from pagemill.web.receiving import MEDIA_TYPES

LISTS = ("body", "groups", "texts", "pictures", "tables", "pages")
"""The passes, in the order of the file. `body` is the reading order."""
SCHEMA_VERSION = "1.3.0"
POINTS_PER_INCH = 72

Node = Mapping[str, object]

_LABELS: Mapping[BlockKind, str] = {
    BlockKind.TEXT: "text",
    BlockKind.TITLE: "section_header",
    BlockKind.LIST: "list_item",
    BlockKind.TABLE: "text",
    BlockKind.FIGURE: "text",
    BlockKind.CAPTION: "caption",
    BlockKind.HEADER: "page_header",
    BlockKind.FOOTER: "page_footer",
    BlockKind.PAGE_NUMBER: "page_footer",
    BlockKind.FORMULA: "formula",
}
"""Docling's label of each kind of block with lines. Tables and figures have nodes of their own."""
_UNKNOWN_TO_CLIENTS = frozenset({DocumentKind.WEBP, DocumentKind.HEIC, DocumentKind.AVIF})
"""docling-core refuses media types that Python does not know, and these are new in Python or depend on the machine."""
_FURNITURE = frozenset({BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER})


class DoclingWriter:
    """A `ResultWriter` of one of the `LISTS`."""

    media_type = "application/json"
    extension = ".json"
    leaves_out_furniture = False

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes = _Nodes()
        self._separator = ""

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`."""
        del header
        return b""

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. The page's nodes for this list."""
        written = [
            f'"{page.number}":{_dump(node)}' if self.name == "pages" else _dump(node)
            for name, node in self._nodes.of(page)
            if name == self.name
        ]
        if not written:
            return b""
        before, self._separator = self._separator, ","
        return (before + ",".join(written)).encode()

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. Nothing: the answer has a list of errors."""
        del page_number, reason, message
        return b""

    def end(self) -> bytes:
        """See `ResultWriter.end`."""
        return b""


def document_head(document: StoredDocument, kind: DocumentKind) -> str:
    """The members of the document before its lists, without the closing brace."""
    root: Node = {"parent": None, "children": [], "name": "_root_", "label": "unspecified"}
    origin = {
        "mimetype": MEDIA_TYPES[kind],
        "binary_hash": int(document.sha256[:16], 16),
        "filename": document.name,
    }
    head: Node = {
        "schema_name": "DoclingDocument",
        "version": SCHEMA_VERSION,
        "name": document.name.rpartition(".")[0] or document.name,
        "origin": None if kind in _UNKNOWN_TO_CLIENTS else origin,
        "furniture": {"self_ref": "#/furniture", "content_layer": "furniture", **root},
        "key_value_items": [],
        "form_items": [],
    }
    return _dump(head).removesuffix("}")


def list_frame(name: str) -> tuple[str, str]:
    """What comes before and after the nodes of a list."""
    if name == "body":
        tail = '],"name":"_root_","label":"unspecified"}'
        return ',"body":{"self_ref":"#/body","parent":null,"content_layer":"body","children":[', tail
    return (',"pages":{', "}") if name == "pages" else (f',"{name}":[', "]")


class _Nodes:
    """Numbers and makes the nodes of pages."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(LISTS, 0)

    def of(self, page: Page) -> Iterator[tuple[str, Node]]:
        """The nodes of the next page, each with the name of its list."""
        scale = 1.0 if page.dpi is None else POINTS_PER_INCH / page.dpi
        size = {"width": page.width_px * scale, "height": page.height_px * scale}
        yield "pages", {"size": size, "page_no": page.number}
        for is_list, run in groupby(page.blocks, lambda block: block.kind is BlockKind.LIST and bool(block.lines)):
            if is_list:
                yield from self._list(list(run), page)
            else:
                for block in run:
                    yield from self._block(block, page)

    def _list(self, blocks: Sequence[Block], page: Page) -> Iterator[tuple[str, Node]]:
        group, parent = self._next("groups")
        first = self._counts["texts"]
        children = [{"$ref": f"#/texts/{first + at}"} for at in range(len(blocks))]
        yield "body", parent
        yield "groups", {**group, "parent": _BODY, "children": children, "name": "list", "label": "list"}
        for block in blocks:
            yield from self._text(block, page, parent=parent)

    def _block(self, block: Block, page: Page) -> Iterator[tuple[str, Node]]:
        if block.kind is BlockKind.FIGURE:
            node, ref = self._next("pictures")
            yield "body", ref
            yield "pictures", {**node, **_item("picture", block, page), **_NO_CAPTIONS}
        if block.table is not None:
            node, ref = self._next("tables")
            yield "body", ref
            yield "tables", {**node, **_item("table", block, page), "data": _table(block.table), **_NO_CAPTIONS}
        elif block.lines:  # those of a figure, too: docling leaves out what is inside a picture
            yield "body", {"$ref": f"#/texts/{self._counts['texts']}"}
            yield from self._text(block, page, parent=_BODY)

    def _text(self, block: Block, page: Page, *, parent: Node) -> Iterator[tuple[str, Node]]:
        node, _ = self._next("texts")
        label = _LABELS[block.kind]
        special: Node = {"level": 1} if label == "section_header" else {}
        if label == "list_item":
            special = {"enumerated": False, "marker": ""}
        text = {"orig": block.text, "text": block.text}
        yield "texts", {**node, **_item(label, block, page), "parent": parent, **text, **special}

    def _next(self, name: str) -> tuple[Node, Node]:
        """The start of the next node of a list, and the reference to it."""
        at = self._counts[name]
        self._counts[name] = at + 1
        return {"self_ref": f"#/{name}/{at}"}, {"$ref": f"#/{name}/{at}"}


_BODY: Node = {"$ref": "#/body"}
_NO_CAPTIONS: Node = {"captions": [], "references": [], "footnotes": []}


def _item(label: str, block: Block, page: Page) -> Node:
    return {
        "parent": _BODY,
        "children": [],
        "content_layer": "furniture" if block.kind in _FURNITURE else "body",
        "label": label,
        "prov": [{"page_no": page.number, "bbox": _box(block.polygon, page), "charspan": [0, len(block.text)]}],
    }


def _box(polygon: Polygon, page: Page) -> Node:
    """The box within the page in points from the bottom left corner, as docling writes it for PDFs."""
    xs = [min(max(x, 0.0), page.width_px) for x, _ in polygon]
    ys = [page.height_px - min(max(y, 0.0), page.height_px) for _, y in polygon]
    scale = 1.0 if page.dpi is None else POINTS_PER_INCH / page.dpi
    box = {"l": min(xs), "t": max(ys), "r": max(xs), "b": min(ys)}
    return {**{side: round(at * scale, 3) for side, at in box.items()}, "coord_origin": "BOTTOMLEFT"}


def _table(table: Table) -> Node:
    cells = [
        {
            "text": cell.text,
            "row_span": cell.row_span,
            "col_span": cell.column_span,
            "start_row_offset_idx": cell.row,
            "end_row_offset_idx": cell.row + cell.row_span,
            "start_col_offset_idx": cell.column,
            "end_col_offset_idx": cell.column + cell.column_span,
            "column_header": cell.row == 0,
            "row_header": False,
            "row_section": False,
        }
        for cell in table.cells
    ]
    return {"table_cells": cells, "num_rows": table.rows, "num_cols": table.columns}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
