"""Every endpoint with every scope, for the owner of what it is about and for a stranger, on every database.

What is expected is said by a few principles, not by the table that the service looks up.
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from tests.fixtures.callers import Callers, callers_of, send_task
from tests.fixtures.databases import BACKENDS
from tests.fixtures.doors import ERROR_MESSAGES, PROBES, SENDING, door_of
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks

from pagemill.domain.callers import AdminUse, Scope
from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.task import TaskStatus
from pagemill.store.audit_log import SqlAuditLog
from pagemill.web import access
from pagemill.web.access import DOORS, RULES, Rule, check_rules
from pagemill.web.web_config import WebConfig

ENDPOINTS = sorted(RULES)
PUBLIC = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/dashboard/{version}/{name}"), *PROBES}
ONLY_ADMINS = {("GET", "/audit")}
LISTS = {"/tasks", "/batches", "/events", "/status", "/audit"}
OTHERS: Mapping[str, str] = {
    "number": "1",
    "version": "0",
    "name": "result",
    "task_id": "",
    "batch_id": "",
    "model_id": "prebuilt-read",
}
FILE = {"file": ("a.pdf", b"%PDF-1.7\n")}
NAMED = [pytest.param(*each, id=" ".join(each)) for each in ENDPOINTS]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def callers(stores: Stores, tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers_of(stores, tmp_path) as made:
        yield made


def is_named(path: str) -> bool:
    return "{task_id}" in path or "{batch_id}" in path


async def things(callers: Callers) -> Mapping[str, str]:
    """A finished task and a finished batch of the owner."""
    owner = await callers.client("owner")
    task_id = await send_task(owner)
    batch_id = await send_task(owner, "/batches")
    for task in await callers.tasks.list_sent():
        if task.status is TaskStatus.QUEUED:
            await callers.tasks.finish(task.task_id)
    return {**OTHERS, "task_id": task_id, "batch_id": batch_id}


async def ask(client: httpx.AsyncClient, method: str, path: str, of: Mapping[str, str]) -> httpx.Response:
    """Streams end at once, because nobody may wait any more."""
    if method == "POST" and path in ("/tasks", "/batches"):
        return await client.post(path, files=FILE)
    if make := SENDING.get((method, path)):
        body = make(b"%PDF-1.7\n")
        return await client.request(method, path.format(**of), content=body.content, headers=body.headers)
    return await client.request(method, path.format(**of))


def message_of(path: str, answer: httpx.Response) -> str:
    """The message of an error."""
    shape = ERROR_MESSAGES.get(door_of(path)) if path.startswith(DOORS) else None
    return str(answer.json()["detail"]) if shape is None else shape(answer)


def expect_status(method: str, path: str, scope: Scope, *, is_owner: bool) -> int | None:
    """The refusal's status; None if the caller is let in."""
    needed = Scope.ADMIN if (method, path) in ONLY_ADMINS else Scope.READ if method in ("GET", "HEAD") else Scope.SUBMIT
    if (method, path) in PUBLIC:
        return None
    if list(Scope).index(scope) < list(Scope).index(needed):
        return 403
    return 404 if is_named(path) and not is_owner and scope is not Scope.ADMIN else None


@pytest.mark.parametrize(("method", "path"), NAMED)
async def test_every_endpoint_for_every_scope_owner_and_stranger(callers: Callers, method: str, path: str) -> None:
    of = await things(callers)
    callers.tasks.room.watch.close()
    for scope in Scope:
        for name in ("owner", "stranger"):
            client = await callers.client(name, scope)
            if method != "GET" and expect_status(method, path, scope, is_owner=name == "owner") is None:
                of = await things(callers)
            logged = len(await callers.tasks.audit.read())
            answer = await ask(client, method, path, of)
            refusal = expect_status(method, path, scope, is_owner=name == "owner")
            told = (scope, name, answer.status_code, answer.text[:300])
            if refusal is None:
                assert answer.status_code not in (401, 403), told
                assert answer.status_code != 404 or path.startswith(("/dashboard", "/problems")), told
            else:
                assert answer.status_code == refusal, told
                assert message_of(path, answer).startswith({403: "Your key allows", 404: "There is no"}[refusal])
            await check_logged(callers, method, path, scope, of, logged=logged, is_owner=name == "owner")


async def check_logged(
    callers: Callers, method: str, path: str, scope: Scope, of: Mapping[str, str], *, logged: int, is_owner: bool
) -> None:
    """That an admin used its right is in the log, and nothing else is."""
    entries = (await callers.tasks.audit.read())[: len(await callers.tasks.audit.read()) - logged]
    uses_it = scope is Scope.ADMIN and (path in LISTS - {"/tasks", "/batches"} or (is_named(path) and not is_owner))
    uses_it = uses_it or (scope is Scope.ADMIN and method == "GET" and path in ("/tasks", "/batches"))
    assert bool(entries) is uses_it or (uses_it and not is_named(path)), (method, path, scope)  # counted in a minute
    if entries:
        (entry,) = entries
        assert entry.use.action == f"{method} {path}"
        assert entry.use.target in ("", of["task_id"], of["batch_id"])
        assert entry.use.owner == ("owner" if is_named(path) else "")


async def test_nobody_gets_in_without_a_key(callers: Callers) -> None:
    of = await things(callers)
    callers.tasks.room.watch.close()
    revoked = await callers.issue("owner", Scope.ADMIN)
    await callers.tasks.keys.revoke(revoked.key.key_id)
    right = callers.issued["owner", Scope.SUBMIT].token
    for headers in (
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer pagemill_0123456789ab_" + "x" * 43},
        {"authorization": f"Bearer {right[:-1]}"},
        {"authorization": f"Bearer {right[:-1]}{'a' if right[-1] != 'a' else 'b'}"},
        {"authorization": f"Basic {right}"},
        {"authorization": right},
        {"authorization": f"Bearer {revoked.token}"},
    ):
        client = callers.client_with(headers)
        for method, path in ENDPOINTS:
            answer = await ask(client, method, path, of)
            assert (answer.status_code == 401) is ((method, path) not in PUBLIC), (headers, answer.text[:200])


async def test_what_belongs_to_others_looks_as_if_it_were_not_there(callers: Callers) -> None:
    of = await things(callers)
    stranger = await callers.client("stranger")
    for method, path in ENDPOINTS:
        if is_named(path):
            there = await ask(stranger, method, path, of)
            missing = {**of, "task_id": of["task_id"][::-1], "batch_id": of["batch_id"][::-1]}
            nowhere = await ask(stranger, method, path, missing)
            bodies = [
                answer.text.replace(each, "ID").replace(answer.headers["x-request-id"], "")
                for answer, ids in ((there, of), (nowhere, missing))
                for each in [ids["batch_id" if "{batch_id}" in path else "task_id"]]
            ]
            assert bodies[0] == bodies[1], (method, path)
            assert sorted(there.headers) == sorted(nowhere.headers)


class FullLog(SqlAuditLog):
    """Its disk is full."""

    async def record(self, use: AdminUse) -> None:
        raise DatabaseUnavailable(f"{use.action} cannot be written.")


@pytest.mark.parametrize("path", ["/tasks", "/batches"])
async def test_what_cannot_be_recorded_is_not_done(stores: Stores, tmp_path: Path, path: str) -> None:
    log = FullLog(stores.database, stores.clock)
    async with callers_of(stores, tmp_path, audit=log) as callers:
        owner, boss = await callers.client("owner"), await callers.client("boss", Scope.ADMIN)
        one = f"{path}/{await send_task(owner, path, start='false')}"
        for method, where in (
            ("DELETE", one),
            ("POST", f"{one}/cancel"),
            ("GET", one),
            ("GET", path),
            ("GET", "/events"),
        ):
            answer = await boss.request(method, where)
            assert (answer.status_code, answer.json()["retryable"]) == (503, True)
            assert one not in answer.text.replace(f'"instance":"{where}"', "")
        assert (await owner.get(one)).json()["status"] == "created"
        mine = f"{path}/{await send_task(boss, path, start='false')}"
        assert (await boss.get(mine)).status_code == 200


async def test_what_is_nowhere_goes_nowhere(callers: Callers) -> None:
    for scope in Scope:
        client = await callers.client("owner", scope)
        for path in ("/nowhere", "/tasks/", "/tasks//start", "/tasks/a/b/c/d", "/audit/1", "/keys"):
            assert (await client.get(path)).json()["code"] == "not_found", path
        for method, path in (("DELETE", "/tasks"), ("PUT", "/tasks/a"), ("POST", "/audit"), ("OPTIONS", "/tasks")):
            assert (await client.request(method, path)).status_code == 405, path


def test_an_endpoint_without_a_rule_makes_no_service(
    tasks: WebTasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = WebConfig(uploads=tmp_path)
    tasks.api(config)
    for missing in ENDPOINTS:
        monkeypatch.setattr(access, "RULES", {key: rule for key, rule in RULES.items() if key != missing})
        if missing[1] != access.OPENAPI:  # the framework's own; without a rule nobody gets it
            with pytest.raises(RuntimeError, match="Say who may use each endpoint"):
                tasks.api(config)


def test_a_new_endpoint_without_a_rule_and_a_rule_without_endpoint_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter()
    monkeypatch.setattr(access, "RULES", {("GET", "/a"): Rule(Scope.READ)})
    with pytest.raises(RuntimeError, match="/a"):
        check_rules([router])
    router.add_api_route("/a", list_nothing)
    check_rules([router])
    router.add_api_route("/b", list_nothing, methods=["POST"])
    with pytest.raises(RuntimeError, match="'POST', '/b'"):
        check_rules([router])
    nested = APIRouter()
    nested.include_router(router)
    with pytest.raises(RuntimeError):
        check_rules([nested])


def list_nothing() -> None:
    pass


async def test_the_framework_takes_the_same_endpoint_as_the_table(callers: Callers) -> None:
    """Where two paths fit, both take the one without a parameter; else a rule would hold for another endpoint."""
    client = await callers.client("owner")
    assert "average_wait_time" in (await client.get("/tasks/metrics")).json()
    found = access.endpoint_at("GET", "/tasks/metrics")
    assert found is not None
    assert found.path == "/tasks/metrics"
    overlaps = [
        (one, other)
        for one in {path for _, path in RULES}
        for other in {path for _, path in RULES}
        if one < other and may_overlap(one, other)
    ]
    assert sorted(overlaps) == [("/tasks/metrics", "/tasks/{task_id}")], "see that both are served as the table says"


def may_overlap(one: str, other: str) -> bool:
    pairs = list(zip(one.split("/"), other.split("/"), strict=False))
    return one.count("/") == other.count("/") and all(a == b or "{" in a or "{" in b for a, b in pairs)
