"""What a caller sees is its own: lists, events, repeated requests, shared pages, quotas. On every database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.callers import PDF, Callers, callers_of, send_task
from tests.fixtures.databases import BACKENDS
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import PAGES

from pagemill.domain.callers import Scope
from pagemill.store.quotas import CallerQuota
from pagemill.store.task_queue import QueueConfig

LISTS = (
    "/tasks",
    "/tasks?status=queued",
    "/tasks?label=a:b",
    "/batches",
    "/status",
    "/tasks?limit=1",
    "/batches?limit=1",
)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def callers(stores: Stores, tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers_of(stores, tmp_path) as made:
        yield made


async def all_of(client: httpx.AsyncClient, path: str) -> str:
    """The text of a list with all its pages."""
    text = ""
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200
        text += answer.text
        path = answer.json().get("next") or ""
    return text


@pytest.mark.parametrize("path", LISTS)
async def test_lists_show_ones_own_and_an_admin_everything(callers: Callers, path: str) -> None:
    ids: dict[str, list[str]] = {}
    for name in ("zeta", "acme", "zeta", "acme"):
        client = await callers.client(name)
        made = [await send_task(client, labels='{"a": "b"}'), await send_task(client, "/batches", labels='{"a": "b"}')]
        ids.setdefault(name, []).extend(made)
    for name in ("acme", "zeta"):
        for scope in (Scope.READ, Scope.SUBMIT):
            text = await all_of(await callers.client(name, scope), path)
            assert any(each in text for each in ids[name])
            assert not any(each in text for other in ids if other != name for each in ids[other])
    text = await all_of(await callers.client("boss", Scope.ADMIN), path)
    assert all(any(each in text for each in ids[name]) for name in ids)


@pytest.mark.parametrize("scope", Scope)
async def test_the_stream_of_changes_tells_of_ones_own_alone(callers: Callers, scope: Scope) -> None:
    acme, zeta = await callers.client("acme"), await callers.client("zeta")
    await callers.issue("acme", scope)
    headers = [("authorization", f"Bearer {callers.issued['acme', scope].token}")]
    request = AsgiRequest(callers.api, "GET", "/events", headers, query="after=0")
    await request.wait_for_text("retry:")
    others = [await send_task(zeta) for _ in range(3)]
    mine = await send_task(acme)
    await request.wait_for_text(mine)
    await callers.tasks.finish(others[0])
    await callers.tasks.finish(mine)
    await request.wait_for_text('"succeeded"')
    assert any(each in request.text for each in others) is (scope is Scope.ADMIN)
    request.disconnect()
    await request.cancel()


async def test_others_changes_do_not_show_in_when_a_stream_says_something(callers: Callers) -> None:
    feed = callers.tasks.feed()
    zeta = await callers.client("zeta")
    await send_task(zeta)
    notices = feed.notices(after=0, caller="acme")
    assert not await anext(notices)  # the first beat
    told = 1
    before = callers.tasks.stores.clock.now()
    for _ in range(8):
        await send_task(zeta)
    callers.tasks.room.watch.close()
    async for found in notices:
        assert not found
        told += 1
    assert told <= 2 + (callers.tasks.stores.clock.now() - before).total_seconds() / 5


async def test_a_caller_is_told_who_it_is(callers: Callers) -> None:
    nobody = (await callers.client_with({}).get("/setup")).json()
    assert (nobody["caller"], nobody["scope"]) == ("", "admin")
    for scope in Scope:
        told = (await (await callers.client("acme", scope)).get("/setup")).json()
        assert (told["caller"], told["scope"]) == ("acme", scope)


async def test_the_status_counts_ones_own_tasks_and_an_admins_everyones(callers: Callers) -> None:
    for name in ("acme", "zeta", "acme"):
        await send_task(await callers.client(name))
    for name, scope, expected in (("acme", Scope.READ, 2), ("zeta", Scope.SUBMIT, 1), ("boss", Scope.ADMIN, 3)):
        queue = (await (await callers.client(name, scope)).get("/status")).json()["queue"]
        assert (queue["tasks"], len(queue["line"])) == ({"queued": expected}, expected)


async def test_failures_name_no_task_of_others(callers: Callers) -> None:
    acme, zeta = await callers.client("acme"), await callers.client("zeta")
    task_id = await send_task(acme)
    for number in range(1, PAGES + 1):
        await callers.tasks.finish_page(task_id, number, failure="damaged")
    (mine,) = (await acme.get("/status")).json()["queue"]["failures"]
    (others,) = (await zeta.get("/status")).json()["queue"]["failures"]
    assert (mine["newest_task_id"], others["newest_task_id"]) == (task_id, None)


@pytest.mark.parametrize("path", ["/tasks", "/batches"])
async def test_a_repeated_request_is_ones_own(callers: Callers, path: str) -> None:
    headers = {"Idempotency-Key": "same"}
    made = {}
    for name, scope in (("acme", Scope.SUBMIT), ("zeta", Scope.SUBMIT), ("boss", Scope.ADMIN), ("acme", Scope.ADMIN)):
        client = await callers.client(name, scope)
        answers = [await client.post(path, files={"file": PDF}, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].headers["location"] == answers[1].headers["location"]
        assert answers[1].headers["idempotency-replayed"] == "true"
        made[name, scope] = answers[0].headers["location"]
    assert len(set(made.values())) == 3
    assert made["acme", Scope.SUBMIT] == made["acme", Scope.ADMIN]
    other = await (await callers.client("zeta")).post(path, files={"file": b"%PDF-2"}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_pages_are_shared_among_ones_own_alone(callers: Callers) -> None:
    for name, scope in (("acme", Scope.SUBMIT), ("zeta", Scope.SUBMIT), ("boss", Scope.ADMIN)):
        client = await callers.client(name, scope)
        task_id = await send_task(client, cache="use")
        assert (await client.get(f"/tasks/{task_id}")).json()["progress"]["pages_done"] == 0
        await callers.tasks.finish(task_id)
        again = await send_task(client, cache="use")
        assert (await client.get(f"/tasks/{again}")).json()["progress"]["pages_done"] == PAGES


async def test_what_was_sent_while_the_service_was_open_is_the_admins(callers: Callers) -> None:
    task_id = await send_task(callers.client_with({}))
    acme, boss = await callers.client("acme"), await callers.client("boss", Scope.ADMIN)
    assert (await acme.get(f"/tasks/{task_id}")).status_code == 404
    assert (await boss.get(f"/tasks/{task_id}")).status_code == 200


async def test_a_new_key_of_the_same_caller_goes_on_where_the_old_one_was(callers: Callers) -> None:
    task_id = await send_task(await callers.client("acme"))
    await callers.issue("acme", Scope.SUBMIT)
    renewed = await callers.client("acme")
    assert (await renewed.get(f"/tasks/{task_id}")).status_code == 200
    reader = await callers.client("acme", Scope.READ)
    assert (await reader.get(f"/tasks/{task_id}")).status_code == 200
    assert (await reader.post(f"/tasks/{task_id}/cancel")).status_code == 403


@pytest.mark.parametrize("kind", ["pages", "stored_bytes"])
async def test_quotas_are_of_a_caller_with_all_its_keys(stores: Stores, tmp_path: Path, kind: str) -> None:
    room = {"pages": 10**9, "stored_bytes": 10**9, kind: 2 * (PAGES if kind == "pages" else len(PDF))}
    quota = CallerQuota(pages=room["pages"], stored_bytes=room["stored_bytes"])
    async with callers_of(replace(stores, config=QueueConfig(quota=quota)), tmp_path) as callers:
        for name in ("acme", "zeta"):
            for scope in (Scope.SUBMIT, Scope.ADMIN):
                await send_task(await callers.client(name, scope))
            await callers.issue(name, Scope.SUBMIT)  # a new key brings no new quota
            refused = await (await callers.client(name)).post("/tasks", files={"file": PDF})
            assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")


async def test_the_rate_of_uploads_is_of_a_caller_with_all_its_keys(stores: Stores, tmp_path: Path) -> None:
    async with callers_of(stores, tmp_path, uploads_per_minute=2) as callers:
        for name in ("acme", "zeta"):
            await send_task(await callers.client(name))
            await callers.issue(name, Scope.SUBMIT)
            await send_task(await callers.client(name))
            refused = await (await callers.client(name, Scope.ADMIN)).post("/tasks", files={"file": PDF})
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
