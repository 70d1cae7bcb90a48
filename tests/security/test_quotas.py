"""What one caller may have waiting and stored, however it is sent, on every database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.fixtures.databases import BACKENDS
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import PAGES, WebTasks

from pagemill.store.quotas import CallerQuota
from pagemill.store.task_queue import QueueConfig
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
KEYS = ("first", "second")
QUOTAS = {
    "pages": CallerQuota(pages=2 * PAGES, stored_bytes=10**9),
    "bytes": CallerQuota(pages=10**9, stored_bytes=2 * len(PDF)),
}
WAYS: dict[str, tuple[str, int, dict[str, str]]] = {
    "queued": ("/tasks", 1, {}),
    "not started": ("/tasks", 1, {"start": "false"}),
    "batch": ("/batches", 1, {}),
    "batch of two": ("/batches", 2, {}),
    "batch that is not started": ("/batches", 2, {"start": "false"}),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def callers(
    stores: Stores, folder: Path, quota: CallerQuota, keys: tuple[str, ...] = KEYS
) -> AsyncIterator[list[httpx.AsyncClient]]:
    tasks = WebTasks(replace(stores, config=QueueConfig(quota=quota)), folder)
    api = tasks.api(WebConfig(uploads=folder / "uploads", api_keys=keys))
    transport = httpx.ASGITransport(api)
    clients = [
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers={"authorization": f"Bearer {key}"})
        for key in KEYS
    ]
    yield clients
    for client in clients:
        await client.aclose()


async def send(client: httpx.AsyncClient, way: str) -> httpx.Response:
    path, documents, fields = WAYS[way]
    return await client.post(path, files=[("file", ("a.pdf", PDF))] * documents, data=fields)


@pytest.mark.parametrize("kind", QUOTAS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_caller_has_so_much_and_no_more(stores: Stores, tmp_path: Path, kind: str, way: str) -> None:
    async with callers(stores, tmp_path, QUOTAS[kind]) as (one, other):
        kept = 0
        while (answer := await send(one, way)).status_code == 202:
            kept += WAYS[way][1]
        assert kept == 2
        assert answer.status_code == 429
        assert answer.json()["code"] == "quota_exceeded"
        assert answer.json()["retryable"] is True
        assert int(answer.headers["retry-after"]) == answer.json()["details"]["retry_after_s"] > 0
        assert len((await one.get("/tasks")).json()["tasks"]) == 2
        assert len(list((tmp_path / "uploads").iterdir())) == 2
        assert (await send(other, way)).status_code == 202


@pytest.mark.parametrize("kind", QUOTAS)
async def test_what_goes_makes_room(stores: Stores, tmp_path: Path, kind: str) -> None:
    async with callers(stores, tmp_path, QUOTAS[kind]) as (one, _):
        sent = [await send(one, "not started") for _ in range(2)]
        assert (await send(one, "queued")).status_code == 429
        assert (await one.delete(sent[0].headers["location"])).status_code == 204
        assert (await send(one, "queued")).status_code == 202


@pytest.mark.parametrize("kind", QUOTAS)
async def test_without_keys_there_are_no_quotas(stores: Stores, tmp_path: Path, kind: str) -> None:
    async with callers(stores, tmp_path, QUOTAS[kind], keys=()) as (one, _):
        assert [(await send(one, "queued")).status_code for _ in range(4)] == [202] * 4


async def test_the_same_request_sent_again_is_not_refused(stores: Stores, tmp_path: Path) -> None:
    async with callers(stores, tmp_path, QUOTAS["bytes"]) as (one, _):
        for _ in range(3):
            headers = {"Idempotency-Key": "k"}
            assert (await one.post("/tasks", files={"file": PDF}, headers=headers)).status_code == 202
