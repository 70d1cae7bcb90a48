"""The task endpoints over HTTP."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.tasks_room import eventually
from tests.fixtures.web_tasks import WebTasks

from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryLevel

PDF = b"%PDF-1.7 three pages\n"


async def send(client: httpx.AsyncClient, name: str = "a.pdf", **fields: str) -> str:
    response = await client.post("/tasks", files={"file": (name, PDF)}, data=fields)
    assert response.status_code == 202
    task_id = response.json()["task_id"]
    assert isinstance(task_id, str)
    return task_id


async def is_sent(tasks: WebTasks) -> bool:
    return bool(await tasks.list_sent())


async def test_a_task_is_shown_under_the_names_of_the_specification(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    await tasks.finish_page(task_id, 2, failure="The page's image is damaged.")
    body = (await client.get(f"/tasks/{task_id}")).json()
    assert body["status"] == "running"
    assert body["progress"] == {"pages_total": 3, "pages_done": 1, "pages_failed": 1}
    assert body["created_at"] == "2026-01-01T00:00:00.001000Z"
    assert body["estimated_memory_mb"] == 80
    assert body["actual_memory_mb"] is None
    assert body["assigned_device"] == "cpu"
    assert body["service_instance_id"] is None
    assert body["resource_cleanup_completed"] is False
    assert body["failure"] is None
    for link in body["links"].values():
        assert link.startswith(f"/tasks/{task_id}")
    for link in ("self", "pages", "result", "events", "health", "receipt", "metrics"):
        assert (await client.get(body["links"][link])).status_code == 200


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    for path in ("", "/pages", "/result", "/events", "/health", "/receipt", "/metrics"):
        response = await client.get(f"/tasks/task-9999{path}")
        assert response.status_code == 404
        assert response.json()["code"] == "not_found"
    assert (await client.post("/tasks/task-9999/start")).status_code == 404
    assert (await client.post("/tasks/task-9999/cancel")).status_code == 404
    assert (await client.delete("/tasks/task-9999")).status_code == 404


@pytest.mark.parametrize("task_id", ["%00", "a%0d%0ab", "x" * 65, "' OR 1=1", "ü", "..%2f"])
async def test_an_id_that_can_be_none_reaches_no_database(client: httpx.AsyncClient, task_id: str) -> None:
    response = await client.get(f"/tasks/{task_id}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_tasks_are_listed_newest_first_a_page_at_a_time(client: httpx.AsyncClient) -> None:
    sent = [await send(client, start=str(number % 2 == 0).lower()) for number in range(5)]
    seen: list[str] = []
    path: str | None = "/tasks?limit=2"
    while path is not None:
        response = await client.get(path)
        body = response.json()
        seen += [task["task_id"] for task in body["tasks"]]
        path = body["next"]
        assert response.links.get("next", {}).get("url") == path
    assert seen == sent[::-1]
    queued = await client.get("/tasks?status=queued&limit=2")
    assert [task["task_id"] for task in queued.json()["tasks"]] == [sent[4], sent[2]]
    assert "status=queued" in queued.json()["next"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "status=lost", "before=%00", "before="])
async def test_a_list_asked_for_wrongly_is_refused_by_field(client: httpx.AsyncClient, query: str) -> None:
    response = await client.get(f"/tasks?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


async def test_pages_are_shown_by_number_with_what_went_wrong(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 2, failure="The page's image is damaged.")
    body = (await client.get(f"/tasks/{task_id}/pages")).json()
    assert [page["number"] for page in body["pages"]] == [1, 2, 3]
    assert [page["state"] for page in body["pages"]] == ["leased", "failed", "leased"]
    assert body["pages"][1]["failure"] == {"reason": "page_unreadable", "message": "The page's image is damaged."}


async def test_finished_pages_are_readable_while_the_task_runs(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client)
    early = await client.get(f"/tasks/{task_id}/result")
    assert early.status_code == 409
    assert early.json()["code"] == "result_not_ready"
    assert early.json()["retryable"] is True
    await tasks.finish_page(task_id, 1)
    partial = await client.get(f"/tasks/{task_id}/result")
    assert partial.status_code == 200
    assert partial.headers["pagemill-complete"] == "false"
    assert partial.headers["pagemill-task-status"] == "running"
    assert "words of page 1" in partial.text
    await tasks.finish_page(task_id, 2)
    await tasks.finish_page(task_id, 3)
    whole = await client.get(f"/tasks/{task_id}/result")
    assert whole.headers["pagemill-complete"] == "true"
    assert whole.headers["pagemill-task-status"] == "succeeded"
    assert "words of page 3" in whole.text


async def test_a_partial_success_names_the_pages_it_lacks(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    await tasks.finish_page(task_id, 2, failure="The page's image is damaged.")
    await tasks.finish_page(task_id, 3)
    response = await client.get(f"/tasks/{task_id}/result?format=json")
    assert response.headers["pagemill-complete"] == "false"
    assert response.headers["pagemill-task-status"] == "partially_succeeded"
    assert [page["status"] for page in response.json()["pages"]] == ["read", "unread", "read"]


async def test_a_task_without_any_page_read_has_no_result_and_says_why(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await send(client, pages="1")
    await tasks.finish_page(task_id, 1, failure="The page's image is damaged.")
    response = await client.get(f"/tasks/{task_id}/result")
    assert response.status_code == 409
    assert response.json()["code"] == "no_result"
    assert response.json()["retryable"] is False


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", None, "text/plain; charset=utf-8"),
        ("", "*/*", "text/plain; charset=utf-8"),
        ("", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("", "application/json", "application/json"),
        ("", "text/*;q=0.5, application/json", "application/json"),
        ("", "text/markdown", "text/markdown; charset=utf-8"),
        ("?format=markdown", "application/json", "text/markdown; charset=utf-8"),
        ("?format=json", "image/png", "application/json"),
    ],
)
async def test_the_result_comes_in_the_form_that_was_asked_for(
    client: httpx.AsyncClient, tasks: WebTasks, query: str, accept: str | None, media_type: str
) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    request = client.build_request("GET", f"/tasks/{task_id}/result{query}")
    del request.headers["accept"]
    if accept is not None:
        request.headers["accept"] = accept
    response = await client.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.headers["vary"] == "Accept"


async def test_a_form_there_is_none_of_is_refused_with_those_there_are(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    unknown = await client.get(f"/tasks/{task_id}/result?format=docx")
    assert unknown.status_code == 422
    assert "text, markdown, json" in unknown.json()["detail"]
    unacceptable = await client.get(f"/tasks/{task_id}/result", headers={"accept": "image/png"})
    assert unacceptable.status_code == 406
    assert "text/plain" in unacceptable.json()["detail"]


@pytest.mark.parametrize("name", ['a"; evil=1.pdf', "a\r\nSet-Cookie: x=1.pdf", "发票.pdf", "a;b,c%0d%0a.pdf", ".pdf"])
async def test_a_senders_file_name_cannot_write_headers(client: httpx.AsyncClient, tasks: WebTasks, name: str) -> None:
    response = await client.post("/tasks", params={"name": name}, files={"file": ("f", PDF)})
    task_id = response.json()["task_id"]
    await tasks.finish_page(task_id, 1)
    response = await client.get(f"/tasks/{task_id}/result")
    assert "set-cookie" not in response.headers
    plain, _, encoded = response.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert plain == f'inline; filename="{task_id}.txt"'
    assert encoded.isascii()
    assert not set(encoded) & set(' ";,\r\n')


async def test_two_results_at_the_same_time_do_not_mix(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    ids = [await send(client, name=f"{number}.pdf") for number in range(4)]
    for task_id in ids:
        await tasks.finish(task_id)
    answers = await asyncio.gather(*(client.get(f"/tasks/{task_id}/result?format=json") for task_id in ids))
    for task_id, answer in zip(ids, answers, strict=True):
        assert answer.json()["document"]["task_id"] == task_id
        assert len(answer.json()["pages"]) == 3


async def test_a_task_waits_for_its_start_and_may_be_given_a_device(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    tasks.room.memory.limits[DeviceId("cuda:0")] = 1024 * MIB
    task_id = await send(client, start="false")
    started = await client.post(f"/tasks/{task_id}/start", json={"device": "cuda:0"})
    assert started.status_code == 202
    assert started.json()["status"] == "queued"
    assert started.json()["assigned_device"] == "cuda:0"
    again = await client.post(f"/tasks/{task_id}/start")
    assert again.status_code == 409
    assert again.json()["code"] == "illegal_transition"


async def test_a_start_without_a_body_and_one_with_unknown_fields(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client, start="false")
    refused = await client.post(f"/tasks/{task_id}/start", json={"devise": "cpu"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.devise"
    assert (await client.post(f"/tasks/{task_id}/start", content=b"{")).status_code == 422
    tasks.room.memory.limits[CPU] = 50 * MIB
    never = await client.post(f"/tasks/{task_id}/start")
    assert never.status_code == 507
    assert never.json()["details"].items() >= {"needed_bytes": 80 * MIB, "limit_bytes": 50 * MIB}.items()
    tasks.room.memory.limits[CPU] = 100 * MIB
    assert (await client.post(f"/tasks/{task_id}/start")).status_code == 202


async def test_cancel_stops_a_task_once_and_refuses_one_that_is_over(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await send(client, pages="1-2")
    await tasks.finish_page(task_id, 1)
    for _ in range(2):
        response = await client.post(f"/tasks/{task_id}/cancel")
        assert response.status_code == 202
        assert response.json()["status"] == "cancelling"
    over = await send(client, pages="1")
    await tasks.finish_page(over, 1)
    assert (await client.post(f"/tasks/{over}/cancel")).status_code == 409


async def test_delete_cancels_what_is_under_way_and_removes_what_is_over(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    under_way = await client.delete(f"/tasks/{task_id}")
    assert under_way.status_code == 202
    assert under_way.json()["status"] == "cancelling"
    await tasks.let_go(task_id)
    over = await client.delete(f"/tasks/{task_id}")
    assert over.status_code == 204
    assert over.content == b""
    assert (await client.get(f"/tasks/{task_id}")).status_code == 404
    never_started = await send(client, start="false")
    assert (await client.delete(f"/tasks/{never_started}")).status_code == 204


async def test_events_are_read_from_where_one_left_off(client: httpx.AsyncClient) -> None:
    task_id = await send(client)
    first = (await client.get(f"/tasks/{task_id}/events?limit=1")).json()
    assert [event["event_type"] for event in first["events"]] == ["created"]
    rest = (await client.get(f"/tasks/{task_id}/events?after={first['last_sequence']}")).json()
    assert [event["event_type"] for event in rest["events"]] == ["queued"]
    none = (await client.get(f"/tasks/{task_id}/events?after={rest['last_sequence']}")).json()
    assert none == {"task_id": task_id, "events": [], "last_sequence": rest["last_sequence"]}
    assert (await client.get(f"/tasks/{task_id}/events?after=-1")).status_code == 422


async def test_health_and_metrics_have_the_specifications_fields(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    tasks.room.memory.levels[CPU] = MemoryLevel.SOFT
    task_id = await send(client)
    assert (await client.get(f"/tasks/{task_id}/health")).json() == {
        "status": "queued",
        "memory_usage_mb": None,
        "processing_time_s": None,
        "device": "cpu",
        "warnings": ["cpu is near its memory limit (0 of 1024 MiB)."],
    }
    assert (await client.get("/tasks/metrics")).json() == {
        "active_tasks": {
            "total": 0,
            "by_status": {"running": 0, "retrying": 0, "cancelling": 0},
            "by_device": {},
            "by_priority": {},
            "by_engine": {},
        },
        "queued_tasks": {
            "total": 1,
            "by_status": {"queued": 1},
            "by_device": {"cpu": 1},
            "by_priority": {"0": 1},
            "by_engine": {"rapidocr": 1},
        },
        "memory_by_device": {"cpu": {"limit_mb": 1024, "used_mb": 0, "reserved_mb": 0, "level": "soft"}},
        "pool_utilization": {
            "total": {"capacity": 2, "in_use": 0, "utilization": 0.0},
            "by_device": {"cpu": {"capacity": 1, "in_use": 0, "utilization": 0.0}},
            "readers": {"capacity": 1, "in_use": 0, "utilization": 0.0},
            "by_engine": {},
        },
        "average_wait_time": 0.0,
        "nodes": [],
    }


async def test_a_client_that_prefers_to_wait_gets_the_finished_task(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    sending = asyncio.ensure_future(
        client.post("/tasks", files={"file": PDF}, data={"pages": "1"}, headers={"prefer": "wait=30"})
    )
    await eventually(lambda: is_sent(tasks))
    (task,) = await tasks.list_sent()
    await tasks.finish_page(task.task_id, 1)
    response = await asyncio.wait_for(sending, 10)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.headers["location"] == f"/tasks/{task.task_id}"
    assert response.json()["status"] == "succeeded"
    waited = await asyncio.wait_for(client.get(f"/tasks/{task.task_id}", headers={"prefer": "wait=30"}), 10)
    assert waited.headers["preference-applied"] == "wait=30"


async def test_a_wait_that_runs_out_is_no_error(client: httpx.AsyncClient) -> None:
    response = await client.post("/tasks", files={"file": PDF}, headers={"prefer": "respond-async, wait=0"})
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=0"
    assert response.json()["status"] == "queued"


async def test_a_wait_is_granted_up_to_the_setting(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = await send(client, pages="1")
    looking = asyncio.ensure_future(client.get(f"/tasks/{task_id}", headers={"prefer": "wait=999999"}))
    await tasks.finish_page(task_id, 1)
    response = await asyncio.wait_for(looking, 10)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=120"


async def test_a_task_that_is_not_to_start_is_not_waited_for(client: httpx.AsyncClient) -> None:
    response = await client.post("/tasks", files={"file": PDF}, data={"start": "false"}, headers={"prefer": "wait=60"})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


async def test_links_keep_the_path_the_service_is_mounted_at(api: FastAPI) -> None:
    mounted = httpx.ASGITransport(api, root_path="/ocr")
    async with httpx.AsyncClient(transport=mounted, base_url="http://localhost") as below:
        response = await below.post("/ocr/tasks", files={"file": PDF})
        path = f"/ocr/tasks/{response.json()['task_id']}"
        assert response.headers["location"] == response.json()["links"]["self"] == path
