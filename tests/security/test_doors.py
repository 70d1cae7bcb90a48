"""What holds at the service's own endpoints holds at every endpoint of every door: keys, owners, limits, time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.callers import Callers, callers_of, send_task
from tests.fixtures.doors import (
    BODIES,
    ENDPOINTS,
    ERROR_MESSAGES,
    KEY_WAYS,
    NAMES,
    PROBES,
    SENDING,
    TAKE_DOCUMENTS,
    Body,
    door_of,
    fill,
)
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks

from pagemill.domain.callers import Scope
from pagemill.settings import Settings
from pagemill.web.access import DOORS, RULES, endpoint_at
from pagemill.web.timed_body import BodyRules
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
MIB = 1024 * 1024
Make = Callable[[bytes], Body]
KEYED = [pytest.param(*each, id=" ".join(each)) for each in ENDPOINTS if each not in PROBES]
SENT = [pytest.param(*each, id=f"{each[1]} {at}") for at, each in enumerate(BODIES)]


@pytest.fixture
async def callers(stores: Stores, tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers_of(stores, tmp_path, root_doors=tuple(NAMES)) as made:
        yield made


async def ask_at(client: httpx.AsyncClient, method: str, path: str, where: str, task_id: str) -> httpx.Response:
    make = SENDING.get((method, path))
    body = make(PDF) if make else None
    content, headers = (body.content, body.headers) if body else (None, {})
    return await client.request(method, fill(where, task_id), content=content, headers=headers)


async def send_by(client: httpx.AsyncClient, method: str, path: str, make: Make) -> httpx.Response:
    body = make(PDF)
    return await client.request(method, fill(path, ""), content=body.content, headers=body.headers)


def at_root(path: str) -> str:
    return path.removeprefix(DOORS + door_of(path))


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def test_the_tests_know_every_door_and_every_endpoint_that_takes_documents() -> None:
    assert sorted(SENDING) == TAKE_DOCUMENTS
    assert sorted(KEY_WAYS) == sorted(ERROR_MESSAGES) == NAMES
    assert Settings.model_validate({"server": {"root_doors": NAMES}}).server.root_doors == tuple(NAMES)


def test_no_two_doors_meet_at_the_root_and_none_hides_an_endpoint() -> None:
    for method, path in ENDPOINTS:
        root = at_root(path)
        assert endpoint_at(method, fill(root, "x")) is None, path
        inside = [name for name in NAMES if endpoint_at("GET", f"{DOORS}{name}{fill(root, 'x')}")]
        assert inside == [door_of(path)], root


@pytest.mark.parametrize(("method", "path"), KEYED)
@pytest.mark.parametrize("is_at_root", [False, True])
async def test_a_key_lets_in_in_each_way_of_the_door_and_in_no_other(
    callers: Callers, method: str, path: str, *, is_at_root: bool
) -> None:
    task_id = await send_task(await callers.client("owner"))
    callers.tasks.room.watch.close()
    right = callers.issued["owner", Scope.SUBMIT].token
    revoked = await callers.issue("owner", Scope.SUBMIT)
    await callers.tasks.keys.revoke(revoked.key.key_id)
    where = at_root(path) if is_at_root else path
    everyone = {way for ways in KEY_WAYS.values() for way in ways}
    for way in everyone:
        for token in (right, revoked.token, right[:-2] + "__", ""):
            client = callers.client_with(way(token))
            answer = await ask_at(client, method, path, where, task_id)
            is_let_in = token == right and way in KEY_WAYS[door_of(path)]
            assert (answer.status_code != 401) is is_let_in, (way(token), answer.status_code, answer.text)
            if not is_let_in:
                assert "API keys" in ERROR_MESSAGES[door_of(path)](answer)


@pytest.mark.parametrize(("method", "path"), KEYED)
@pytest.mark.parametrize("is_at_root", [False, True])
async def test_a_stranger_and_a_reader_are_refused_as_everywhere(
    callers: Callers, method: str, path: str, *, is_at_root: bool
) -> None:
    task_id = await send_task(await callers.client("owner"))
    callers.tasks.room.watch.close()
    where = at_root(path) if is_at_root else path
    if "{task_id}" in path:
        stranger = await callers.client("stranger")
        there, nowhere = [await ask_at(stranger, method, path, where, each) for each in (task_id, task_id[::-1])]
        assert there.status_code == nowhere.status_code == 404
        message = ERROR_MESSAGES[door_of(path)]
        assert message(there).replace(task_id, "ID") == message(nowhere).replace(task_id[::-1], "ID")
    if RULES[method, path].scope is Scope.SUBMIT:
        answer = await ask_at(await callers.client("owner", Scope.READ), method, path, where, task_id)
        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_at_root", [False, True])
async def test_doors_are_at_the_root_only_where_a_setting_says_so(
    stores: Stores, tmp_path: Path, name: str, *, is_at_root: bool
) -> None:
    async with callers_of(stores, tmp_path, root_doors=(name,) if is_at_root else ()) as callers:
        callers.tasks.room.watch.close()
        client = await callers.client("owner")
        task_id = await send_task(client)
        for method, path in ENDPOINTS:
            answer = await ask_at(client, method, path, at_root(path), task_id)
            is_there = is_at_root and door_of(path) == name
            assert ("nothing at" in answer.text) is not is_there, (path, answer.text[:200])


async def test_what_no_door_has_is_refused_in_its_shape(callers: Callers) -> None:
    client = await callers.client("owner")
    for name in NAMES:
        for method, status in (("GET", 404), ("POST", 404)):
            answer = await client.request(method, f"{DOORS}{name}/nowhere")
            assert answer.status_code == status
            assert "nothing at" in ERROR_MESSAGES[name](answer)
    for method, path in ENDPOINTS:
        answer = await client.request("PATCH", fill(path, "x"))
        assert (answer.status_code, method in answer.headers["allow"]) == (405, True), path
    assert (await client.get(f"{DOORS}nowhere/v1")).json()["code"] == "not_found"


@pytest.mark.parametrize(("method", "path", "make"), SENT)
async def test_a_body_that_stops_is_refused(
    tasks: WebTasks, tmp_path: Path, method: str, path: str, make: Make
) -> None:
    api = tasks.api(WebConfig(uploads=tmp_path / "uploads", body=BodyRules(stall=timedelta(seconds=0.05))))
    body = make(PDF + bytes(2 * MIB))
    for begun in (b"", body.content[: 3 * MIB // 2]):
        headers = [("content-type", body.media_type), ("content-length", str(len(body.content)))]
        request = AsgiRequest(api, method, fill(path, ""), headers)
        request.body(begun)
        await request.end()
        assert request.status == 408, request.text
        assert not files_in(tmp_path / "uploads")


@pytest.mark.parametrize(("method", "path", "make"), SENT)
@pytest.mark.parametrize("is_declared", [False, True])
async def test_a_document_over_the_limit_is_refused_and_leaves_nothing(
    tasks: WebTasks, tmp_path: Path, method: str, path: str, make: Make, *, is_declared: bool
) -> None:
    api = tasks.api(WebConfig(uploads=tmp_path / "uploads", max_upload_bytes=MIB))
    body = make(PDF + bytes(4 * MIB))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body.content), 50_000):
            yield body.content[start : start + 50_000]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
        content = body.content if is_declared else pieces()
        answer = await client.request(method, fill(path, ""), content=content, headers=body.headers)
    assert answer.status_code == 413, answer.text
    assert str(MIB) in ERROR_MESSAGES[door_of(path)](answer) or is_declared
    assert not files_in(tmp_path / "uploads")


@pytest.mark.parametrize(("method", "path", "make"), SENT)
async def test_a_document_goes_to_the_disk_as_it_arrives(
    tasks: WebTasks, tmp_path: Path, method: str, path: str, make: Make
) -> None:
    uploads = tmp_path / "uploads"
    api = tasks.api(WebConfig(uploads=uploads))
    body = make(PDF + bytes(3 * MIB))
    headers = [("content-type", body.media_type), ("content-length", str(len(body.content)))]
    request = AsgiRequest(api, method, fill(path, ""), headers)
    for piece in cut(body.content[:-100], 64 * 1024):
        request.body(piece)
    await request.wait_until_drained()
    (part,) = files_in(uploads)
    assert await asyncio.to_thread(lambda: part.stat().st_size) >= 2 * MIB
    request.disconnect()
    await request.end()
    assert not files_in(uploads)
    assert not await tasks.list_sent()


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize(("method", "path", "make"), SENT)
async def test_the_rate_of_uploads_is_that_of_the_caller(
    stores: Stores, tmp_path: Path, method: str, path: str, make: Make
) -> None:
    async with callers_of(stores, tmp_path, uploads_per_minute=2) as callers:
        callers.tasks.room.watch.close()
        client = await callers.client("acme")
        await send_task(client)
        assert (await send_by(client, method, path, make)).status_code in (200, 202, 503)
        refused = await send_by(client, method, path, make)
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True), refused.text
        assert "per minute" in ERROR_MESSAGES[door_of(path)](refused)
        assert (await send_by(await callers.client("zeta"), method, path, make)).status_code != 429


@pytest.mark.parametrize(("method", "path", "make"), SENT)
async def test_what_is_sent_through_a_door_belongs_to_its_caller(
    callers: Callers, method: str, path: str, make: Make
) -> None:
    callers.tasks.room.watch.close()
    client = await callers.client("acme")
    await send_by(client, method, path, make)
    if path.endswith("/meta"):
        assert not await callers.tasks.list_sent(), "nothing is kept"
        return
    (task,) = await callers.tasks.list_sent()
    assert task.caller == "acme"
    assert (await client.get(f"/tasks/{task.task_id}")).status_code == 200
    assert (await (await callers.client("zeta")).get(f"/tasks/{task.task_id}")).status_code == 404
