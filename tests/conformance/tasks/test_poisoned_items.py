"""One bad item of a sweep, first or last, keeps no other from its turn, and one bad step no other: duty by duty."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task
from tests.fixtures.tasks_room import Room

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.task import Task, TaskOptions, TaskStatus
from pagemill.store.audit_log import SqlAuditLog
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.retention import SqlRetention
from pagemill.store.task_store import SqlTaskStore
from pagemill.tasks.duties.expiry import Expiry, ExpiryConfig
from pagemill.tasks.duties.pruning import Pruning, PruningConfig
from pagemill.tasks.duties.rescuer import Rescuer, RescuerConfig
from pagemill.tasks.duty import take_steps, with_each
from pagemill.tasks.work.dispatcher import Dispatcher, DispatcherConfig

GOOD = ("b-good", "c-good")
DAY = timedelta(days=1)


class Poison(Exception):
    """A fault of ours with one item."""


def check(task_id: str) -> None:
    if task_id.endswith("poisoned"):
        raise Poison


@pytest.fixture(params=["a-poisoned", "z-poisoned"])
def poisoned(request: pytest.FixtureRequest) -> str:
    """The bad item; whichever way a sweep goes, it comes first in one of the two."""
    return str(request.param)


class PoisonedStore(SqlTaskStore):
    async def delete(self, task_id: str) -> Task:
        check(task_id)
        return await super().delete(task_id)


class PoisonedDispatcher(Dispatcher):
    async def cancel(self, task_id: str) -> None:
        check(task_id)
        await super().cancel(task_id)


class BrokenPages(SqlPageQueue):
    """Leases that cannot be looked at, as one row of them cannot be read."""

    async def rescue(self, *, owner: str | None = None) -> int:
        del owner
        raise Poison

    async def finish_completed(self, task_id: str | None = None) -> Sequence[Task]:
        del task_id
        raise Poison


class BrokenRetention(SqlRetention):
    """Nothing but files can be looked through."""

    async def find_outdated(self, kept_for: timedelta, *, limit: int = 50) -> Sequence[Task]:
        del kept_for, limit
        raise Poison

    async def prune_samples(self, kept_for: timedelta, *, limit: int = 1000) -> int:
        del kept_for, limit
        raise Poison

    async def prune_quarantine(self) -> None:
        raise Poison


def rescuer(room: Room, *, pages: SqlPageQueue) -> Rescuer:
    return Rescuer(
        RescuerConfig(grace=timedelta(0)),
        pages=pages,
        cleaner=room.cleaner,
        dispatcher=room.dispatcher,
    )


def make_pruning(stores: Stores, folder: Path, *, store: SqlTaskStore, retention: SqlRetention) -> Pruning:
    config = PruningConfig(7 * DAY, uploads=folder / "uploads", work_dir=folder / "work")
    audit = SqlAuditLog(stores.database, stores.clock)
    return Pruning(config, store=store, retention=retention, audit=audit, now=stores.clock.now, remove_parts=lambda: 0)


async def test_every_item_has_its_turn_and_what_concerns_all_ends_the_sweep(poisoned: str) -> None:
    seen: list[str] = []

    async def act(item: str) -> str:
        seen.append(item)
        check(item)
        return item

    assert await with_each((poisoned, *GOOD), act, name=str) == list(GOOD)
    assert seen == [poisoned, *GOOD]

    async def away() -> None:
        raise DatabaseUnavailable("Away.")

    async def never() -> None:
        seen.append("never")

    with pytest.raises(DatabaseUnavailable):
        await take_steps(away=away, never=never)
    assert "never" not in seen


async def test_a_sweep_can_be_cancelled(poisoned: str) -> None:
    async def act(item: str) -> None:
        raise asyncio.CancelledError(item)

    with pytest.raises(asyncio.CancelledError):
        await with_each([poisoned], act, name=str)


async def test_pruning_deletes_the_others(poisoned: str, stores: Stores, tmp_path: Path) -> None:
    for name in (poisoned, *GOOD):
        await stores.tasks.create(new_task(name))
    stores.clock.turn(8 * DAY)
    store = PoisonedStore(stores.database, stores.clock)
    retention = SqlRetention(stores.database, stores.clock)
    await make_pruning(stores, tmp_path, store=store, retention=retention).run_once()
    assert [task.task_id for task in await stores.tasks.list_tasks()] == [poisoned]


async def test_pruning_takes_its_other_steps(stores: Stores, tmp_path: Path) -> None:
    orphan = tmp_path / "uploads" / "orphan"
    orphan.parent.mkdir()
    orphan.touch()
    stores.clock.turn(timedelta(days=10_000))
    retention = BrokenRetention(stores.database, stores.clock)
    await make_pruning(stores, tmp_path, store=stores.tasks, retention=retention).run_once()
    assert not orphan.exists()


async def test_the_rescuer_takes_its_other_steps(stores: Stores, tmp_path: Path) -> None:
    await stores.tasks.create(new_task("over"))
    await stores.tasks.transition("over", TaskStatus.CANCELLED)
    await rescuer(Room(stores, tmp_path), pages=BrokenPages(stores.database, stores.clock)).run_once()
    assert (await stores.tasks.get("over")).resource_cleanup_completed


async def test_expiry_ends_the_work_on_the_others(poisoned: str, stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    dispatcher = PoisonedDispatcher(
        DispatcherConfig(room.capacity, max_running=1, interval=room.interval),
        queue=stores.queue,
        pages=stores.pages,
        memory=room.memory,
        chunks=room.chunks,
        follower=room.follower,
        overdue=stores.overdue,
        passwords=room.passwords,
        nodes=room.nodes,
    )
    for name in (poisoned, *GOOD):
        await stores.tasks.create(new_task(name, options=TaskOptions(deadline_seconds=1)))
        await stores.queue.add_task(await stores.tasks.get(name))
    stores.clock.turn(DAY)
    expiry = Expiry(
        ExpiryConfig(7 * DAY),
        overdue=stores.overdue,
        dispatcher=dispatcher,
        nodes=room.nodes,
        watch=room.watch,
        clock=stores.clock,
    )
    with room.watch.watching(poisoned) as first, room.watch.watching(GOOD[-1]) as last:
        await expiry.run_once()
        async with asyncio.timeout(5):
            for change in (first, last):
                await change.wait(timedelta(seconds=60))
    assert {task.status for task in await stores.tasks.list_tasks()} == {TaskStatus.EXPIRED}
