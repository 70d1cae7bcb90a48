"""The request of `POST /v1/ocr`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pagemill.web.compat.pages import check_pages
from pagemill.web.receiving import refused_field

DOCUMENTS = ("document_url", "image_url", "url")
"""Members that can hold a document, as a data URL."""
_IMPOSSIBLE = ("document_annotation_format", "bbox_annotation_format", "document_annotation_prompt")
_KNOWN = frozenset({"model", "document", "pages", "id", *_IMPOSSIBLE})
_RANGE = re.compile(r" *(\d{1,6})(?: *- *(\d{1,6}))? *")
_MOST_RANGES = 5000


@dataclass(frozen=True)
class PageChoice:
    """The requested pages.

    Attributes:
        ranges: First and last page of each range, from 0; None for all pages.
    """

    ranges: tuple[tuple[int, int], ...] | None = None

    @property
    def text(self) -> str:
        """As our page range."""
        return ",".join(f"{first + 1}-{last + 1}" for first, last in self.ranges or ())

    def has(self, number: int) -> bool:
        """Whether a page, from 1, is requested."""
        return self.ranges is None or any(first < number <= last + 1 for first, last in self.ranges)


@dataclass(frozen=True)
class OcrRequest:
    """What a client asks for.

    Attributes:
        name: The document's name; "" if the request names none.
        pages: The requested pages.
        file_id: The uploaded file; "" if it is not named by its id.
        address: The address in place of a document; "" without one.
        ignored: Options without effect.
    """

    name: str = ""
    pages: PageChoice = PageChoice()
    file_id: str = ""
    address: str = ""
    ignored: tuple[str, ...] = ()


def understand_request(body: Mapping[str, object]) -> OcrRequest:
    """Read the body.

    Raises:
        RequestRefused: `invalid_request`.
    """
    document = body.get("document")
    if not isinstance(document, dict):
        raise refused_field(
            "document", 'send {"type": "document_url", "document_url": "data:…;base64,…"}, or a file_id'
        )
    for name in _IMPOSSIBLE:
        if body.get(name) is not None:
            raise refused_field(name, "this service makes no annotations; leave it out")
    image = document.get("image_url")
    addresses = (document.get("document_url"), image.get("url") if isinstance(image, dict) else image)
    return OcrRequest(
        name=_text(document.get("document_name")),
        pages=_choose_pages(body.get("pages")),
        file_id=_text(document.get("file_id")),
        address=next((each for each in map(_text, addresses) if each), ""),
        ignored=tuple(name for name, value in body.items() if name not in _KNOWN and value not in (None, False)),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _choose_pages(given: object) -> PageChoice:
    if given is None:
        return PageChoice()
    parts: Sequence[object] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else ()
    matches = [_RANGE.fullmatch(str(part)) for part in parts[:_MOST_RANGES]]
    ranges = [(int(match[1]), int(match[2] or match[1])) for match in matches if match is not None]
    if not ranges or len(ranges) < len(parts) or any(last < first for first, last in ranges):
        raise refused_field("pages", 'write page numbers from 0, such as [0, 1] or "0-5,7"')
    choice = PageChoice(tuple(ranges))
    check_pages(choice.text, field="pages")
    return choice
