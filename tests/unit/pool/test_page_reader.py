from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from pagemill.documents.document import Unread
from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode
from pagemill.domain.errors import EncryptedDocument, EngineFailed, TaskFailureReason
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Block, Line, Page, PageSource, Word
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.pool.page_reader import STRUCTURE_PIXELS, PageReader
from pagemill.testing.engines import FaultyEngine
from pagemill.testing.structure import MarkingAnalyser


@dataclass
class Shelf:
    """Documents in memory, and which of them are open; `fault` is raised by whatever is done to them."""

    fault: Exception | None = None
    open: list[str] = field(default_factory=list)
    opened: int = 0
    max_pages: int | None = None
    password: str | None = None
    known: Page | None = None
    rendered: list[tuple[int, int, int]] = field(default_factory=list)

    def __call__(self, path: Path, *, max_pages: int | None = None, password: str | None = None) -> "Book":
        self.max_pages, self.password = max_pages, password
        if isinstance(self.fault, EncryptedDocument):
            raise self.fault
        self.opened += 1
        return Book(self, path.name)


@dataclass
class Book:
    shelf: Shelf
    name: str

    def info(self) -> DocumentInfo:
        return DocumentInfo(DocumentKind.PDF, 2)

    def render(self, number: int, *, dpi: int, max_pixels: int) -> PageImage:
        if self.shelf.fault:
            raise self.shelf.fault
        self.shelf.rendered.append((number, dpi, max_pixels))
        return PageImage(memoryview(bytes(6)), 3, 2, 1, dpi)

    def text_page(self, number: int, *, dpi: int, mode: OcrMode) -> Page | None:
        if mode is OcrMode.AUTO:
            return None
        return Page(number=number, width_px=3, height_px=2, dpi=dpi, source=PageSource.TEXT_LAYER)

    def find_unread(self, number: int, *, dpi: int, max_pixels: int, mode: OcrMode) -> Unread:
        image = self.render(number, dpi=dpi, max_pixels=max_pixels)
        known = self.shelf.known if mode is OcrMode.AUTO else None
        return Unread(image, known, ((0, 0, 3, 2),) if known else ())

    def close(self) -> None:
        self.shelf.open.remove(self.name)

    def __enter__(self) -> Self:
        self.shelf.open.append(self.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reader(shelf: Shelf, fault: str = "", *, with_engine: bool = True) -> PageReader:
    engine = FaultyEngine(EngineConfig("plain", options={"every": fault})) if with_engine else None
    return PageReader(engine, max_pixels=77, open_document=shelf)


def params(name: str = "a", stage: Stage = Stage.OCR, ocr: OcrMode = OcrMode.AUTO) -> ChunkParams:
    return ChunkParams(name, (1,), stage, RecognitionOptions(dpi=99, ocr=ocr))


def test_a_page_is_rendered_as_asked_and_read() -> None:
    shelf = Shelf()
    outcome = reader(shelf).read(2, params())
    assert isinstance(outcome, PageRead)
    assert Page.from_json(outcome.payload).text == "page 2"
    assert (outcome.pixels, outcome.confidence) == (6, 0.5)
    assert shelf.rendered == [(2, 99, 77)]


@pytest.mark.parametrize(("named", "language"), [((), None), (("en",), "en"), (("en", "de"), None)])
def test_lines_are_in_the_language_that_the_task_named(named: tuple[str, ...], language: str | None) -> None:
    asked = replace(params(), options=RecognitionOptions(dpi=99, languages=named))
    outcome = reader(Shelf()).read(1, asked)
    assert isinstance(outcome, PageRead)
    assert {line.language for line in Page.from_json(outcome.payload).lines} == {language}


def test_a_text_layer_is_taken_without_an_engine_and_counts_no_pixels() -> None:
    outcome = reader(Shelf(), with_engine=False).read(1, params(stage=Stage.TEXT, ocr=OcrMode.NEVER))
    assert isinstance(outcome, PageRead)
    assert outcome.pixels == 0
    assert Page.from_json(outcome.payload).source is PageSource.TEXT_LAYER


def test_a_page_without_a_text_layer_needs_ocr() -> None:
    assert reader(Shelf()).read(1, params(stage=Stage.TEXT)) == PageNeedsOcr(1)


def test_a_document_stays_open_until_another_comes_or_it_is_trimmed() -> None:
    shelf = Shelf()
    pages = reader(shelf)
    pages.read(1, params("a"))
    pages.read(2, params("a"))
    assert (shelf.open, shelf.opened) == (["a"], 1)
    pages.read(1, params("b"))
    assert shelf.open == ["b"]
    pages.trim()
    assert shelf.open == []
    assert pages.inspect("b").page_count == 2
    pages.close()
    assert shelf.open == []


@pytest.mark.parametrize(
    ("make", "reason", "retryable"),
    [
        (lambda: reader(Shelf(), "memory_error"), TaskFailureReason.OUT_OF_MEMORY, True),
        (lambda: reader(Shelf(), "raise"), TaskFailureReason.ENGINE_ERROR, True),
        (lambda: reader(Shelf(), "fail:why"), TaskFailureReason.ENGINE_ERROR, True),
        (lambda: reader(Shelf(MemoryError())), TaskFailureReason.OUT_OF_MEMORY, True),
        (lambda: reader(Shelf(ValueError("bits"))), TaskFailureReason.PAGE_UNREADABLE, False),
        (lambda: reader(Shelf(EncryptedDocument("locked"))), TaskFailureReason.ENCRYPTED_DOCUMENT, False),
        (lambda: reader(Shelf(), with_engine=False), TaskFailureReason.ENGINE_ERROR, True),
    ],
)
def test_whatever_goes_wrong_is_told_as_a_failed_page(
    make: Callable[[], PageReader], reason: TaskFailureReason, *, retryable: bool
) -> None:
    outcome = make().read(1, params())
    assert isinstance(outcome, PageFailed)
    assert (outcome.number, outcome.reason, outcome.retryable) == (1, reason, retryable)
    assert "bits" not in outcome.message


def list_warnings(outcome: object) -> list[str]:
    assert isinstance(outcome, PageRead)
    assert outcome.warnings == Page.from_json(outcome.payload).warnings
    return list(map(str, outcome.warnings))


def test_structure_is_found_on_what_was_recognised_and_on_what_was_taken() -> None:
    shelf = Shelf()
    engine, analyser = FaultyEngine(EngineConfig("plain")), MarkingAnalyser(threads=2)
    pages = PageReader(engine, structure=analyser, max_pixels=STRUCTURE_PIXELS + 1, open_document=shelf)
    assert list_warnings(pages.read(1, params())) == ["structured from 3 x 2 pixels on 2 threads"]
    taken = pages.read(1, params(stage=Stage.TEXT, ocr=OcrMode.NEVER))
    assert list_warnings(taken) == ["structured from 3 x 2 pixels on 2 threads"]
    assert isinstance(taken, PageRead)
    assert taken.pixels == 6
    assert shelf.rendered == [(1, 99, STRUCTURE_PIXELS + 1), (1, 99, STRUCTURE_PIXELS)]


def test_a_page_that_needs_ocr_is_not_looked_at_for_structure() -> None:
    shelf = Shelf()
    pages = PageReader(None, structure=MarkingAnalyser(), max_pixels=77, open_document=shelf)
    assert pages.read(1, params(stage=Stage.TEXT)) == PageNeedsOcr(1)
    assert shelf.rendered == []


class _Stumbling(MarkingAnalyser):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def find_structure(self, page: Page, image: PageImage) -> Page:
        super().find_structure(page, image)
        raise self._error


@pytest.mark.parametrize("error", [EngineFailed("A table without an end."), ValueError("argument 2 is shorter")])
def test_text_is_not_lost_where_its_structure_cannot_be_found(error: Exception) -> None:
    shelf, engine = Shelf(), FaultyEngine(EngineConfig(profile="plain"))
    pages = PageReader(engine, structure=_Stumbling(error), max_pixels=77, open_document=shelf)
    assert list_warnings(pages.read(1, params())) == [
        "The structure of this page could not be found. Its text is not affected."
    ]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc"), ValueError("Insufficient memory")])
def test_structure_that_does_not_fit_in_memory_is_tried_again_like_any_page(error: Exception) -> None:
    pages = PageReader(
        FaultyEngine(EngineConfig(profile="plain")),
        structure=_Stumbling(error),
        max_pixels=77,
        open_document=Shelf(),
    )
    failed = pages.read(1, params())
    assert isinstance(failed, PageFailed)
    assert failed.reason is TaskFailureReason.OUT_OF_MEMORY


def test_only_what_is_not_known_is_read_and_under_force_all() -> None:
    corners = ((0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (0.0, 1.0))
    line = Line(text="typed", polygon=corners, words=(Word(text="typed", polygon=corners),))
    known = Page(
        number=1,
        width_px=3,
        height_px=2,
        dpi=99,
        source=PageSource.TEXT_LAYER,
        blocks=(Block(polygon=corners, lines=(line,)),),
    )
    outcome = reader(Shelf(known=known)).read(1, params())
    assert isinstance(outcome, PageRead)
    page = Page.from_json(outcome.payload)
    assert page.source is PageSource.TEXT_LAYER  # the engine's only word lies under the known one
    assert [word.text for word in page.words] == ["typed"]
    forced = reader(Shelf(known=known)).read(1, params(ocr=OcrMode.FORCE))
    assert isinstance(forced, PageRead)
    assert Page.from_json(forced.payload).text == "page 1"


def test_another_password_opens_the_document_anew() -> None:
    shelf = Shelf()
    with_engine = reader(shelf)
    for password in ("one", "one", None, "two"):
        with_engine.inspect("a", password=password)
        assert shelf.password == password
    assert len(shelf.open) == 1, "those before were closed"
