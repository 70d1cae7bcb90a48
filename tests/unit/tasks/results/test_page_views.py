import asyncio
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task, read_page

from pagemill.domain.errors import NotFound, PageUnreadable, PoolExhausted
from pagemill.domain.page.furniture import with_furniture
from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.store.page_results import SqlPageResults
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.results.page_views import MOST_DRAWN, PageViews


class Drawer:
    """Draws as soon as it may; what it draws says what was asked for."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.drawn: list[str] = []
        self.may_go = asyncio.Event()
        self.fault = fault

    async def draw(self, document: str, page: int, *, rotation: int, path: Path, password: str | None = None) -> None:
        self.password = password
        picture = f"{document} {page} turned {rotation}"
        self.drawn.append(picture)
        await self.may_go.wait()
        if self.fault is not None:
            raise self.fault
        put(path, picture)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


def views(stores: Stores, drawer: Drawer, work: Path) -> PageViews:
    return PageViews(
        store=stores.tasks,
        results=SqlPageResults(stores.database),
        drawer=drawer,
        work_dir=work,
        passwords=Passwords("here", TaskWatch(stores.tasks)),
    )


def page_turned(rotation: int) -> bytes:
    page = Page(number=2, width_px=9, height_px=9, dpi=None, rotation=rotation, source=PageSource.OCR)
    return page.to_json()


async def test_a_page_is_what_was_read(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a")
    seen = views(stores, Drawer(), tmp_path)
    with pytest.raises(NotFound, match="not been read"):
        await seen.page("a", 2)
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(2, page_turned(90))])
    assert await seen.page("a", 2) == page_turned(90)
    with pytest.raises(NotFound):
        await seen.page("none", 2)


def page_of_a_book(number: int) -> bytes:
    """A page with a header, text and a page number; every fourth lacks the header."""
    rows = [(f"row {row} of {number * 17 % 13}", 300.0 + 40 * row) for row in range(10)]
    header = [] if number % 4 == 0 else [("The Harbour in Winter", 40.0)]
    blocks = []
    for text, top in [*header, *rows, (str(number), 950.0)]:
        box = ((100.0, top), (500.0, top), (500.0, top + 20), (100.0, top + 20))
        blocks.append(Block(polygon=box, lines=(Line(text=text, polygon=box),)))
    page = Page(
        number=number, width_px=700, height_px=1000, dpi=100, source=PageSource.TEXT_LAYER, blocks=tuple(blocks)
    )
    return page.to_json()


@pytest.mark.parametrize("finished", [{1}, {1, 2}, {1, 2, 3}, {2, 4, 5, 9, 11}, set(range(1, 13)), {1, 12}])
async def test_a_page_has_the_roles_of_the_whole_result(stores: Stores, tmp_path: Path, finished: set[int]) -> None:
    await stores.add_running("a", pages=12)
    lease = await stores.claim("a", limit=12)
    await stores.pages.commit_pages(lease, [read_page(number, page_of_a_book(number)) for number in sorted(finished)])
    seen = views(stores, Drawer(), tmp_path)
    result = list(with_furniture([Page.from_json(payload) async for payload in stores.tasks.results("a")]))
    assert [page.number for page in result] == sorted(finished)
    assert [Page.from_json(await seen.page("a", page.number)) for page in result] == result


async def test_a_picture_is_turned_as_the_page_was_when_it_was_read(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a")
    drawer = Drawer()
    drawer.may_go.set()
    seen = views(stores, drawer, tmp_path)
    assert await seen.image("a", 2) == b"/in/a 2 turned 0"
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(2, page_turned(270))])
    assert await seen.image("a", 2) == b"/in/a 2 turned 270"


async def test_a_picture_of_an_unread_page_is_turned_as_was_asked(stores: Stores, tmp_path: Path) -> None:
    options = TaskOptions(recognition=RecognitionOptions(rotation=180))
    await stores.tasks.create(new_task("a", options=options))
    drawer = Drawer()
    drawer.may_go.set()
    assert await views(stores, drawer, tmp_path).image("a", 1) == b"/in/a 1 turned 180"


async def test_a_picture_is_drawn_once_even_if_the_first_who_asked_goes_away(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a")
    drawer = Drawer()
    seen = views(stores, drawer, tmp_path)
    async with asyncio.timeout(20):
        first, second = (asyncio.create_task(seen.image("a", 1)) for _ in range(2))
        while not drawer.drawn:  # noqa: ASYNC110 - a thread looks for the file first
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        drawer.may_go.set()
        assert await second == await seen.image("a", 1)
    assert len(drawer.drawn) == 1


async def test_a_picture_that_could_not_be_drawn_is_tried_anew(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a")
    drawer = Drawer(fault=PageUnreadable("Its data is damaged."))
    drawer.may_go.set()
    seen = views(stores, drawer, tmp_path)
    with pytest.raises(PageUnreadable):
        await seen.image("a", 1)
    drawer.fault = None
    assert await seen.image("a", 1)


async def test_only_so_many_pictures_are_waited_for(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a", pages=MOST_DRAWN + 1)
    drawer = Drawer()
    seen = views(stores, drawer, tmp_path)
    waiting = [asyncio.create_task(seen.image("a", number)) for number in range(1, MOST_DRAWN + 1)]
    async with asyncio.timeout(20):
        while len(drawer.drawn) < MOST_DRAWN:  # noqa: ASYNC110 - threads look for the files first
            await asyncio.sleep(0)
        with pytest.raises(PoolExhausted):
            await seen.image("a", MOST_DRAWN + 1)
        drawer.may_go.set()
        await asyncio.gather(*waiting)
        assert await seen.image("a", MOST_DRAWN + 1)


class Cleaned(Drawer):
    """Its first pictures are deleted as soon as they are drawn, and perhaps their task with them."""

    def __init__(self, stores: Stores, times: int, *, with_task: bool) -> None:
        super().__init__()
        self.may_go.set()
        self._stores = stores
        self._times = times
        self._with_task = with_task

    async def draw(self, document: str, page: int, *, rotation: int, path: Path, password: str | None = None) -> None:
        await super().draw(document, page, rotation=rotation, path=path, password=password)
        if len(self.drawn) <= self._times:
            remove(path)
            if self._with_task:
                await self._stores.tasks.delete("a")


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_a_picture_that_is_deleted_before_it_is_sent_is_drawn_anew(
    stores: Stores, tmp_path: Path, times: int
) -> None:
    await stores.add_running("a")
    drawer = Cleaned(stores, times, with_task=False)
    assert await views(stores, drawer, tmp_path).image("a", 1) == b"/in/a 1 turned 0"
    assert len(drawer.drawn) == times + 1


async def test_a_picture_of_a_task_that_is_deleted_meanwhile_is_not_found(stores: Stores, tmp_path: Path) -> None:
    await stores.tasks.create(new_task("a"))
    with pytest.raises(NotFound):
        await views(stores, Cleaned(stores, 9, with_task=True), tmp_path).image("a", 1)


async def test_there_is_no_picture_of_a_page_the_document_does_not_have(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a", pages=3)
    for number in (0, 4):
        with pytest.raises(NotFound, match="pages 1 to 3"):
            await views(stores, Drawer(), tmp_path).image("a", number)
