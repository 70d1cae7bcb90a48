"""Page ranges of doors, checked before a document is kept."""

from pagemill.domain.documents import check_page_range
from pagemill.domain.task.task import LONGEST_PAGE_RANGE
from pagemill.web.receiving import refused_field


def check_pages(pages: str, *, field: str) -> str:
    """The page range, if it can be one.

    Raises:
        InvalidPageRange: It does not parse.
        RequestRefused: `invalid_request`: it is too long.
    """
    if len(pages) > LONGEST_PAGE_RANGE:
        raise refused_field(field, f"too long; as a page range it may have {LONGEST_PAGE_RANGE} characters")
    check_page_range(pages)
    return pages
