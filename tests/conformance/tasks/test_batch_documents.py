"""Whose the documents of a batch are while it comes, while it is stored and after, on both databases."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.batch_site import PDF, Site

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.memory import CPU
from pagemill.domain.task.task import Task, TaskStatus

Meanwhile = Callable[[Site, str], Awaitable[None]]
"""What others do to a task that was just stored."""


async def _cancel(site: Site, task_id: str) -> None:
    await site.stores.tasks.transition(task_id, TaskStatus.CANCELLED)


async def _finish(site: Site, _task_id: str) -> None:
    """The dispatcher lets one in, and it ends."""
    if (task := await site.stores.queue.get_next_task(CPU)) is not None:
        await site.stores.pages.finish_completed(task.task_id)


async def _delete(site: Site, task_id: str) -> None:
    await _cancel(site, task_id)
    await site.stores.tasks.delete(task_id)


@pytest.mark.parametrize(("meanwhile", "status"), [(_cancel, "cancelled"), (_finish, "succeeded"), (_delete, None)])
async def test_a_batch_whose_tasks_end_as_it_is_stored_is_taken_all_the_same(
    site: Site, meanwhile: Meanwhile, status: str | None
) -> None:
    await site.send_batch(2, cache="use")
    await site.read_all()
    await site.room.dispatcher.stop()  # it would let the next tasks in, which need no reading, before others come
    site.listed.meanwhile = lambda task: meanwhile(site, task.task_id)
    answer = await site.send(PDF + b"0", PDF + b"1", cache="use")
    assert (answer.status_code, site.kept) == (202, 4), answer.text
    found = await site.http.get(answer.headers["location"])
    assert found.json().get("tasks") == (None if status is None else {status: 2})


@pytest.mark.parametrize("error", [RuntimeError("A fault of ours."), DatabaseUnavailable("It went away.")])
async def test_once_a_batch_is_stored_no_error_takes_its_documents(site: Site, error: Exception) -> None:
    async def fails(_task: Task) -> None:
        raise error

    site.listed.meanwhile = fails
    answer = await site.send(PDF, PDF)
    assert (answer.status_code, answer.json()["tasks"], site.kept) == (202, {"queued": 2}, 2)
    await site.read_all()
    assert (await site.http.get(answer.headers["location"])).json()["status"] == "succeeded"


async def test_where_nobody_knows_whether_a_batch_was_stored_its_documents_stay(site: Site) -> None:
    site.batches.goes_away = True
    answer = await site.send(PDF, PDF)
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert (await site.stores.queue.size(), site.kept) == (2, 2)


async def test_a_server_that_stops_as_a_batch_is_stored_leaves_its_documents(site: Site) -> None:
    stored = asyncio.Event()

    async def hangs(_task: Task) -> None:
        stored.set()
        await asyncio.Event().wait()

    site.listed.meanwhile = hangs
    sending = asyncio.create_task(site.send(PDF, PDF))
    async with asyncio.timeout(20):
        await stored.wait()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    assert (await site.stores.queue.size(), site.kept) == (2, 2)


async def test_documents_that_came_long_before_the_last_are_new_when_they_are_inspected(site: Site) -> None:
    form = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF + b"\r\n"
    request = AsgiRequest(site.api, "POST", "/batches", [("Content-Type", form)])
    request.body(part + part[:-2])
    await request.wait_until_drained()
    [first] = site.uploads.iterdir()
    os.utime(first, (0, 0))
    request.body(b"\r\n--b--\r\n", more=False)
    await request.end()
    assert request.status == 202
    assert len(site.inspector.seen) == 2
    assert min(found.st_mtime for _, found in site.inspector.seen) > 0
