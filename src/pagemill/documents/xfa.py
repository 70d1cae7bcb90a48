"""Values of dynamic XFA forms, whose pages no PDF reader but Adobe's can draw. Runs in workers only.

Such a PDF has one page that says "Please wait"; its values are XML beside that page. A PDF whose form has fields of its
own does not need this: pdfium draws their values.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from pikepdf import Array, Dictionary, Object, Pdf, Stream

from pagemill.domain.page.page import Block, Line, Page, PageWarning, WarningKind

MOST_VALUES = 2000
LONGEST_VALUE = 10_000

_DATASETS = b"datasets"
_ROW = 0.014
"""Height of a row, as a share of the page's."""

_PLACELESS = (
    "This is a dynamic XFA form, whose pages only Adobe Reader can draw. Its values are listed with the names of their "
    "fields; their places are made up. To keep the look of the form, print it to PDF with Adobe Reader."
)


def xfa_values(pdf: Pdf) -> tuple[str, ...]:
    """Each value of a dynamic form, after the name of its field; none of any other PDF."""
    form = pdf.Root.get("/AcroForm")
    if not isinstance(form, Dictionary) or (packets := form.get("/XFA")) is None or not _is_dynamic(pdf, form):
        return ()
    return tuple(islice(_values(_xml(packets)), MOST_VALUES))


def with_values(page: Page, values: Iterable[str]) -> Page:
    """The page with the values in rows from its top, and a warning that their places are made up."""
    height, right = _ROW * page.height_px, float(page.width_px)
    lines = []
    for row, value in enumerate(values):
        top = min(row * height, page.height_px - height)
        outline = ((0.0, top), (right, top), (right, top + height), (0.0, top + height))
        lines.append(Line(text=value, polygon=outline))
    edge = min(len(lines) * height, float(page.height_px))
    block = Block(polygon=((0.0, 0.0), (right, 0.0), (right, edge), (0.0, edge)), lines=tuple(lines))
    warning = PageWarning(kind=WarningKind.XFA_FORM, message=_PLACELESS)
    return page.model_copy(update={"blocks": (*page.blocks, block), "warnings": (*page.warnings, warning)})


def _is_dynamic(pdf: Pdf, form: Dictionary) -> bool:
    fields = form.get("/Fields")
    return bool(pdf.Root.get("/NeedsRendering", False)) or not (isinstance(fields, Array) and len(fields))


def _xml(packets: object) -> bytes:
    """The packet of data, or all of it."""
    if isinstance(packets, Stream):
        return packets.read_bytes()
    items: list[Object] = list(packets.as_list()) if isinstance(packets, Array) else []
    for name, packet in zip(items[::2], items[1::2], strict=False):
        if bytes(name) == _DATASETS and isinstance(packet, Stream):
            return packet.read_bytes()
    return b""


def _values(xml: bytes) -> Iterator[str]:
    from lxml import etree  # 4 MiB of every worker, for few documents

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(xml, parser) if xml.strip() else None
    data = None if root is None else next(root.iter("{*}data"), None)
    for element in () if data is None else data.iter("{*}*"):
        text = "" if len(element) else " ".join((element.text or "").split())[:LONGEST_VALUE]
        if text:
            yield f"{etree.QName(element).localname}: {text}"
