"""Sending the same thing twice, finding tasks by their labels, and reading failed pages again."""

import json
from pathlib import Path

import httpx
import pytest
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import MakeApi, client_of

from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7 three pages\n"


async def send(
    client: httpx.AsyncClient, body: bytes = PDF, *, key: str | None = None, **fields: str
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/tasks", files={"file": ("a.pdf", body)}, data=fields, headers=headers)


def count_files(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_the_same_key_and_content_make_one_task(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path
) -> None:
    first, second = await send(client, key="k", dpi="100"), await send(client, key="k", dpi="100")
    assert first.status_code == second.status_code == 202
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert len(await tasks.list_sent()) == 1
    assert count_files(uploads) == 1


@pytest.mark.parametrize(("body", "fields"), [(b"%PDF-other", {}), (PDF, {"dpi": "300"}), (PDF, {"pages": "1"})])
async def test_the_same_key_for_something_else_is_refused(
    client: httpx.AsyncClient, uploads: Path, body: bytes, fields: dict[str, str]
) -> None:
    await send(client, key="k")
    refused = await send(client, body, key="k", **fields)
    assert refused.status_code == 422
    assert refused.json()["code"] == "idempotency_key_reused"
    assert count_files(uploads) == 1


async def test_without_a_key_every_request_makes_a_task(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    await send(client)
    await send(client)
    await send(client, key="k")
    await send(client, key="K")
    assert len(await tasks.list_sent()) == 4


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
async def test_a_key_that_cannot_be_one_is_refused(client: httpx.AsyncClient, tasks: WebTasks, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    refused = await client.post("/tasks", files={"file": PDF}, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not tasks.inspector.seen


async def test_callers_do_not_share_keys(make_api: MakeApi, tasks: WebTasks, uploads: Path) -> None:
    async with client_of(make_api(WebConfig(uploads=uploads, api_keys=("one", "two")))) as client:
        for api_key in ("one", "two", "one"):
            headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": "k"}
            answer = await client.post("/tasks", files={"file": PDF}, headers=headers)
            assert answer.status_code == 202
    assert len(await tasks.list_sent()) == 2


async def test_tasks_are_found_by_all_labels_named_a_page_at_a_time(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    for labels in ('{"a": "1", "b": "x:y"}', '{"a": "1"}', '{"a": "2", "b": "x:y"}', '{"a": "1", "b": "x:y"}', "{}"):
        await send(client, labels=labels)
    found: list[str] = []
    path: str | None = "/tasks?label=a:1&label=b:x:y&limit=1"
    while path:
        body = (await client.get(path)).json()
        found += [task["task_id"] for task in body["tasks"]]
        path = body["next"]
    sent = [task.task_id for task in await tasks.list_sent()]
    assert found == [sent[3], sent[0]]


@pytest.mark.parametrize("label", ["", "a", ":x"])
async def test_a_filter_that_names_no_label_is_refused(client: httpx.AsyncClient, label: str) -> None:
    refused = await client.get("/tasks", params={"label": label})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "query.label"


@pytest.mark.parametrize(
    "labels", ['{"": "x"}', '{"a:b": "x"}', '{"a": "%s"}' % ("x" * 256), '{"%s": ""}' % ("n" * 65)]
)
async def test_labels_nobody_could_search_for_are_refused(client: httpx.AsyncClient, labels: dict[str, str]) -> None:
    assert (await send(client, labels=json.dumps(labels))).json()["errors"][0]["field"] == "labels"


async def test_only_what_is_over_is_read_again(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = (await send(client)).json()["task_id"]
    early = await client.post(f"/tasks/{task_id}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "illegal_transition")
    await tasks.finish_page(task_id, 1)
    await tasks.finish_page(task_id, 2, failure="The page's image is damaged.")
    await tasks.finish_page(task_id, 3)
    again = await client.post(f"/tasks/{task_id}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "queued")


@pytest.mark.parametrize("url", ["ftp://a.example", "https://", "https://u:p@a.example", "x", "http://a.example:99999"])
async def test_a_webhook_goes_to_a_usable_url(client: httpx.AsyncClient, url: str) -> None:
    refused = await send(client, webhook_url=url)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "webhook_url"
