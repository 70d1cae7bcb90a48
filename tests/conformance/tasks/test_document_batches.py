"""Documents that are sent together, from the request to the database and back, on both databases."""

import asyncio
from datetime import timedelta

import pytest
from tests.fixtures.batch_site import MOST, PDF, Site

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.task.task import PageState


async def test_documents_that_are_sent_together_are_read_and_found_together(site: Site) -> None:
    answer = await site.send(PDF, PDF + b"2", PDF + b"3", dpi="150", labels='{"customer": "17"}')
    batch = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/batches/{batch['batch_id']}")
    assert (batch["status"], batch["documents"], batch["tasks"]) == ("queued", 3, {"queued": 3})
    assert batch["progress"] == {"pages_total": 6, "pages_done": 0, "pages_failed": 0}
    assert batch["links"]["cancel"] == f"/batches/{batch['batch_id']}/cancel"
    await site.read_all()
    batch = (await site.http.get(batch["links"]["self"])).json()
    assert (batch["status"], batch["tasks"]) == ("succeeded", {"succeeded": 3})
    assert batch["progress"] == {"pages_total": 6, "pages_done": 6, "pages_failed": 0}
    tasks = (await site.http.get(batch["links"]["tasks"])).json()["tasks"]
    assert [task["document"]["name"] for task in tasks] == ["3.pdf", "2.pdf", "1.pdf"]
    assert {task["batch_id"] for task in tasks} == {batch["batch_id"]}
    assert [(task["options"]["dpi"], task["options"]["labels"]) for task in tasks] == [(150, {"customer": "17"})] * 3
    assert tasks[0]["links"]["result"] == f"/tasks/{tasks[0]['task_id']}/result"


async def test_batches_and_their_tasks_come_a_page_at_a_time(site: Site) -> None:
    paths = [await site.send_batch(1) for _ in range(2)] + [await site.send_batch(3)]
    first = (await site.http.get("/batches", params={"limit": 2})).json()
    second = (await site.http.get(first["next"])).json()
    shown = [batch["links"]["self"] for batch in (*first["batches"], *second["batches"])]
    assert (shown, second["next"]) == (paths[::-1], None)
    tasks: list[str] = []
    following: str | None = f"{paths[-1]}/tasks?limit=2&status=queued"
    while following is not None:
        page = (await site.http.get(following)).json()
        tasks += [task["document"]["name"] for task in page["tasks"]]
        following = page["next"]
    assert tasks == ["3.pdf", "2.pdf", "1.pdf"]
    assert (await site.http.get(f"{paths[-1]}/tasks?status=running")).json()["tasks"] == []


async def test_where_one_document_cannot_be_read_none_is_taken_and_all_are_named(site: Site) -> None:
    refused = await site.send(PDF, b"no document", PDF, b"nor this")
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["retryable"]) == (422, "documents_refused", False)
    assert [error["field"] for error in problem["errors"]] == ["file 2", "file 4"]
    assert problem["errors"][0]["message"] == "2.pdf: It cannot be opened. (invalid_document)"
    assert "2.pdf" in problem["detail"]
    assert await site.stores.tasks.list_tasks() == []
    assert await site.stores.batches.list_batches() == []
    assert site.kept == 0


async def test_what_may_succeed_later_is_said_to(site: Site) -> None:
    site.inspector.refuse_with = PoolExhausted("No reader became free.")
    refused = await site.send(PDF, b"no document")
    assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    assert site.kept == 0


async def test_all_are_admitted_or_none(site: Site) -> None:
    await site.stores.add_queued("waits")
    await site.stores.add_queued("waits too")
    full = await site.send(*[PDF] * 4)
    assert (full.status_code, full.json()["code"]) == (429, "queue_full")
    assert full.json()["details"]["queued_tasks"] == 2
    assert int(full.headers["retry-after"]) == full.json()["details"]["retry_after_s"] > 0
    assert (await site.stores.queue.size(), site.kept) == (2, 0)
    assert await site.stores.batches.list_batches() == []
    assert (await site.send(*[PDF] * 3)).status_code == 202
    assert (await site.stores.queue.size(), site.kept) == (5, 3)


async def test_more_than_may_ever_wait_are_refused_while_they_come(site: Site) -> None:
    refused = await site.send(*[PDF] * (MOST + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "batch_too_large")
    assert refused.json()["details"] == {"documents": MOST + 1, "max_queue_size": MOST}
    assert site.kept == 0


@pytest.mark.parametrize(
    ("bodies", "options", "status"),
    [
        ((), {}, 422),
        ((PDF, b""), {}, 422),
        ((PDF, b"x" * 1001), {}, 413),
        ((PDF,), {"name": "a"}, 422),
        ((PDF,), {"nothing": "a"}, 422),
        ((PDF,), {"pages": "3"}, 422),
    ],
)
async def test_what_cannot_be_used_leaves_nothing(
    site: Site, bodies: tuple[bytes, ...], options: dict[str, str], status: int
) -> None:
    refused = await site.send(*bodies, **options)
    assert refused.status_code in (status, 415), refused.text
    assert await site.stores.tasks.list_tasks() == []
    assert site.kept == 0


async def test_the_same_key_and_content_make_one_batch(site: Site) -> None:
    first, second = await site.send(PDF, PDF, key="k"), await site.send(PDF, PDF, key="k")
    assert (second.status_code, second.json()["batch_id"]) == (202, first.json()["batch_id"])
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (await site.stores.queue.size(), site.kept) == (2, 2)
    for bodies, options in (((PDF,), {}), ((PDF, PDF), {"dpi": "100"}), ((PDF, PDF + b"2"), {})):
        refused = await site.send(*bodies, key="k", **options)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    site.stores.clock.turn(timedelta(hours=25))
    assert (await site.send(PDF, key="k")).json()["batch_id"] != first.json()["batch_id"]


async def test_the_same_key_at_the_same_moment_makes_one_batch(site: Site) -> None:
    answers = await asyncio.gather(*(site.send(PDF, PDF, key="k") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["batch_id"] for answer in answers}) == 1
    assert (await site.stores.queue.size(), site.kept) == (2, 2)


async def test_cancelling_stops_what_is_not_over(site: Site) -> None:
    batch = await site.send_batch(2)
    await site.read_all()
    await site.room.dispatcher.stop()
    other = await site.send_batch(3)
    for _ in range(2):  # twice is not an error
        answer = await site.http.post(f"{other}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.json()["tasks"] == {"cancelled": 3}
    assert (await site.http.get(batch)).json()["tasks"] == {"succeeded": 2}
    assert (await site.http.post(f"{batch}/cancel")).json()["status"] == "succeeded"


async def test_a_batch_under_way_is_cancelled_and_one_that_is_over_is_removed(site: Site) -> None:
    batch = await site.send_batch(2)
    under_way = await site.http.delete(batch)
    assert (under_way.status_code, under_way.json()["status"]) == (202, "cancelled")
    assert (await site.http.delete(batch)).status_code == 204
    assert (await site.http.get(batch)).status_code == 404
    assert (await site.http.delete(batch)).status_code == 404
    assert (await site.stores.tasks.list_tasks(), site.kept) == ([], 0)


async def test_a_batch_goes_with_the_last_of_its_tasks(site: Site) -> None:
    batch = await site.send_batch(2)
    await site.http.post(f"{batch}/cancel")
    one, other = [task.task_id for task in await site.stores.tasks.list_tasks()]
    await site.stores.tasks.delete(one)
    left = (await site.http.get(batch)).json()
    assert (left["documents"], left["tasks"]) == (2, {"cancelled": 1})
    await site.stores.tasks.delete(other)
    assert (await site.http.get(batch)).status_code == 404


async def test_documents_that_wait_to_be_started_take_no_place_in_the_queue(site: Site) -> None:
    for number in range(MOST):
        await site.stores.add_queued(f"waits {number}")
    batch = (await site.http.get(await site.send_batch(2, start="false"))).json()
    assert (batch["status"], batch["tasks"]) == ("created", {"created": 2})


async def test_pages_that_were_read_before_leave_nothing_to_do(site: Site) -> None:
    await site.send_batch(2, cache="use")
    await site.read_all()
    again = (await site.http.get(await site.send_batch(2, cache="use"))).json()
    assert (again["status"], again["progress"]["pages_done"]) == ("succeeded", 4)


async def test_it_is_told_which_tasks_change_until_all_are_over(site: Site) -> None:
    batch = await site.send_batch(2)
    other = await site.send_batch(1)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        stream = group.create_task(site.http.get(f"{batch}/events"))
        await site.read_all()
    text = stream.result().text
    ids = [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]
    assert ids == sorted(ids, key=int)
    assert text.count('"status":"succeeded"') >= 2
    mine = {task.task_id for task in await site.stores.tasks.list_tasks(batch_id=batch.rpartition("/")[2])}
    told = {line.split('"')[3] for line in text.splitlines() if line.startswith("data: ")}
    assert told == mine
    assert (await site.http.get(f"{other}/events")).text.count("data: ") == 1
    pages = [page for task in mine for page in await site.stores.tasks.pages(task)]
    assert {page.state for page in pages} == {PageState.DONE}


async def test_a_reader_that_comes_back_after_the_end_is_told_what_it_has_not_seen(site: Site) -> None:
    batch = await site.send_batch(3)
    await site.read_all()
    whole = (await site.http.get(f"{batch}/events")).text
    first, second, last = ids = [line for line in whole.splitlines() if line.startswith("id: ")]
    sequences = [line.removeprefix("id: ") for line in ids]
    for seen, left in (("0", [first, second, last]), (sequences[0], [second, last]), (sequences[1], [last])):
        back = await site.http.get(f"{batch}/events", headers={"Last-Event-ID": seen})
        assert back.status_code == 200
        assert [line for line in back.text.splitlines() if line.startswith("id: ")] == left
    back = await site.http.get(f"{batch}/events", headers={"Last-Event-ID": sequences[-1]})
    assert (back.status_code, back.text) == (204, "")


@pytest.mark.parametrize("path", ["/batches/none", "/batches/none/tasks", "/batches/none/events", "/batches/ä"])
async def test_what_is_not_there_is_said_so(site: Site, path: str) -> None:
    answer = await site.http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
