"""Keys as the database keeps them, on every database."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select
from tests.fixtures.stores import MINUTE, Stores

from pagemill.domain.callers import ApiKey, IssuedKey, Scope
from pagemill.domain.errors import Conflict, NotFound
from pagemill.domain.ports import ApiKeys
from pagemill.store.api_keys import SqlApiKeys
from pagemill.store.tables import metadata

HOUR = timedelta(hours=1)


@pytest.fixture
def keys(stores: Stores) -> ApiKeys:
    return SqlApiKeys(stores.database, stores.clock)


def issue_key(
    stores: Stores, name: str = "acme", scope: Scope = Scope.SUBMIT, lasts: timedelta | None = None
) -> IssuedKey:
    now = stores.clock.now()
    return IssuedKey.make(name, scope, now=now, expires_at=None if lasts is None else now + lasts)


async def state(keys: ApiKeys, stores: Stores, key: ApiKey) -> str:
    found = await keys.find(key.key_id)
    assert found is not None
    return found.state(stores.clock.now())


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_is_found_by_its_id_with_all_that_belongs_to_it(
    keys: ApiKeys, stores: Stores, scope: Scope
) -> None:
    assert not await keys.has_any()
    new = issue_key(stores, scope=scope, lasts=HOUR)
    await keys.add(new.key)
    found = await keys.find(new.key.key_id)
    assert found == new.key
    assert found is not None
    assert found.is_token(new.token)
    assert not found.is_token(new.token[:-1])
    assert await keys.find("none") is None
    assert await keys.has_any()


async def test_the_database_holds_no_key(keys: ApiKeys, stores: Stores) -> None:
    new = issue_key(stores)
    await keys.add(new.key)
    secret = new.token.split("_", 2)[2]

    def everything(connection: Connection) -> str:
        return str([connection.execute(select(table)).all() for table in metadata.tables.values()])

    stored = await stores.database.read(everything)
    assert new.key.digest in stored
    assert secret not in stored
    assert new.token not in repr(new)
    assert new.key.digest not in repr(new)


async def test_a_revoked_key_stays_known_and_revoked(keys: ApiKeys, stores: Stores) -> None:
    new = issue_key(stores)
    await keys.add(new.key)
    first = (await keys.revoke(new.key.key_id)).revoked_at
    stores.clock.turn(MINUTE)
    assert (await keys.revoke(new.key.key_id)).revoked_at == first == stores.clock.now() - MINUTE
    assert await state(keys, stores, new.key) == "revoked"
    assert await keys.has_any()
    with pytest.raises(NotFound, match="keys list"):
        await keys.revoke("none")


async def test_a_key_expires_at_its_moment(keys: ApiKeys, stores: Stores) -> None:
    new = issue_key(stores, lasts=HOUR)
    await keys.add(new.key)
    stores.clock.turn(HOUR - timedelta(microseconds=1))
    assert await state(keys, stores, new.key) == "active"
    stores.clock.turn(timedelta(microseconds=1))
    assert await state(keys, stores, new.key) == "expired"


@pytest.mark.parametrize("overlap", [None, MINUTE, 2 * HOUR])
@pytest.mark.parametrize("lasts", [None, HOUR])
async def test_a_new_key_takes_the_place_of_another(
    keys: ApiKeys, stores: Stores, overlap: timedelta | None, lasts: timedelta | None
) -> None:
    old = issue_key(stores, lasts=lasts)
    await keys.add(old.key)
    new = issue_key(stores)
    now = stores.clock.now()
    until = None if overlap is None else now + overlap
    replaced = await keys.replace(old.key.key_id, new.key, old_until=until)
    assert replaced.is_active(now) is (overlap is not None)
    if overlap is not None:
        assert replaced.expires_at == now + min(overlap, lasts or overlap)
    assert [key.key_id for key in await keys.list_keys()] == [
        each.key.key_id for each in sorted((old, new), key=lambda each: each.key.key_id)
    ]


async def test_only_an_active_key_can_be_replaced(keys: ApiKeys, stores: Stores) -> None:
    revoked, expired = issue_key(stores), issue_key(stores, lasts=MINUTE)
    for each in (revoked, expired):
        await keys.add(each.key)
    await keys.revoke(revoked.key.key_id)
    stores.clock.turn(MINUTE)
    for each in (revoked, expired):
        with pytest.raises(Conflict, match="keys create"):
            await keys.replace(each.key.key_id, issue_key(stores).key, old_until=None)
    with pytest.raises(NotFound):
        await keys.replace("none", issue_key(stores).key, old_until=None)
    assert len(await keys.list_keys()) == 2
