"""Uses of admin rights as the database keeps them, on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores

from pagemill.domain.callers import AdminUse
from pagemill.domain.ports import AuditLog
from pagemill.store.audit_log import SqlAuditLog

USE = AdminUse("boss", "0123", "GET /tasks/{task_id}", "task-1", "acme")
OTHERS = [
    replace(USE, name="chief"),
    replace(USE, key_id="4567"),
    replace(USE, action="DELETE /tasks/{task_id}"),
    replace(USE, target="task-2"),
    replace(USE, owner=""),
]
DAY = timedelta(days=1)


@pytest.fixture
def audit(stores: Stores) -> AuditLog:
    return SqlAuditLog(stores.database, stores.clock)


async def test_every_use_is_kept_with_who_what_and_when(audit: AuditLog, stores: Stores) -> None:
    for use in (USE, *OTHERS):
        await audit.record(use)
    found = await audit.read()
    assert [entry.use for entry in reversed(found)] == [USE, *OTHERS]
    assert {(entry.times, entry.first_at, entry.last_at) for entry in found} == {
        (1, stores.clock.now(), stores.clock.now())
    }


async def test_equal_uses_within_a_minute_are_counted(audit: AuditLog, stores: Stores) -> None:
    start = stores.clock.now()
    for seconds in (0, 20, 39, 2):
        stores.clock.turn(timedelta(seconds=seconds))
        await audit.record(USE)
    newer, older = await audit.read()
    assert (older.times, older.first_at, older.last_at) == (3, start, start + timedelta(seconds=59))
    assert (newer.times, newer.first_at) == (1, start + timedelta(seconds=61))


async def test_the_log_is_read_in_pages_newest_first(audit: AuditLog) -> None:
    uses = [replace(USE, target=f"task-{number}") for number in range(5)]
    for use in uses:
        await audit.record(use)
    first = await audit.read(limit=3)
    rest = await audit.read(before=first[-1].sequence)
    assert [entry.use for entry in (*first, *rest)] == uses[::-1]


async def test_old_entries_go_a_few_at_a_time(audit: AuditLog, stores: Stores) -> None:
    for day in range(4):
        await audit.record(replace(USE, target=f"task-{day}"))
        stores.clock.turn(DAY)
    assert await audit.prune(2 * DAY, limit=1) == 1
    assert await audit.prune(2 * DAY) == 1
    assert await audit.prune(2 * DAY) == 0
    assert [entry.use.target for entry in await audit.read()] == ["task-3", "task-2"]
    await audit.record(USE)
    assert (await audit.read(limit=1))[0].use == USE
