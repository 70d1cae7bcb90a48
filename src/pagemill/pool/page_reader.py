"""Reads pages one by one. Runs in a worker."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from pagemill.documents.document import Document, Unread
from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import EngineFailed, OutOfMemory, PagemillError, PageUnreadable
from pagemill.domain.page.doubt import is_doubtful, warn_of_doubt
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, PageSource, PageWarning, WarningKind
from pagemill.domain.work.engine_spec import Engine, StructureAnalyser
from pagemill.domain.work.languages import name_languages
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageOutcome, PageRead
from pagemill.domain.work.recognition import ChunkParams, Stage
from pagemill.engines.failures import is_out_of_memory
from pagemill.pool.linux import peak_rss_bytes, reset_peak
from pagemill.pool.patching import SecondLook, read_unread

logger = logging.getLogger(__name__)

STRUCTURE_PIXELS = 4_000_000
"""The most pixels of a page that is drawn only to find its structure: an A4 page at 200 dpi."""

_NO_MEMORY = "Memory ran out."
_UNREADABLE = "This page cannot be opened: its data is damaged or of a kind that is not supported."
_NO_STRUCTURE = "The structure of this page could not be found. Its text is not affected."
_ENGINE = "The engine failed on this page. The worker's log says why."


class OpenDocument(Protocol):
    """`documents.opening.open_document`."""

    def __call__(self, path: Path, *, max_pages: int | None = None, password: str | None = None) -> Document:
        """Open a document; see `open_document`."""
        ...


class LookAgain(Protocol):
    """`second_look.looked_at_again`."""

    def __call__(self, page: Page, image: PageImage, engine: Engine, *, batch_size: int | None) -> Page:
        """The page with words that only show at a second look; see `looked_at_again`."""
        ...


class PageReader:
    """Opens documents, renders their pages and has the engine read them; the last document stays open."""

    def __init__(
        self,
        engine: Engine | None,
        *,
        structure: StructureAnalyser | None = None,
        max_pixels: int,
        open_document: OpenDocument,
    ) -> None:
        self._engine = engine
        self._accounted = _load_accounting(engine)
        self._look_again = _load_second_look(engine)
        self._structure = structure
        self._max_pixels = max_pixels
        self._open_document = open_document
        self._closing = ExitStack()
        self._opened: tuple[tuple[str, str | None], Document] | None = None

    def read(self, number: int, params: ChunkParams) -> PageOutcome:
        """The outcome of the page; any error makes it a `PageFailed`."""
        reset_peak()
        try:
            with translate_errors(EngineFailed(_ENGINE)):
                return self._read(number, params)
        except PagemillError as error:
            logger.warning("Page %s of %s failed: %s", number, params.document, error.message)
            return PageFailed(number, error.reason, error.message, error.retryable, peak_rss_bytes())
        finally:
            self._trim_models()

    def inspect(self, path: str, *, max_pages: int | None = None, password: str | None = None) -> DocumentInfo:
        """What the document is; it stays open for the chunk that may follow.

        Raises:
            DocumentError: The document cannot be read, or has more pages than `max_pages`; the message says why.
        """
        return self._document(path, password, max_pages=max_pages).info()

    def image(self, path: str, number: int, *, dpi: int, max_pixels: int, password: str | None = None) -> PageImage:
        """One page as pixels, for people to look at.

        Raises:
            DocumentError: The document cannot be opened.
            PageUnreadable: The page is damaged, or too large to be decoded.
        """
        return self._document(path, password).render(number, dpi=dpi, max_pixels=min(max_pixels, self._max_pixels))

    def trim(self) -> None:
        """Close the document and give free memory back."""
        self._close_document()
        self._trim_models()

    def close(self) -> None:
        """Close the document and the models."""
        self._close_document()
        for models in (self._engine, self._structure):
            if models is not None:
                models.close()

    def _read(self, number: int, params: ChunkParams) -> PageOutcome:
        started = time.perf_counter()
        page, pixels = self._recognise_page(number, params) if params.stage is Stage.OCR else self._text(number, params)
        if page is None:
            return PageNeedsOcr(number)
        page = name_languages(page, params.options.languages)
        return PageRead(
            number,
            payload=page.to_json(),
            seconds=time.perf_counter() - started,
            peak_bytes=peak_rss_bytes(),
            pixels=pixels,
            confidence=page.confidence,
            warnings=page.warnings,
            is_doubtful=params.stage is Stage.OCR and is_doubtful(page),
        )

    def _text(self, number: int, params: ChunkParams) -> tuple[Page | None, int]:
        with translate_errors(PageUnreadable(_UNREADABLE)):
            document = self._document(params.document, params.password)
            page = document.text_page(number, dpi=params.options.dpi, mode=params.options.ocr)
            if page is None or self._structure is None:
                return page, 0
            most = min(self._max_pixels, STRUCTURE_PIXELS)
            image = document.render(number, dpi=params.options.dpi, max_pixels=most)
        return self._add_structure(page, image), image.pixels

    def _recognise_page(self, number: int, params: ChunkParams) -> tuple[Page, int]:
        if self._engine is None:
            raise EngineFailed("This worker has no engine, so it cannot recognise pages.")
        options = params.options
        with translate_errors(PageUnreadable(_UNREADABLE)):
            document = self._document(params.document, params.password)
            unread = document.find_unread(number, dpi=options.dpi, max_pixels=self._max_pixels, mode=options.ocr)
        if params.first_reading:
            return _read_again(
                Page.from_json(params.first_reading), unread.image, self._engine, params
            ), unread.image.pixels
        batch_size = params.batch_size
        page = read_unread(
            unread,
            number,
            self._engine,
            rotation=options.rotation,
            batch_size=batch_size,
            second_look=self._second_look(self._engine, batch_size=batch_size),
        )
        if self._accounted is not None and not unread.image.is_plain:
            page = warn_of_doubt(self._accounted(page, unread.image), params.remedy)
        if self._structure is not None:
            page = self._add_structure(page, self._render_whole(document, number, unread, dpi=options.dpi))
        has_new_words = page.source is not PageSource.TEXT_LAYER and page.blocks
        notes = (*(unread.notes if has_new_words else ()), *params.notes)
        return page.model_copy(update={"warnings": page.warnings + notes}), unread.image.pixels

    def _second_look(self, engine: Engine, *, batch_size: int | None) -> SecondLook | None:
        look_again = self._look_again
        if look_again is None:
            return None
        return lambda page, image: look_again(page, image, engine, batch_size=batch_size)

    def _render_whole(self, document: Document, number: int, unread: Unread, *, dpi: int) -> PageImage:
        """The whole page as an image for the structure models, known words included."""
        if unread.known is None:
            return unread.image
        with translate_errors(PageUnreadable(_UNREADABLE)):
            return document.render(number, dpi=dpi, max_pixels=self._max_pixels)

    def _add_structure(self, page: Page, image: PageImage) -> Page:
        """The page with its layout and tables, if wanted; a failure never costs the page its text."""
        if self._structure is None:
            return page
        try:
            with translate_errors(EngineFailed(_NO_STRUCTURE)):
                return self._structure.find_structure(page, image)
        except EngineFailed as failure:
            logger.warning("Page %d keeps its plain text: %s", page.number, failure.message)
            lacking = PageWarning(kind=WarningKind.STRUCTURE, message=_NO_STRUCTURE)
            return page.model_copy(update={"warnings": (*page.warnings, lacking)})

    def _document(self, path: str, password: str | None, *, max_pages: int | None = None) -> Document:
        if self._opened is None or self._opened[0] != (path, password):
            self._close_document()
            document = self._open_document(Path(path), max_pages=max_pages, password=password)
            self._opened = (path, password), self._closing.enter_context(document)
        return self._opened[1]

    def _close_document(self) -> None:
        self._opened = None
        self._closing.close()

    def _trim_models(self) -> None:
        for models in (self._engine, self._structure):
            if models is not None:
                models.trim()


def _read_again(first: Page, image: PageImage, engine: Engine, params: ChunkParams) -> Page:
    from pagemill.pool.script_reading import read_again  # loads OpenCV, as the engine did

    return warn_of_doubt(read_again(first, image, engine), params.remedy)


def _load_accounting(engine: Engine | None) -> Callable[[Page, PageImage], Page] | None:
    """A function that adds warnings about ink without words to a page; None if no engine reads ink.

    It loads OpenCV together with the engine, so that a ready worker already holds it and no later limit forbids it.
    """
    if engine is None or not engine.reads_ink:
        return None
    from pagemill.documents.accounting import with_warnings

    return with_warnings


def _load_second_look(engine: Engine | None) -> "LookAgain | None":
    """A function that reads a page again where its colours hide writing; None if no engine reads ink."""
    if engine is None or not engine.reads_ink:
        return None
    from pagemill.pool.second_look import looked_at_again

    return looked_at_again


@contextmanager
def translate_errors(otherwise: PagemillError) -> Iterator[None]:
    """Turn an error of the block into one of ours (mostly `otherwise`), and log the original."""
    try:
        yield
    except PagemillError:
        raise
    except MemoryError as error:
        raise OutOfMemory(_NO_MEMORY) from error
    except Exception as error:
        logger.exception("A step on a page failed")
        raise (OutOfMemory(_NO_MEMORY) if is_out_of_memory(error) else otherwise) from error
