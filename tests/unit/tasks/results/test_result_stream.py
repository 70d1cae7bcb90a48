"""Every page that was not read is named in every form of a result, in its place and with the reason."""

import json
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, failed_page, new_task, read_page
from tests.unit.domain.page.test_furniture import book, line

from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.task.task import TaskOptions, TaskStatus
from pagemill.store.overdue import SqlOverdueTasks
from pagemill.tasks.results.result_stream import unread_pages, write_result

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


def payload(number: int) -> bytes:
    block = Block(polygon=BOX, lines=(Line(text="It was read.", polygon=BOX),))
    return Page(number=number, width_px=9, height_px=9, dpi=None, source=PageSource.OCR, blocks=(block,)).to_json()


async def begin_task(stores: Stores) -> None:
    """A task of five pages: the second failed, the third was read, the first is held, the others wait."""
    await stores.queue.submit(new_task("a", pages=5, options=TaskOptions(deadline_seconds=60)))
    await stores.queue.get_next_task(CPU)
    lease = await stores.claim("a", limit=3)
    await stores.pages.commit_pages(lease, [read_page(3, payload(3))])
    await stores.pages.fail_page(lease, failed_page(2), retry_in=None)


async def expire_task(stores: Stores) -> None:
    await begin_task(stores)
    stores.clock.turn(timedelta(minutes=1))
    await SqlOverdueTasks(stores.database, stores.clock).expire(queue_timeout=None)


async def write_result_as(stores: Stores, form: str, *, keep_furniture: bool = False) -> str:
    task = await stores.tasks.get("a")
    pieces = write_result(
        task, ResultWriters()[form], store=stores.tasks, results=stores.tasks, keep_furniture=keep_furniture
    )
    return b"".join([piece async for piece in pieces]).decode()


async def list_unread(stores: Stores) -> list[tuple[int, TaskFailureReason]]:
    return [(page.number, page.reason) for page in await unread_pages(await stores.tasks.get("a"), stores.tasks)]


@pytest.mark.parametrize("form", [*ResultWriters()])
async def test_pages_that_an_expired_task_never_came_to_are_named_with_the_deadline(stores: Stores, form: str) -> None:
    await expire_task(stores)
    text = await write_result_as(stores, form)
    assert (text.count("missed its deadline"), text.count("It went wrong.")) == (3, 1)
    assert text.index("missed its deadline") < text.index("It went wrong.") < text.index("It was read.")
    assert text.rindex("missed its deadline") > text.index("It was read.")


async def test_pages_of_a_cancelled_task_are_named_as_such_once_it_is_over(stores: Stores) -> None:
    await begin_task(stores)
    failed = (2, TaskFailureReason.ENGINE_ERROR)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    assert await list_unread(stores) == [failed]
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    left = TaskFailureReason.CANCELLED
    assert await list_unread(stores) == [(1, left), failed, (4, left), (5, left)]


async def test_a_page_that_waits_is_not_unread(stores: Stores) -> None:
    await begin_task(stores)
    pages = json.loads(await write_result_as(stores, "json"))["pages"]
    assert [(page["number"], page["status"]) for page in pages] == [(2, "unread"), (3, "read")]
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    await stores.queue.add_task(await stores.tasks.get("a"))
    assert await list_unread(stores) == []


async def with_headers(stores: Stores) -> None:
    """A task of six pages with a header, all but the second read."""
    pages = book(6, lambda number: [line("The Harbour in Winter", 400, 60), line(f"{number}", 490, 1330)])
    await stores.queue.submit(new_task("a", pages=6))
    await stores.queue.get_next_task(CPU)
    lease = await stores.claim("a", limit=6)
    read = [read_page(page.number, page.to_json()) for page in pages if page.number != 2]
    await stores.pages.commit_pages(lease, read)
    await stores.pages.fail_page(lease, failed_page(2), retry_in=None)


@pytest.mark.parametrize("keep_furniture", [False, True])
@pytest.mark.parametrize("form", [*ResultWriters()])
async def test_text_and_markdown_leave_headers_out(stores: Stores, form: str, *, keep_furniture: bool) -> None:
    await with_headers(stores)
    text = await write_result_as(stores, form, keep_furniture=keep_furniture)
    is_left_out = form in {"text", "markdown"} and not keep_furniture
    assert text.count("The Harbour in Winter") == (0 if is_left_out else 5)
    assert text.count("It went wrong.") == 1


async def test_json_says_what_is_furniture_and_keeps_the_order(stores: Stores) -> None:
    await with_headers(stores)
    pages = json.loads(await write_result_as(stores, "json"))["pages"]
    assert [page["number"] for page in pages] == [1, 2, 3, 4, 5, 6]
    kinds = [[block["kind"] for block in page["blocks"]] for page in pages if page["status"] == "read"]
    assert [(each[0], each[-1]) for each in kinds] == [("header", "page_number")] * 5
