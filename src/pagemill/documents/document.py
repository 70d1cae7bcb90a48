"""What an open document can do, whatever its kind."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from pagemill.domain.documents import DocumentInfo, OcrMode
from pagemill.domain.errors import PageUnreadable
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, Rectangle


@dataclass(frozen=True)
class Unread:
    """A page that is to be recognised.

    Attributes:
        image: As `render` gives it, but without the ink of known words where that could be left out.
        known: The page with the words that need not be recognised; None where there are none.
        regions: Where there is more to be read, pixels of the image; with `known` only: else it is all of the page.
    """

    image: PageImage
    known: Page | None = None
    regions: tuple[Rectangle, ...] = ()


class Document(Protocol):
    """An open document. Lives in a worker, on one thread; pages are numbered from 1.

    Leaving its `with` block closes the file.
    """

    def info(self) -> DocumentInfo:
        """Kind, number of pages and the first sizes."""
        ...

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        """The page as pixels, upright as far as the document says (a PDF's page rotation, a photo's EXIF orientation).

        Args:
            number: 1-based page number.
            dpi: Resolution for pages that have no pixels of their own (PDF).
            max_pixels: The image has no more; resolution is lowered until it does. `PageImage.dpi` says the true one.

        Raises:
            PageUnreadable: The page is damaged, or takes too many pixels to decode; the message has the numbers.
        """
        ...

    def text_page(self, number: int, *, dpi: int, mode: OcrMode) -> Page | None:
        """What the page's own text layer says, in pixels at `dpi`; None where the page is to be recognised.

        Under `auto` it is to be recognised where it shows writing that its text layer does not hold, too. Under `never`
        there is always a page, with warnings where the text layer is missing, doubtful, or holds not all of the page;
        under `force` there is none.

        Raises:
            PageUnreadable: The page is damaged.
        """
        ...

    def unread(self, number: int, *, dpi: int, max_pixels: int, mode: OcrMode) -> Unread:
        """The page as it is to be recognised: under `auto` beside the words that its text layer tells; see `render`.

        Raises:
            PageUnreadable: As `render`.
        """
        ...

    def close(self) -> None:
        """Let go of the file; twice is no error."""
        ...

    def __enter__(self) -> Self:
        """The document itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...


SIZES_TOLD = 64
"""How many page sizes `DocumentInfo` holds at most."""


def check_page_number(number: int, page_count: int) -> None:
    """Refuse a page the document does not have.

    Raises:
        PageUnreadable: `number` is not in 1 … `page_count`.
    """
    if not 1 <= number <= page_count:
        raise PageUnreadable(f"There is no page {number}: the document has pages 1 to {page_count}.")
