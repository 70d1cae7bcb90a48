"""Every page that was not read is named in every form of a result, in its place and with the reason."""

import json
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, failed_page, new_task, read_page

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


async def begun(stores: Stores) -> None:
    """A task of five pages: the second failed, the third was read, the first is held, the others wait."""
    await stores.queue.submit(new_task("a", pages=5, options=TaskOptions(deadline_seconds=60)))
    await stores.queue.get_next_task(CPU)
    lease = await stores.claim("a", limit=3)
    await stores.pages.commit_pages(lease, [read_page(3, payload(3))])
    await stores.pages.fail_page(lease, failed_page(2), retry_in=None)


async def expired(stores: Stores) -> None:
    await begun(stores)
    stores.clock.turn(timedelta(minutes=1))
    await SqlOverdueTasks(stores.database, stores.clock).expire(queue_timeout=None)


async def written(stores: Stores, form: str) -> str:
    task = await stores.tasks.get("a")
    pieces = write_result(task, ResultWriters()[form], store=stores.tasks, results=stores.tasks)
    return b"".join([piece async for piece in pieces]).decode()


async def told(stores: Stores) -> list[tuple[int, TaskFailureReason]]:
    return [(page.number, page.reason) for page in await unread_pages(await stores.tasks.get("a"), stores.tasks)]


@pytest.mark.parametrize("form", [*ResultWriters()])
async def test_pages_that_an_expired_task_never_came_to_are_named_with_the_deadline(stores: Stores, form: str) -> None:
    await expired(stores)
    text = await written(stores, form)
    assert (text.count("missed its deadline"), text.count("It went wrong.")) == (3, 1)
    assert text.index("missed its deadline") < text.index("It went wrong.") < text.index("It was read.")
    assert text.rindex("missed its deadline") > text.index("It was read.")


async def test_pages_of_a_cancelled_task_are_named_as_such_once_it_is_over(stores: Stores) -> None:
    await begun(stores)
    failed = (2, TaskFailureReason.ENGINE_ERROR)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    assert await told(stores) == [failed]
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    left = TaskFailureReason.CANCELLED
    assert await told(stores) == [(1, left), failed, (4, left), (5, left)]


async def test_a_page_that_waits_is_not_unread(stores: Stores) -> None:
    await begun(stores)
    pages = json.loads(await written(stores, "json"))["pages"]
    assert [(page["number"], page["status"]) for page in pages] == [(2, "unread"), (3, "read")]
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    await stores.queue.add_task(await stores.tasks.get("a"))
    assert await told(stores) == []
