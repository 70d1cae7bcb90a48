"""Idempotency keys, labels and shared pages, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import MINUTE, Stores, new_task, read_page

from pagemill.domain.errors import DuplicateSubmission
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.submission import Submitted
from pagemill.domain.task.task import CacheUse, NewTask, PageState, TaskStatus
from pagemill.store.idempotency import SqlSubmissions


def make_sent(
    name: str,
    *,
    pages: int = 3,
    key: str | None = None,
    caller: str = "",
    labels: dict[str, str] | None = None,
    cache: CacheUse = CacheUse.OFF,
) -> NewTask:
    """A task as it comes from a caller."""
    new = new_task(name, pages=pages)
    options = new.request.options.model_copy(update={"labels": labels or {}, "cache": cache})
    return replace(new, request=replace(new.request, options=options, idempotency_key=key, caller=caller))


def submissions(stores: Stores) -> SqlSubmissions:
    return SqlSubmissions(stores.database, stores.clock)


async def test_a_key_leads_to_its_task_for_a_day(stores: Stores) -> None:
    new = make_sent("a", key="k")
    await stores.tasks.create(new)
    assert await submissions(stores).find("", "k") == Submitted("a", new.request.content)
    assert await submissions(stores).find("other", "k") is None
    stores.clock.turn(timedelta(hours=24))
    assert await submissions(stores).find("", "k") is None
    await stores.tasks.create(make_sent("b", key="k"))
    found = await submissions(stores).find("", "k")
    assert found is not None
    assert found.task_id == "b"


async def test_a_used_key_makes_no_second_task_and_leaves_nothing(stores: Stores) -> None:
    await stores.tasks.create(make_sent("a", key="k"))
    with pytest.raises(DuplicateSubmission):
        await stores.tasks.create(make_sent("b", key="k"))
    assert [task.task_id for task in await stores.tasks.list_tasks()] == ["a"]
    assert await stores.tasks.pages("b") == []
    await stores.tasks.create(make_sent("c", key="k", caller="another"))


async def test_of_many_requests_at_once_one_makes_the_task(stores: Stores) -> None:
    made = await asyncio.gather(
        *(stores.tasks.create(make_sent(f"t{number}", key="k")) for number in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, DuplicateSubmission) for each in made) == 5
    (task,) = await stores.tasks.list_tasks()
    found = await submissions(stores).find("", "k")
    assert found is not None
    assert found.task_id == task.task_id


async def test_a_key_goes_with_its_task(stores: Stores) -> None:
    await stores.tasks.create(make_sent("a", key="k"))
    await stores.tasks.delete("a")
    assert await submissions(stores).find("", "k") is None
    await stores.tasks.create(make_sent("b", key="k"))


async def test_tasks_are_found_by_labels_and_status(stores: Stores) -> None:
    await stores.tasks.create(make_sent("a", labels={"k": "1", "l": "x"}))
    await stores.tasks.create(make_sent("b", labels={"k": "1"}))
    await stores.tasks.create(make_sent("c", labels={"k": "2", "l": "x"}))
    await stores.tasks.transition("b", TaskStatus.CANCELLED)

    async def find_tasks(status: TaskStatus | None = None, before: str | None = None, **labels: str) -> list[str]:
        tasks = await stores.tasks.list_tasks(status=status, labels=labels, before=before)
        return [task.task_id for task in tasks]

    assert await find_tasks() == ["c", "b", "a"]
    assert await find_tasks(k="1") == ["b", "a"]
    assert await find_tasks(k="1", before="b") == ["a"]
    assert await find_tasks(k="1", l="x") == ["a"]
    assert await find_tasks(TaskStatus.CANCELLED, k="1") == ["b"]
    assert await find_tasks(k="3") == []


async def finish(stores: Stores, new: NewTask, *numbers: int) -> None:
    """Read these pages of a task, each with a text of its own."""
    await stores.queue.add_task(await stores.tasks.create(new))
    while (await stores.queue.get_next_task(new.assigned_device)) is not None:
        pass
    lease = await stores.claim(new.task_id)
    for number in numbers:
        payload = f"{new.task_id} {number}".encode()
        await stores.pages.commit_pages(lease, [replace(read_page(number), payload=payload, confidence=number / 10)])


async def results(stores: Stores, task_id: str) -> list[bytes]:
    return [payload async for payload in stores.tasks.results(task_id)]


async def test_pages_read_before_are_taken_from_there(stores: Stores) -> None:
    await finish(stores, make_sent("a", cache=CacheUse.USE), 1, 3)
    stores.clock.turn(MINUTE)
    task = await stores.tasks.create(make_sent("b", cache=CacheUse.USE))
    assert (task.pages_done, task.pages_total) == (2, 3)
    assert await stores.tasks.get("b") == task
    pages = await stores.tasks.pages("b")
    assert [page.state for page in pages] == [PageState.DONE, PageState.QUEUED, PageState.DONE]
    assert [page.confidence for page in pages] == [0.1, None, 0.3]
    assert [page.seconds for page in pages] == [None] * 3
    (created,) = await stores.events.read("b", kinds=[TaskEvent.CREATED])
    assert created.details == {"pages": 3, "cached": 2}
    assert await results(stores, "b") == [b"a 1", b"a 3"]


async def test_shared_pages_outlive_the_task_they_came_from(stores: Stores) -> None:
    await finish(stores, make_sent("a", pages=1, cache=CacheUse.USE), 1)
    await stores.pages.finish_completed()
    await stores.tasks.create(make_sent("b", pages=1, cache=CacheUse.USE))
    await stores.tasks.delete("a")
    assert await results(stores, "b") == [b"a 1"]
    await stores.tasks.create(make_sent("c", pages=1, cache=CacheUse.USE))
    assert await results(stores, "c") == [b"a 1"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CacheUse.OFF, CacheUse.USE),
        (CacheUse.USE, CacheUse.OFF),
        (CacheUse.USE, CacheUse.REFRESH),
        (CacheUse.OFF, CacheUse.OFF),
    ],
)
async def test_nothing_is_shared_unless_both_ask_for_it(stores: Stores, first: CacheUse, second: CacheUse) -> None:
    await finish(stores, make_sent("a", cache=first), 1, 2, 3)
    assert (await stores.tasks.create(make_sent("b", cache=second))).pages_done == 0


async def test_the_newest_reading_is_taken(stores: Stores) -> None:
    await finish(stores, make_sent("a", cache=CacheUse.USE), 1, 2)
    await finish(stores, make_sent("b", cache=CacheUse.REFRESH), 2)
    await stores.tasks.create(make_sent("c", cache=CacheUse.USE))
    assert await results(stores, "c") == [b"a 1", b"b 2"]


async def test_other_callers_content_and_options_share_nothing(stores: Stores) -> None:
    await finish(stores, make_sent("a", cache=CacheUse.USE, caller="one"), 1, 2, 3)
    assert (await stores.tasks.create(make_sent("b", cache=CacheUse.USE, caller="two"))).pages_done == 0
    other = make_sent("c", cache=CacheUse.USE, caller="one")
    content = replace(other.request.document, sha256="f" * 64)
    assert (await stores.tasks.create(replace(other, request=replace(other.request, document=content)))).pages_done == 0
    recognition = other.request.options.recognition.model_copy(update={"dpi": 300})
    options = other.request.options.model_copy(update={"recognition": recognition})
    coarser = replace(other, task_id="d", request=replace(other.request, options=options))
    assert (await stores.tasks.create(coarser)).pages_done == 0


async def test_a_task_all_of_whose_pages_were_read_before_ends_at_once(stores: Stores) -> None:
    await finish(stores, make_sent("a", pages=2, cache=CacheUse.USE), 1, 2)
    await stores.queue.submit(make_sent("b", pages=2, cache=CacheUse.USE))
    await stores.tasks.transition("b", TaskStatus.RUNNING)
    await stores.pages.finish_completed("b")
    assert (await stores.tasks.get("b")).status is TaskStatus.SUCCEEDED
