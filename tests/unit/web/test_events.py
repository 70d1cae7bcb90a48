"""Server-sent events over HTTP, against tasks in memory."""

import json

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.web_tasks import WebTasks

PDF = b"%PDF-1.7 three pages\n"
STREAM = {"accept": "text/event-stream"}


async def send(client: httpx.AsyncClient) -> str:
    task_id = (await client.post("/tasks", files={"file": PDF})).json()["task_id"]
    assert isinstance(task_id, str)
    return task_id


async def finish_task(client: httpx.AsyncClient, tasks: WebTasks) -> str:
    task_id = await send(client)
    await tasks.finish(task_id)
    await tasks.clean_up(task_id)
    return task_id


def messages(text: str) -> list[dict[str, str]]:
    """The messages of a stream, as a browser takes them apart; comments are none."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith((":", "retry:"))]
    return [dict(line.split(": ", maxsplit=1) for line in block.splitlines()) for block in blocks]


async def test_a_stream_tells_the_same_as_the_list(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await finish_task(client, tasks)
    listed = (await client.get(f"/tasks/{task_id}/events")).json()["events"]
    response = await client.get(f"/tasks/{task_id}/events", headers=STREAM)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.text.startswith("retry: ")
    told = messages(response.text)
    assert [json.loads(message["data"]) for message in told] == listed
    assert [message["id"] for message in told] == [str(event["sequence"]) for event in listed]
    assert told[-1]["event"] == "cleanup_completed"
    assert (await client.get(f"/tasks/{task_id}/events/stream")).text == response.text


@pytest.mark.parametrize(("query", "last_id"), [("?after=3", None), ("", "3"), ("?after=1", "3")])
async def test_a_reader_goes_on_where_it_was(
    client: httpx.AsyncClient, tasks: WebTasks, query: str, last_id: str | None
) -> None:
    task_id = await finish_task(client, tasks)
    headers = {} if last_id is None else {"last-event-id": last_id}
    response = await client.get(f"/tasks/{task_id}/events/stream{query}", headers=headers)
    assert messages(response.text)[0]["id"] == "4"


async def test_a_reader_that_has_seen_the_end_is_told_not_to_come_back(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await finish_task(client, tasks)
    last = (await client.get(f"/tasks/{task_id}/events")).json()["last_sequence"]
    response = await client.get(f"/tasks/{task_id}/events/stream", headers={"last-event-id": str(last)})
    assert response.status_code == 204


async def test_events_come_as_they_happen_and_end_with_the_task(
    api: FastAPI, client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await send(client)
    request = AsgiRequest(api, "GET", f"/tasks/{task_id}/events", [("accept", "text/event-stream")])
    request.body(b"", more=False)
    await request.wait_for_text("event: queued")
    await tasks.finish_page(task_id, 1)
    await request.wait_for_text("event: page_done")
    await tasks.manager.cancel_task(task_id)
    await tasks.let_go(task_id)
    await tasks.clean_up(task_id)
    await request.end()
    assert messages(request.text)[-1]["event"] == "cleanup_completed"


async def test_notices_tell_of_every_task_once(api: FastAPI, client: httpx.AsyncClient, tasks: WebTasks) -> None:
    first, second = await send(client), await send(client)
    await tasks.finish_page(first, 1)
    request = AsgiRequest(api, "GET", "/events", query="after=0")
    await request.wait_for_text(first)
    tasks.room.watch.close()
    await request.end()
    told = [json.loads(message["data"]) for message in messages(request.text)]
    assert [notice["task_id"] for notice in told] == [second, first]
    assert told[1] == {
        "task_id": first,
        "status": "running",
        "progress": {"pages_total": 3, "pages_done": 1, "pages_failed": 0},
    }


async def test_what_cannot_be_resumed_from_is_refused(client: httpx.AsyncClient) -> None:
    task_id = await send(client)
    for path in (f"/tasks/{task_id}/events/stream", "/events"):
        response = await client.get(path, headers={"last-event-id": "yesterday"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "Last-Event-ID"
    assert (await client.get("/tasks/task-9999/events/stream")).status_code == 404


async def test_a_client_that_takes_anything_is_given_json(client: httpx.AsyncClient) -> None:
    task_id = await send(client)
    response = await client.get(f"/tasks/{task_id}/events", headers={"accept": "*/*"})
    assert response.headers["content-type"] == "application/json"
