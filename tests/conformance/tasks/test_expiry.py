"""The duty that ends what has waited too long: downtime does not count as waiting, clocks that are set do no harm."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import MINUTE, Stores, TurnedClock, new_task, read_page, start_database
from tests.fixtures.tasks_room import OWNER, Room, Working, eventually, some_pages

from pagemill.domain.clocks import SteadyClock
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, Ceiling, DeviceId, MemoryLevel
from pagemill.domain.ports import OnPage
from pagemill.domain.task.task import PageState, TaskOptions, TaskStatus
from pagemill.domain.work.nodes import Node, NodeDevice
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, WorkerLoss
from pagemill.domain.work.recognition import ChunkParams
from pagemill.store.event_log import SqlEventLog
from pagemill.store.overdue import SqlOverdueTasks
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.task_queue import SqlTaskQueue
from pagemill.store.task_store import SqlTaskStore
from pagemill.tasks.decisions.retry import INNOCENT
from pagemill.tasks.duties.expiry import Expiry, ExpiryConfig
from pagemill.tasks.work.chunks import ChunkConfig
from pagemill.testing.memory import FakeAdmission

TIMEOUT = 5 * MINUTE
JUMPS = (timedelta(hours=3), timedelta(hours=-3))


def _expiry(room: Room) -> Expiry:
    return Expiry(
        ExpiryConfig(TIMEOUT),
        overdue=SqlOverdueTasks(room.stores.database, room.stores.clock),
        dispatcher=room.dispatcher,
        nodes=room.nodes,
        watch=room.watch,
        clock=room.stores.clock,
    )


async def test_a_server_that_was_down_lets_tasks_wait_again(stores: Stores, tmp_path: Path) -> None:
    await stores.add_queued("a")
    stores.clock.turn(timedelta(hours=10))
    expiry = _expiry(Room(stores, tmp_path))
    await expiry.run_once()
    assert (await stores.tasks.get("a")).status is TaskStatus.QUEUED
    stores.clock.turn(TIMEOUT)
    await expiry.run_once()
    assert (await stores.tasks.get("a")).status is TaskStatus.EXPIRED


async def test_a_deadline_stops_the_work_and_cleans_up(stores: Stores, tmp_path: Path) -> None:
    script = Working(1)
    room = Room(stores, tmp_path, script=script)
    await stores.queue.submit(new_task("a", options=TaskOptions(deadline_seconds=60)))
    await stores.queue.get_next_task(CPU)
    await room.dispatcher.run_once()
    await script.reached.wait()
    stores.clock.turn(MINUTE)
    await _expiry(room).run_once()
    assert not room.dispatcher.holds("a")
    assert room.fake_pool.held == 0
    assert await room.states() == [PageState.DONE, PageState.CANCELLED, PageState.CANCELLED]
    await room.wait_until_clean()
    await room.follower.stop()


async def _try_in_vain(room: Room, expiry: Expiry, *, name: str = "a") -> None:
    """Claim, find no memory, give back, again and again, for as long as a task may wait."""
    for _ in range(10):
        room.stores.clock.turn(TIMEOUT / 10)
        await room.dispatcher.run_once()
        await eventually(lambda: _is_let_go_of(room, name))
        await expiry.run_once()


async def _is_let_go_of(room: Room, name: str) -> bool:
    return not room.dispatcher.holds(name)


@pytest.mark.parametrize("pages_before", [0, 1])
@pytest.mark.parametrize("lacks", ["memory", "a service", "anything: the lane is closed"])
async def test_a_task_that_never_gets_what_it_needs_ends_though_its_pages_are_claimed_all_the_time(
    stores: Stores, tmp_path: Path, lacks: str, pages_before: int
) -> None:
    no_wait = ChunkConfig(owner=OWNER, acquire_wait=timedelta(0))
    room = Room(stores, tmp_path, config=no_wait, has_room=lambda *_: lacks != "memory")
    if lacks == "a service":
        await room.fake_pool.acquire(device=CPU, engine="rapidocr")
    if lacks.startswith("anything"):
        room.memory.levels[CPU] = MemoryLevel.HARD
    expiry = _expiry(room)
    await stores.add_running("a")
    for number in range(1, pages_before + 1):
        stores.clock.turn(2 * TIMEOUT)
        await stores.pages.commit_pages(await stores.claim("a", limit=1), [read_page(number)])
    await _try_in_vain(room, expiry)
    await _try_in_vain(room, expiry)
    task = await stores.tasks.get("a")
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
    assert task.pages_done == pages_before
    await room.dispatcher.stop()
    await room.follower.stop()


@pytest.mark.parametrize("cause", INNOCENT)
async def test_a_task_whose_workers_are_taken_from_it_again_and_again_ends(
    stores: Stores, tmp_path: Path, cause: LossCause
) -> None:
    async def taken_away(_task_id: str, params: ChunkParams, _on_page: OnPage) -> ChunkOutcome:
        return ChunkOutcome((), WorkerLoss(cause, "It was in the way.", page=params.pages[0]))

    room = Room(stores, tmp_path, script=taken_away)
    expiry = _expiry(room)
    await stores.add_running("a")
    await _try_in_vain(room, expiry)
    assert (await stores.tasks.get("a")).failure_reason is TaskFailureReason.POOL_EXHAUSTED
    assert {page.attempts + page.crashes for page in await stores.tasks.pages("a")} == {0}
    await room.dispatcher.stop()
    await room.follower.stop()


@dataclass
class SetClock(TurnedClock):
    """A machine's clock that may be set."""

    monotonic_seconds: float = 0.0

    def monotonic(self) -> float:
        return self.monotonic_seconds

    def passes(self, time: timedelta) -> None:
        self.turn(time)
        self.monotonic_seconds += time.total_seconds()


@pytest.mark.parametrize("jump", JUMPS)
async def test_setting_the_clock_by_hours_expires_nothing_rescues_nothing_and_delays_nothing(
    database_url: str, jump: timedelta
) -> None:
    machine = SetClock()
    clock = SteadyClock(machine)
    async with start_database(database_url) as database:
        store, queue, pages = (
            SqlTaskStore(database, clock),
            SqlTaskQueue(database, clock),
            SqlPageQueue(database, clock),
        )
        for name in ("a-working", "b-waiting"):
            await queue.submit(new_task(name, options=TaskOptions(deadline_seconds=600)))
        await queue.get_next_task(CPU)
        lease = await pages.claim_pages("a-working", some_pages().kind, limit=1, owner="x", lease_for=MINUTE)
        assert lease is not None
        machine.turn(jump)
        machine.passes(timedelta(seconds=10))
        overdue = SqlOverdueTasks(database, clock)
        assert list(await overdue.expire(queue_timeout=TIMEOUT)) == []
        assert await pages.rescue() == 0
        lease = await pages.renew(lease, MINUTE)
        machine.passes(2 * MINUTE)
        assert await pages.rescue() == 1
        machine.passes(10 * MINUTE)
        assert len(await overdue.expire(queue_timeout=TIMEOUT)) == 2
        assert {task.status for task in await store.list_tasks()} == {TaskStatus.EXPIRED}
        times = [event.timestamp for event in await SqlEventLog(database, clock).read("a-working")]
        assert times == sorted(times)


GPU = DeviceId("cuda:0")
HERE = {CPU: 1024 * MIB, GPU: 1024 * MIB}


@pytest.mark.parametrize("is_let_in", [True, False])
@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("gone", [None, CPU, GPU])
@pytest.mark.parametrize("elsewhere", [(), (CPU,), (CPU, GPU)])
@pytest.mark.parametrize("other", ["live", "draining", "gone"])
async def test_a_task_whose_device_no_live_node_has_is_told_that(
    stores: Stores,
    tmp_path: Path,
    *,
    is_let_in: bool,
    device: DeviceId,
    gone: DeviceId | None,
    elsewhere: Collection[DeviceId],
    other: str,
) -> None:
    room = Room(stores, tmp_path, memory=FakeAdmission({name: size for name, size in HERE.items() if name != gone}))
    await stores.add_queued("a", device=device)
    if is_let_in:
        assert await stores.queue.get_next_task(device)
    expiry = _expiry(room)
    devices = {name: NodeDevice(Ceiling(MIB), places=1) for name in elsewhere}
    seen = Node("other", "other", "other", "1", devices=devices, is_draining=other == "draining")
    if other == "gone":
        await stores.nodes.announce(seen)
    stores.clock.turn(TIMEOUT)
    if other != "gone":
        await stores.nodes.announce(seen)
    await room.nodes.look()
    await expiry.run_once()
    task = await stores.tasks.get("a")
    is_there = device != gone or (device in elsewhere and other == "live")
    otherwise = TaskFailureReason.POOL_EXHAUSTED if is_let_in else TaskFailureReason.QUEUE_TIMEOUT
    expected = otherwise if is_there else TaskFailureReason.DEVICE_UNAVAILABLE
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, expected)
    if expected is TaskFailureReason.DEVICE_UNAVAILABLE:
        assert f"The device {device} is gone" in (task.failure_message or "")
        assert (await stores.queue.add_task(task)).status is TaskStatus.QUEUED, "it can be retried"
