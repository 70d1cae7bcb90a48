"""Searchable PDFs: the original document, with the recognised words in their places. Runs in workers only.

    original ──▶ pages as they are ──┐
    image    ──▶ a page its size   ──┼──▶ invisible text before each page's own content ──▶ output, whole or not at all
    result   ──▶ words and places  ──┘

It copies a PDF's own content streams and images byte for byte. Words come before them, in a stream of their own, so
that the page's changes of the graphics state cannot move them. If they replace hidden text of an earlier recognition,
that text is removed: the page's content is rewritten, its images are not.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pikepdf
from pikepdf import Array, Dictionary, Pdf
from pydantic import BaseModel

from pagemill.documents.active_content import remove_active_content
from pagemill.documents.glyphless import CharacterCodes, add_font, deflate
from pagemill.documents.image_pages import ImagePages
from pagemill.documents.new_layer import words_to_write
from pagemill.documents.old_layer import without_hidden_text
from pagemill.documents.opening import sniff_file
from pagemill.documents.page_frame import PageFrame, PageRect
from pagemill.documents.passwords import open_with_pikepdf
from pagemill.documents.pdf import PdfFile
from pagemill.documents.sheet import WrittenWords
from pagemill.documents.text_stream import ToUserSpace, text_stream
from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import EncryptedDocument, InvalidDocument
from pagemill.domain.page.page import Page, PageSource

_MOST_ANCESTORS = 64


class _Origin(BaseModel):
    """The source of a page's words, from its JSON."""

    source: PageSource


class _Target(Protocol):
    """A PDF that is being made searchable."""

    pdf: Pdf
    is_original: bool
    """Whether it is the document that was sent, as long as nothing is added."""

    def to_user_space(self, page: Page) -> ToUserSpace:
        """From pixels of the page as it was read to its user space. Raises `PageUnreadable`."""
        ...

    def find_written(self, page: Page) -> WrittenWords:
        """The words that it already has, in pixels of the page as it was read. Raises `PageUnreadable`."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


class _OriginalPdf:
    """A PDF to be made searchable as it is."""

    is_original = True

    def __init__(self, document: Path, password: str | None) -> None:
        with ExitStack() as closing:
            self._seen = closing.enter_context(PdfFile(document, password=password))
            self.pdf = closing.enter_context(open_with_pikepdf(document, password))
            _check_agreement(len(self.pdf.pages), self._seen.info().page_count)
            self._closing = closing.pop_all()

    def to_user_space(self, page: Page) -> ToUserSpace:
        return self._frame(page).to_page

    def find_written(self, page: Page) -> WrittenWords:
        return self._seen.find_written(page.number, self._frame(page))

    def _frame(self, page: Page) -> PageFrame:
        return self._seen.frame(page.number, width_px=page.width_px, height_px=page.height_px, rotation=page.rotation)

    def close(self) -> None:
        self._closing.close()


def _check_agreement(pages: int, shown: int) -> None:
    """Refuse a PDF in which two readers find different pages because of damage: words would go to the wrong pages."""
    if pages != shown:
        raise InvalidDocument(
            "The PDF is damaged: Pagemill cannot list its pages. Print it to a new PDF and send that."
        )


def write_searchable_pdf(
    document: Path, pages: Iterable[Page], output: Path, *, password: str | None = None, inert: bool = False
) -> None:
    """Make a searchable PDF of a document.

    Recognised pages get their words, in place of those of an earlier recognition. Pages from a text layer, and pages
    that are not in `pages`, stay unchanged; a PDF of only such pages is copied byte for byte, so that signatures hold.
    Images become pages of their printed size. Memory holds only the structure and the compressed words of a long
    document; page contents are copied from file to file.

    Args:
        document: The original; it stays unchanged.
        pages: The pages read, by ascending number.
        output: The path of the PDF, which is complete or missing, never partial.
        password: Of a protected PDF; the new one has the same.
        inert: Remove scripts, actions, media and embedded files.

    Raises:
        DocumentError: The document cannot be opened.
        PageUnreadable: A page of it is damaged.
    """
    with _target(document, password, work=output.parent) as target:
        has_changed = _add_words(target, pages)
        has_changed |= inert and remove_active_content(target.pdf)
        part = output.with_name(f".{output.name}.part")
        try:
            if has_changed or not target.is_original:
                _save(target.pdf, part)
            else:
                shutil.copyfile(document, part)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)


def read_pages(path: Path) -> Iterator[Page]:
    """The recognised pages in a file with `Page.to_json()` of all pages, one per line.

    One page is in memory at a time. Other pages stay unchanged in the PDF, so they are not parsed, which saves time.
    """
    with path.open("rb") as lines:
        for line in lines:
            if _Origin.model_validate_json(line).source is not PageSource.TEXT_LAYER:
                yield Page.from_json(line)


@contextmanager
def _target(document: Path, password: str | None, *, work: Path) -> Iterator[_Target]:
    kind = sniff_file(document)
    try:
        target: _Target = (
            _OriginalPdf(document, password) if kind is DocumentKind.PDF else ImagePages(document, kind, work=work)
        )
        try:
            yield target
        finally:
            target.close()
    except pikepdf.PasswordError as error:
        raise EncryptedDocument("The PDF is protected by a password. Send the request with its password.") from error
    except pikepdf.PdfError as error:
        raise InvalidDocument(
            f"The PDF is too damaged to save again ({error}). Print it to a new PDF and send that."
        ) from error


def _save(pdf: Pdf, path: Path) -> None:
    """Save without recompressing streams; the same input always gives the same file.

    It keeps protection against changes, and encrypts the streams of protected documents again.
    """
    preserve = pikepdf.ObjectStreamMode.preserve
    if pdf.is_encrypted:
        pdf.save(path, object_stream_mode=preserve, encryption=True)
        return
    pdf.save(
        path,
        object_stream_mode=preserve,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        deterministic_id=True,
    )


def _add_words(target: _Target, pages: Iterable[Page]) -> bool:
    """Add the words of recognised pages; return whether there were any."""
    codes = CharacterCodes()
    font = target.pdf.make_indirect(Dictionary())
    for page in pages:
        if page.source is not PageSource.TEXT_LAYER:
            _add_page_words(target, page, codes=codes, font=font)
    if codes:
        add_font(target.pdf, codes, font)
    return bool(codes)


def _add_page_words(target: _Target, page: Page, *, codes: CharacterCodes, font: pikepdf.Object) -> None:
    """Give a page the words that were read, in place of those of an earlier recognition."""
    stored = target.pdf.pages[page.number - 1].obj
    to_user_space, old = target.to_user_space(page), target.find_written(page)
    resources = _own_resources(stored)
    name = _free_name(resources.Font)
    page = words_to_write(page, shown=old.shown, hidden=old.hidden)
    content = text_stream(page, font=name, encoded=codes.encode, to_user_space=to_user_space)
    if not content:
        return
    kept = without_hidden_text(target.pdf, stored, resources, box=_visible_box(stored)) if old.hidden else None
    resources.Font[name] = font
    stored.Resources = resources
    contents = _contents(stored) if kept is None else (kept,)
    stored.Contents = Array([deflate(target.pdf, content), *contents])


def _visible_box(page: pikepdf.Object) -> PageRect:
    """The visible part of the page, in its own units."""
    box = _find_inherited(page, "/CropBox") or _find_inherited(page, "/MediaBox")
    one, other, two, another = map(float, box) if isinstance(box, Array) else (0.0, 0.0, 0.0, 0.0)
    return min(one, two), min(other, another), max(one, two), max(other, another)


def _contents(page: pikepdf.Object) -> Iterable[pikepdf.Object]:
    contents = page.get("/Contents")
    if contents is None:
        return ()
    return contents.as_list() if isinstance(contents, Array) else (contents,)


def _own_resources(page: pikepdf.Object) -> Dictionary:
    """A copy of the page's resources and fonts, which other pages may share; deeper objects are not copied."""
    resources = Dictionary(_entries(_find_inherited(page, "/Resources")))
    resources.Font = Dictionary(_entries(resources.get("/Font")))
    return resources


def _entries(value: pikepdf.Object | None) -> dict[str, pikepdf.Object]:
    return dict(value.items()) if isinstance(value, Dictionary) else {}


def _find_inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    node: pikepdf.Object | None = page
    for _ in range(_MOST_ANCESTORS):
        if not isinstance(node, Dictionary):
            break
        if (value := node.get(key)) is not None:
            return value
        node = node.get("/Parent")
    return None


def _free_name(fonts: pikepdf.Object) -> str:
    names: Callable[[int], str] = "/Pagemill{}".format
    return next(names(at) for at in range(len(fonts.keys()) + 1) if names(at) not in fonts)
