import asyncio
import hashlib
import io
import json
import zipfile
from pathlib import Path
from threading import get_ident

import pytest
from tests.fixtures.stores import Stores, failed_page, read_page

from pagemill.documents.writers import ResultWriters
from pagemill.documents.writers.text import TextWriter
from pagemill.domain.errors import Conflict, InvalidDocument, NotFound
from pagemill.domain.memory import CPU
from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.task.results import ARCHIVE, INERT_PDF, SEARCHABLE_PDF, ResultFormat
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.removal import RESULTS_SUFFIX
from pagemill.tasks.results.result_files import MANIFEST, ResultFiles, result_tag

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


class PdfMaker:
    """Puts what it was given into the PDF, as soon as it may."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.made = 0
        self.begun = asyncio.Event()
        self.may_go = asyncio.Event()
        self.fault = fault

    async def make(
        self,
        document: str,
        *,
        pages: Path,
        page_count: int,
        output: Path,
        password: str | None = None,
        inert: bool = False,
    ) -> None:
        self.password = password
        self.made += 1
        self.begun.set()
        await self.may_go.wait()
        if self.fault is not None:
            raise self.fault
        put(output, f"{'inert ' if inert else ''}{document} of {page_count}\n{content_of(pages)}")


def put(path: Path, text: str) -> None:
    path.write_text(text)


def content_of(path: Path) -> str:
    return path.read_text()


def prompt(maker: PdfMaker) -> PdfMaker:
    """One that waits for nothing."""
    maker.may_go.set()
    return maker


def files(stores: Stores, maker: PdfMaker, work: Path) -> ResultFiles:
    return ResultFiles(
        store=stores.tasks,
        results=stores.tasks,
        writers=ResultWriters(),
        pdfs=maker,
        work_dir=work / "work",
        passwords=Passwords("here", TaskWatch(stores.tasks)),
    )


def payload(number: int) -> bytes:
    block = Block(polygon=BOX, lines=(Line(text=f"page {number}\nends", polygon=BOX),))
    page = Page(number=number, width_px=9, height_px=9, dpi=None, source=PageSource.OCR, blocks=(block,))
    return page.to_json()


async def begin_task(stores: Stores) -> None:
    """A task of three pages, one of which is read."""
    await stores.add_running("a")
    await stores.pages.commit_pages(await stores.claim("a", limit=1), [read_page(1, payload(1))])


async def over(stores: Stores) -> None:
    """A task of three pages, the last of which could not be read."""
    await begin_task(stores)
    lease = await stores.claim("a")
    await stores.pages.commit_pages(lease, [read_page(2, payload(2))])
    await stores.pages.fail_page(lease, failed_page(3), retry_in=None)
    await stores.pages.finish_completed("a")


async def test_a_pdf_is_made_of_the_pages_that_were_read_and_nothing_is_left_beside_it(
    stores: Stores, tmp_path: Path
) -> None:
    await over(stores)
    path = await files(stores, prompt(PdfMaker()), tmp_path).file("a", SEARCHABLE_PDF)
    assert content_of(path).encode() == b"/in/a of 3\n" + payload(1) + b"\n" + payload(2) + b"\n"
    assert path.parent == tmp_path / "work" / f"a{RESULTS_SUFFIX}"
    assert list(path.parent.iterdir()) == [path]


async def test_an_inert_pdf_is_another_file(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    made = files(stores, prompt(PdfMaker()), tmp_path)
    plain, inert = [await made.file("a", form) for form in (SEARCHABLE_PDF, INERT_PDF)]
    assert plain != inert
    assert content_of(inert) == f"inert {content_of(plain)}"


async def test_it_is_made_once_however_many_ask_and_whoever_goes_away(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    maker = PdfMaker()
    made = files(stores, maker, tmp_path)
    asking = [asyncio.create_task(made.file("a", SEARCHABLE_PDF)) for _ in range(3)]
    await maker.begun.wait()
    asking[0].cancel()
    maker.may_go.set()
    paths = await asyncio.gather(*asking[1:])
    assert {await made.file("a", SEARCHABLE_PDF), *paths} == {paths[0]}
    assert maker.made == 1


async def test_what_cannot_be_made_is_told_and_tried_again_when_asked_again(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    maker = prompt(PdfMaker(InvalidDocument("It is damaged.")))
    made = files(stores, maker, tmp_path)
    for times in (1, 2):
        with pytest.raises(InvalidDocument):
            await made.file("a", SEARCHABLE_PDF)
        assert maker.made == times
    assert list((tmp_path / "work" / f"a{RESULTS_SUFFIX}").iterdir()) == []


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_task_that_is_deleted_while_its_result_is_made_is_not_found(
    stores: Stores, tmp_path: Path, *, is_deleted: bool
) -> None:
    await over(stores)
    maker = PdfMaker(FileNotFoundError("work/a.result"))
    making = asyncio.create_task(files(stores, maker, tmp_path).file("a", SEARCHABLE_PDF))
    await maker.begun.wait()
    if is_deleted:
        await stores.tasks.delete("a")
    maker.may_go.set()
    with pytest.raises(NotFound if is_deleted else FileNotFoundError):
        await making


async def test_nothing_is_made_before_the_end_or_of_nothing(stores: Stores, tmp_path: Path) -> None:
    made = files(stores, prompt(PdfMaker()), tmp_path)
    with pytest.raises(NotFound):
        await made.file("none", ARCHIVE)
    await begin_task(stores)
    with pytest.raises(Conflict, match="after the task has ended"):
        await made.file("a", ARCHIVE)
    await stores.add_running("b", pages=1)
    await stores.pages.fail_page(await stores.claim("b"), failed_page(1), retry_in=None)
    await stores.pages.finish_completed("b")
    with pytest.raises(NotFound, match="No page"):
        await made.file("b", ARCHIVE)


async def test_an_archive_holds_every_form_and_says_what_is_in_it(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    path = await files(stores, PdfMaker(), tmp_path).file("a", ARCHIVE)
    writers = list(ResultWriters().values())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read(MANIFEST))
        contents = {name: archive.read(name) for name in names}
    assert names == [*(f"a{writer.extension}" for writer in writers), MANIFEST]
    assert (manifest["task_id"], manifest["status"]) == ("a", "partially_succeeded")
    assert [(each["name"], each["media_type"]) for each in manifest["files"]] == [
        (f"a{writer.extension}", writer.media_type) for writer in writers
    ]
    assert manifest["unread"] == [{"page": 3, "reason": "engine_error", "message": "It went wrong."}]
    for each in manifest["files"]:
        content = contents[each["name"]]
        assert (each["size_bytes"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert b"page 1" in content
        assert b"went wrong" in content


async def test_the_same_result_is_the_same_archive(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    first, second = [
        (await files(stores, PdfMaker(), tmp_path / name).file("a", ARCHIVE)).read_bytes() for name in ("one", "two")
    ]
    assert zipfile.is_zipfile(io.BytesIO(first))
    assert first == second


@pytest.mark.parametrize("name", ["text", "json", "alto"])
async def test_a_form_that_is_streamed_is_the_same_as_a_file(stores: Stores, tmp_path: Path, name: str) -> None:
    await over(stores)
    writer = ResultWriters()[name]
    content = content_of(await files(stores, PdfMaker(), tmp_path).file("a", writer))
    assert "page 2" in content
    assert "went wrong" in content


class NotedText(TextWriter):
    """Notes the threads in which it writes pages."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def page(self, page: Page) -> bytes:
        self.threads.add(get_ident())
        return super().page(page)


@pytest.mark.parametrize("result", [TextWriter(), ARCHIVE])
async def test_nobody_waits_for_pages_that_are_written(stores: Stores, tmp_path: Path, result: ResultFormat) -> None:
    await over(stores)
    writer = NotedText()
    made = ResultFiles(
        store=stores.tasks,
        results=stores.tasks,
        writers={"text": writer},
        pdfs=PdfMaker(),
        work_dir=tmp_path,
        passwords=Passwords("here", TaskWatch(stores.tasks)),
    )
    await made.file("a", result)
    assert writer.threads
    assert get_ident() not in writer.threads


async def test_pages_read_later_make_another_result(stores: Stores, tmp_path: Path) -> None:
    await over(stores)
    made = files(stores, prompt(PdfMaker()), tmp_path)
    before = await stores.tasks.get("a")
    first = await made.file("a", SEARCHABLE_PDF)
    await stores.queue.add_task(before)
    await stores.queue.get_next_task(CPU)
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(3, payload(3))])
    await stores.pages.finish_completed("a")
    after = await stores.tasks.get("a")
    assert result_tag(before, SEARCHABLE_PDF) != result_tag(after, SEARCHABLE_PDF)
    second = await made.file("a", SEARCHABLE_PDF)
    assert first != second
    assert payload(3).decode() in content_of(second)
