"""The endpoints that are about no task."""

import asyncio
from pathlib import Path

import httpx
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import client_of

from pagemill.web.access import RULES
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7 of three pages"


async def test_the_service_says_what_there_is(client: httpx.AsyncClient) -> None:
    described = (await client.get("/")).json()
    assert described["service"] == "pagemill"
    for path in described["links"].values():
        assert (await client.get(path)).status_code == 200


async def test_it_is_ready_when_every_part_is(tasks: WebTasks, tmp_path: Path) -> None:
    broken = True

    async def database() -> None:
        if broken:
            raise ConnectionError("10.0.0.7:5432 refused")

    async def fine() -> None:
        return

    api = tasks.api(WebConfig(uploads=tmp_path), checks={"workers": fine, "database": database})
    async with client_of(api) as client:
        assert (await client.get("/livez")).json() == {"status": "alive"}
        refused = await client.get("/readyz")
        assert refused.status_code == 503
        assert refused.json()["details"] == {"part": "database"}
        assert "10.0.0.7" not in refused.text
        broken = False
        assert (await client.get("/readyz")).json() == {"status": "ready"}


def paths_to_get() -> list[str]:
    """Every path that a GET may name without an id, but for the stream, which has no end."""
    return sorted(path for method, path in RULES if method == "GET" and "{" not in path and path != "/events")


async def test_every_get_has_its_head(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = (await client.post("/tasks", files={"file": ("scan.pdf", PDF)})).json()["task_id"]
    await tasks.finish(task_id)
    of_task = [f"/tasks/{task_id}{rest}" for rest in ("", "/result", "/result?format=json", "/pages", "/health")]
    for path in (*paths_to_get(), *of_task, "/tasks/missing", "/problems/missing"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert {*head.headers} == {*got.headers}, path
        for name in ("content-type", "etag", "content-disposition"):
            assert head.headers.get(name) == got.headers.get(name), path


async def test_what_a_path_allows_names_the_head_beside_the_get(client: httpx.AsyncClient) -> None:
    assert (await client.put("/livez")).headers["allow"] == "GET, HEAD"
    assert "HEAD" not in (await client.put("/tasks/a/cancel")).headers["allow"]


async def test_the_head_of_a_stream_is_over_at_once(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
        head = await client.head("/events", headers={"Accept": "text/event-stream"})
    assert (head.status_code, head.headers["content-type"].split(";")[0]) == (200, "text/event-stream")


async def test_no_head_changes_anything(client: httpx.AsyncClient) -> None:
    for method, path in RULES:
        if method != "GET" and ("GET", path) not in RULES and "{" not in path:
            assert (await client.head(path)).status_code in (404, 405), path
