"""Keys: made, revoked, replaced and expired while a server runs; and what is open without any. On every database."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.callers import PDF, STALE, Callers, callers_of, send_task
from tests.fixtures.databases import BACKENDS
from tests.fixtures.pool import eventually
from tests.fixtures.stores import MINUTE, Stores

from pagemill.domain.callers import RESERVED_NAMES, IssuedKey, Scope, id_in
from pagemill.domain.errors import InvalidRequest
from pagemill.tasks.access.key_ring import FRESH

HOUR = timedelta(hours=1)
STREAMS = ("/events", "/tasks/{task}/events/stream", "/batches/{batch}/events")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def callers(stores: Stores, tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers_of(stores, tmp_path) as made:
        yield made


async def status(callers: Callers, token: str | None) -> int:
    client = callers.client_with({}) if token is None else callers.with_token(token)
    return (await client.get("/tasks")).status_code


async def test_a_service_is_open_until_the_first_key_and_never_again(callers: Callers, stores: Stores) -> None:
    assert await status(callers, None) == 200
    key = await callers.issue("acme", Scope.READ)
    stores.clock.turn(STALE)
    assert await status(callers, None) == 401
    assert await status(callers, key.token) == 200
    await callers.tasks.keys.revoke(key.key.key_id)
    stores.clock.turn(HOUR)
    assert await status(callers, None) == 401
    assert await status(callers, key.token) == 401


async def test_a_new_server_over_revoked_keys_is_closed(stores: Stores, tmp_path: Path) -> None:
    async with callers_of(stores, tmp_path) as before:
        key = await before.issue("acme", Scope.READ)
        await before.tasks.keys.revoke(key.key.key_id)
    async with callers_of(stores, tmp_path) as after:
        assert await status(after, None) == 401


async def test_a_running_server_sees_what_becomes_of_keys(callers: Callers, stores: Stores) -> None:
    first = await callers.issue("acme", Scope.SUBMIT)
    assert await status(callers, first.token) == 200
    second = IssuedKey.make("acme", Scope.SUBMIT, now=stores.clock.now())
    await callers.tasks.keys.replace(first.key.key_id, second.key, old_until=stores.clock.now() + HOUR)
    assert [await status(callers, each.token) for each in (first, second)] == [200, 200]
    stores.clock.turn(HOUR)
    assert [await status(callers, each.token) for each in (first, second)] == [401, 200]
    await callers.tasks.keys.revoke(second.key.key_id)
    stores.clock.turn(STALE)
    assert await status(callers, second.token) == 401


async def test_a_revoked_key_lives_a_second_at_most(callers: Callers, stores: Stores) -> None:
    assert timedelta(seconds=1) >= FRESH
    key = await callers.issue("acme", Scope.SUBMIT)
    assert await status(callers, key.token) == 200
    await callers.tasks.keys.revoke(key.key.key_id)
    stores.clock.turn(FRESH - timedelta(milliseconds=1))
    assert await status(callers, key.token) == 200
    stores.clock.turn(timedelta(milliseconds=1))
    assert await status(callers, key.token) == 401


async def test_a_key_expires_at_its_moment_however_lately_it_was_used(callers: Callers, stores: Stores) -> None:
    key = await callers.issue("acme", Scope.SUBMIT, lasts=FRESH / 2)
    assert await status(callers, key.token) == 200
    stores.clock.turn(FRESH / 2)
    assert await status(callers, key.token) == 401


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("end", ["revoked", "expired", "made"])
async def test_a_stream_ends_with_the_key_that_opened_it(
    callers: Callers, stores: Stores, stream: str, end: str
) -> None:
    """`made`: it was opened without a key while the service was open, and then the first key was made."""
    key = None if end == "made" else await callers.issue("acme", Scope.SUBMIT, lasts=HOUR)
    headers = [] if key is None else [("authorization", f"Bearer {key.token}")]
    client = callers.client_with(dict(headers))
    of = {"task": await send_task(client), "batch": await send_task(client, "/batches")}
    request = AsgiRequest(callers.api, "GET", stream.format(**of), headers)
    await request.wait_for_text("retry:")
    if end == "made":
        await callers.issue("acme", Scope.ADMIN)
    elif end == "revoked" and key is not None:
        await callers.tasks.keys.revoke(key.key.key_id)
    stores.clock.turn(HOUR)
    callers.tasks.room.watch.notify(of["task"])
    await request.end()
    assert request.is_complete


async def test_who_waits_gets_nothing_after_the_key_was_revoked(callers: Callers, stores: Stores) -> None:
    key = await callers.issue("acme", Scope.SUBMIT)
    task_id = await send_task(callers.with_token(key.token))
    headers = [("authorization", f"Bearer {key.token}"), ("prefer", "wait=60")]
    request = AsgiRequest(callers.api, "GET", f"/tasks/{task_id}", headers)
    await eventually(lambda: bool(callers.tasks.room.watch._watching))
    await callers.tasks.keys.revoke(key.key.key_id)
    stores.clock.turn(STALE)
    await callers.tasks.finish(task_id)
    await request.end()
    assert request.status == 401
    assert "secret-name" not in request.text


async def test_keys_in_the_settings_work_beside_those_of_the_database(stores: Stores, tmp_path: Path) -> None:
    async with callers_of(stores, tmp_path, fixed=("one", "two")) as callers:
        assert await status(callers, None) == 401
        key = await callers.issue("acme", Scope.READ)
        assert [await status(callers, each) for each in ("one", "two", key.token, "three")] == [200, 200, 200, 401]
        one, two = callers.with_token("one"), callers.with_token("two")
        task_id = await send_task(one)
        assert (await one.get(f"/tasks/{task_id}")).status_code == 200
        assert (await two.get(f"/tasks/{task_id}")).status_code == 404
        assert (await one.get("/audit")).status_code == 403


async def test_a_key_that_may_only_read_sends_no_byte(callers: Callers, tmp_path: Path) -> None:
    reader = await callers.client("acme", Scope.READ)
    for path in ("/tasks", "/batches"):
        answer = await reader.post(path, files={"file": PDF})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert answer.json()["details"] == {"scope": "read", "needed": "submit"}
    assert not (tmp_path / "uploads").exists()


def test_keys_have_a_prefix_an_id_and_256_random_bits(stores: Stores) -> None:
    made = [IssuedKey.make("acme", Scope.READ, now=stores.clock.now()) for _ in range(100)]
    assert len({each.token for each in made}) == len({each.key.key_id for each in made}) == 100
    for each in made:
        prefix, key_id, secret = each.token.split("_", 2)
        assert (prefix, key_id) == ("pagemill", each.key.key_id)
        assert len(secret) == 43  # of 6 bits each
        assert id_in(each.token) == key_id
        assert each.token not in str(each.key)


@pytest.mark.parametrize(
    "token", ["", "pagemill__", "pagemill_0123456789ab_short", "x" * 10_000, "pagemill_é_" + "x" * 43]
)
def test_what_cannot_be_a_key_reaches_no_database(token: str) -> None:
    assert id_in(token) is None


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "-a", ".a", "a" * 65, "ä", "a/b", "a\n", *(f"{each}a" for each in RESERVED_NAMES)]
)
def test_a_name_is_one_that_cannot_be_mistaken(name: str, stores: Stores) -> None:
    with pytest.raises(InvalidRequest, match="name of a caller"):
        IssuedKey.make(name, Scope.READ, now=stores.clock.now())


def test_a_key_does_not_end_before_it_begins(stores: Stores) -> None:
    now = stores.clock.now()
    for expires_at in (now, now - MINUTE):
        with pytest.raises(InvalidRequest, match="later time"):
            IssuedKey.make("acme", Scope.READ, now=now, expires_at=expires_at)
