"""The interface of an open document of any kind."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from pagemill.documents.claims import Claim
from pagemill.domain.documents import DocumentInfo, OcrMode
from pagemill.domain.errors import PageUnreadable
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageWarning, Rectangle


@dataclass(frozen=True)
class Unread:
    """A page that an engine must recognise.

    Attributes:
        image: The image from `render`, if possible without the ink of known words.
        known: The page with the words that need no recognition; None if there are none.
        regions: Where there is more to read, pixels of the image; only with `known`, otherwise the whole page.
        claims: Lines of hidden text among the known words that a look at the image must bear out first.
        shown: The page to use in place of `known` if the image does not; None if it has no other words.
        notes: Warnings for the page if words are recognised on it.
    """

    image: PageImage
    known: Page | None = None
    regions: tuple[Rectangle, ...] = ()
    claims: tuple[Claim, ...] = ()
    shown: Page | None = None
    notes: tuple[PageWarning, ...] = ()


class Document(Protocol):
    """An open document. Lives in a worker, on one thread; pages are numbered from 1.

    Leaving its `with` block closes the file.
    """

    def info(self) -> DocumentInfo:
        """Kind, number of pages and the first sizes."""
        ...

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        """The page as pixels, upright according to the document (a PDF's page rotation, a photo's EXIF orientation).

        Args:
            number: 1-based page number.
            dpi: Resolution for pages that have no pixels of their own (PDF).
            max_pixels: Most pixels of the image; a larger page gets a lower resolution, see `PageImage.dpi`.

        Raises:
            PageUnreadable: The page is damaged or too large to decode; the message has the numbers.
        """
        ...

    def text_page(self, number: int, *, dpi: int, mode: OcrMode) -> Page | None:
        """The page's own text layer, in pixels at `dpi`; None if an engine must recognise the page.

        With `auto`, an engine must also recognise writing that the text layer lacks. With `never` the result is always
        a page, with warnings if the text layer is missing, doubtful or incomplete; with `force` it is None.

        Raises:
            PageUnreadable: The page is damaged.
        """
        ...

    def find_unread(self, number: int, *, dpi: int, max_pixels: int, mode: OcrMode) -> Unread:
        """The page for recognition, with `auto` together with the words of its text layer; see `render`.

        Raises:
            PageUnreadable: As `render`.
        """
        ...

    def close(self) -> None:
        """Close the file; closing twice is not an error."""
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
"""Most page sizes in `DocumentInfo`."""


def check_page_number(number: int, page_count: int) -> None:
    """Refuse a page that the document lacks.

    Raises:
        PageUnreadable: `number` is not in 1 … `page_count`.
    """
    if not 1 <= number <= page_count:
        raise PageUnreadable(f"There is no page {number}: the document has pages 1 to {page_count}.")
