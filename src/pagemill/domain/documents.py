"""What Pagemill knows about a document before it reads any page."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pagemill.domain.errors import DocumentTooLarge, InvalidPageRange


class DocumentKind(StrEnum):
    """The formats that Pagemill reads. It recognises them by their bytes, never by the file name."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    WEBP = "webp"
    BMP = "bmp"
    GIF = "gif"
    HEIC = "heic"
    AVIF = "avif"


class OcrMode(StrEnum):
    """When to recognise a page.

    `auto` uses a page's text layer if it has a trustworthy one, `force` recognises every page, `never` uses text layers
    only.
    """

    AUTO = "auto"
    FORCE = "force"
    NEVER = "never"


@dataclass(frozen=True)
class PageSize:
    """A stored page's size: PDF points (1/72 inch) for PDF, pixels for images."""

    width: float
    height: float


@dataclass(frozen=True)
class DocumentInfo:
    """What a reader found when it inspected the upload.

    Attributes:
        kind: Determined from the bytes.
        page_count: Pages (PDF), or pictures.
        page_sizes: Sizes of the first pages (at most 64), for the memory estimate.
        needs_password: It was opened with a password, and cannot be opened without.
    """

    kind: DocumentKind
    page_count: int
    page_sizes: tuple[PageSize, ...] = ()
    needs_password: bool = False


def too_many_pages(found: str, *, most: int) -> DocumentTooLarge:
    """The error for a document with too many pages; `found` is their number, or says that there are more."""
    return DocumentTooLarge(
        f"The document has {found} pages; the limit is {most}. Send it in parts.", pages=found, max_pages=most
    )


_PART = re.compile(r"(?P<first>-?[0-9]{1,9})(?: *- *(?P<last>-?[0-9]{1,9})?)?")
_PART_PATTERN = r" *-?[0-9]{1,9}( *- *(-?[0-9]{1,9})?)? *"
PAGE_RANGE_PATTERN = f"^( *|{_PART_PATTERN}(,{_PART_PATTERN})*)$"
"""The syntax of a page range, for JSON schemas. A range that matches can still run backwards, or name pages that the
document lacks."""
_HELP = 'Write ranges such as "1-3,7,-1": the first page is 1, "-1" is the last page, and "5-" runs to the end.'


def parse_page_range(text: str, page_count: int) -> tuple[int, ...]:
    """Turn `"1-3,7,-1"` into sorted distinct 1-based page numbers.

    Negative numbers count from the end (`-1` is the last page). `5-` runs to the last page, `3--2` from the third to
    the last but one. An empty text means every page.

    Raises:
        InvalidPageRange: It does not parse, runs backwards, or names a page that the document lacks.
    """
    if not text.strip(" "):
        return tuple(range(1, page_count + 1))
    numbers: list[int] = []
    for span in sorted(
        (_numbers(part.strip(" "), page_count) for part in text.split(",")), key=lambda span: span.start
    ):
        numbers.extend(range(max(span.start, numbers[-1] + 1 if numbers else 1), span.stop))
    return tuple(numbers)


def check_page_range(text: str) -> None:
    """Check the syntax of a page range, for a document that is not known yet.

    Raises:
        InvalidPageRange: It does not parse.
    """
    for part in text.split(",") if text.strip(" ") else ():
        _parse_part(part.strip(" "))


def _parse_part(part: str) -> re.Match[str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise InvalidPageRange(f"The page range {part!r} is not valid. {_HELP}")
    return match


def _numbers(part: str, page_count: int) -> range:
    match = _parse_part(part)
    first = _resolve_number(match["first"], part, page_count)
    if match["last"] is not None:
        last = _resolve_number(match["last"], part, page_count)
    else:
        open_ended = part.endswith("-")
        last = page_count if open_ended else first
    if last < first:
        raise InvalidPageRange(f"The page range {part!r} runs backwards. {_HELP}")
    return range(first, last + 1)


def _resolve_number(number: str, part: str, page_count: int) -> int:
    value = int(number)
    page = page_count + 1 + value if value < 0 else value
    if value == 0 or not 1 <= page <= page_count:
        raise InvalidPageRange(
            f"The page range {part!r} names page {value}, but the document has pages 1 to {page_count}."
        )
    return page
