"""A small node never condemns what a larger one can read: it gives the page back with what it needs."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.fixtures.machines import Machine
from tests.fixtures.stores import LEASE, MINUTE, Stores, kind_of, new_task
from tests.fixtures.tasks_room import Room

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, Ceiling, DeviceId, MemoryNeed
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, PageState, Rung, TaskStatus
from pagemill.domain.work.backlog import PageKind
from pagemill.domain.work.nodes import Node, NodeDevice, Work
from pagemill.domain.work.outcomes import PageFailed, PageTooLarge
from pagemill.domain.work.recognition import Stage
from pagemill.engines.registry import engine_specs
from pagemill.store.tables import page_quarantine, task_pages
from pagemill.tasks.duties.expiry import Expiry, ExpiryConfig
from pagemill.tasks.nodes import NodeRules
from pagemill.testing.memory import FakeAdmission

GPU = DeviceId("cuda:0")
SMALL, LARGE = 400 * MIB, 2000 * MIB
NEED = 543 * MIB
ON_BOTH = {name: replace(spec, device_kinds=("cpu", "cuda")) for name, spec in engine_specs().items()}
NO_MEMORY = PageFailed(1, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True, peak_bytes=SMALL)
OTHERS = (
    *("none", "as small", "larger", "larger without the GPU", "larger without the engine"),
    *("larger, draining", "larger, gone", "larger, long gone"),
)
WAITED_FOR = ("larger", "larger, draining", "larger, gone")
"""Others that read the page, or may come back and read it."""


def need_on(device: DeviceId, size: int = NEED) -> MemoryNeed:
    return MemoryNeed(size) if device == CPU else MemoryNeed(0, size)


def too_large(device: DeviceId, size: int = NEED) -> PageTooLarge:
    reason = TaskFailureReason.MEMORY_LIMIT_EXCEEDED
    return PageTooLarge(1, reason, "too large", retryable=False, need=need_on(device, size))


def small_room(stores: Stores, folder: Path) -> Room:
    return Room(stores, folder, engines=ON_BOTH, memory=FakeAdmission({CPU: SMALL, GPU: SMALL}))


async def add_other(room: Room, other: str) -> None:
    """Another node, and no more than one, is or was on the database."""
    await room.stores.nodes.forget(timedelta(0))
    if other == "none":
        return
    size = SMALL if other == "as small" else LARGE
    devices = {CPU: size} if other == "larger without the GPU" else {CPU: size, GPU: size}
    node = Node(
        "other",
        "other machine",
        "other",
        "1",
        devices={name: NodeDevice(Ceiling(limit), 1) for name, limit in devices.items()},
        engines={"rapidocr": {}} if other != "larger without the engine" else {},
        is_draining=other == "larger, draining",
    )
    await room.stores.nodes.announce(node)
    ago = {"larger, gone": NodeRules().gone_after, "larger, long gone": NodeRules().awaited_for}
    room.stores.clock.turn(ago.get(other, timedelta(0)))


async def lease_at(
    stores: Stores, stage: Stage, rung: Rung, device: DeviceId, *, name: str = "a"
) -> tuple[PageLease, DeviceId]:
    """A page of a running task at that rung, and the device that works on it."""
    await stores.queue.submit(new_task(name, pages=1, stage=stage, device=device))
    assert await stores.queue.get_next_task(device)
    lease = await stores.pages.claim_pages(name, kind_of(stage, device=device), limit=1, owner="x", lease_for=LEASE)
    assert lease is not None
    climbed = update(task_pages).where(task_pages.c.task_id == name).values(rung=rung.value)
    await stores.database.write(lambda connection: connection.execute(climbed))
    return replace(lease, rungs=(rung,)), CPU if stage is Stage.TEXT else device


async def find_kind(stores: Stores, name: str) -> PageKind | None:
    """The kind of the waiting page of a task; None if it does not wait."""
    kinds = [kind for backlog in await stores.pages.backlog() if backlog.task_id == name for kind in backlog.waiting]
    return kinds[0] if kinds else None


async def count_quarantined(stores: Stores) -> int:
    return len(await stores.database.read(lambda connection: connection.execute(page_quarantine.select()).all()))


def is_waited_for(other: str, device: DeviceId, stage: Stage) -> bool:
    if other == "larger without the engine":
        return stage is Stage.TEXT
    return other in WAITED_FOR or (other == "larger without the GPU" and device == CPU)


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("stage", Stage)
async def test_what_never_fits_here_waits_for_a_larger_node_and_else_fails_at_once(
    stores: Stores, tmp_path: Path, stage: Stage, rung: Rung, device: DeviceId
) -> None:
    room = small_room(stores, tmp_path)
    for other in OTHERS:
        lease, works_on = await lease_at(stores, stage, rung, device, name=other)
        await add_other(room, other)
        await room.errors.page_failed(lease, too_large(works_on), device=works_on)
        (page,) = await stores.tasks.pages(other)
        assert await count_quarantined(stores) == 0
        kind = await find_kind(stores, other)
        if not is_waited_for(other, works_on, stage):
            assert kind is None
            assert (page.state, page.failure_reason) == (PageState.FAILED, TaskFailureReason.MEMORY_LIMIT_EXCEEDED)
            continue
        assert kind is not None, other
        assert (kind.need, page.attempts, page.crashes) == (need_on(works_on), 0, 0)
        assert page.rung is min(rung, Rung.FRESH_PROCESS)
        assert not room.nodes.may_claim(Work(kind.works_on, kind.need))
        (event,) = await stores.events.read(other, kinds=[TaskEvent.PAGE_RETRIED])
        assert event.details["cause"] == "needs_larger_node"
        assert {event.details.get("needs_ram_mb"), event.details.get("needs_gpu_mb")} == {543, None}
        assert (await stores.pages.backlog())[-1].is_unserved


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("stage", Stage)
async def test_what_ran_out_of_memory_on_every_rung_here_is_quarantined_only_if_no_node_is_larger(
    stores: Stores, tmp_path: Path, stage: Stage, rung: Rung, device: DeviceId
) -> None:
    room = small_room(stores, tmp_path)
    for other in OTHERS:
        before = await count_quarantined(stores), room.handlers.tally.work_done().oom_recoveries
        lease, works_on = await lease_at(stores, stage, rung, device, name=other)
        lease = replace(lease, document=replace(lease.document, sha256=f"{OTHERS.index(other):064}"))
        await add_other(room, other)
        await room.errors.page_failed(lease, NO_MEMORY, device=works_on)
        (page,) = await stores.tasks.pages(other)
        climbs = rung < Rung.ALONE or (rung is Rung.ALONE and works_on == GPU)
        waits = not climbs and rung < Rung.LARGER_NODE and is_waited_for(other, works_on, stage)
        assert (page.state is PageState.FAILED) is (not climbs and not waits), other
        assert (await count_quarantined(stores) > before[0]) is (not climbs and not waits), other
        if waits:
            kind = await find_kind(stores, other)
            assert kind is not None
            assert kind.need == need_on(works_on, SMALL * 5 // 4 + 1)
            assert page.rung is Rung.FRESH_PROCESS
            given = room.handlers.tally.work_done().oom_recoveries
            assert given[Rung.LARGER_NODE] == before[1].get(Rung.LARGER_NODE, 0) + 1


async def test_a_node_claims_what_no_node_can_hold_and_says_so(stores: Stores, tmp_path: Path) -> None:
    """The larger one did not come back: whoever is there ends the page, not the whole task."""
    room = small_room(stores, tmp_path)
    await add_other(room, "larger")
    lease, _ = await lease_at(stores, Stage.OCR, Rung.USUAL, CPU)
    await room.errors.page_failed(lease, too_large(CPU), device=CPU)
    (kind,) = (await stores.pages.backlog())[0].waiting
    stores.clock.turn(NodeRules().awaited_for)
    assert room.nodes.may_claim(Work(kind.works_on, kind.need))
    again = await stores.pages.claim_pages("a", kind, limit=1, owner="x", lease_for=LEASE)
    assert again is not None
    assert again.need == need_on(CPU)
    await room.errors.page_failed(again, too_large(CPU), device=CPU)
    assert await room.states() == [PageState.FAILED]


@pytest.mark.parametrize("first", ["the failure", "what was known"])
async def test_a_need_only_grows(stores: Stores, tmp_path: Path, first: str) -> None:
    room = small_room(stores, tmp_path)
    await add_other(room, "larger")
    lease, _ = await lease_at(stores, Stage.OCR, Rung.USUAL, CPU)
    known, found = (NEED, NEED + MIB) if first == "the failure" else (NEED + MIB, NEED)
    await room.errors.page_failed(replace(lease, need=MemoryNeed(known, MIB)), too_large(CPU, found), device=CPU)
    (kind,) = (await stores.pages.backlog())[0].waiting
    assert kind.need == MemoryNeed(NEED + MIB, MIB)


async def test_a_retry_by_the_user_forgets_what_a_page_needed(stores: Stores, tmp_path: Path) -> None:
    room = small_room(stores, tmp_path)
    await add_other(room, "larger")
    lease, _ = await lease_at(stores, Stage.OCR, Rung.USUAL, CPU)
    await room.errors.page_failed(lease, too_large(CPU), device=CPU)
    await stores.tasks.transition("a", TaskStatus.EXPIRED)
    await stores.queue.add_task(await stores.tasks.get("a"))
    await stores.queue.get_next_task(CPU)
    assert list((await stores.pages.backlog())[0].waiting) == [kind_of()]


async def test_while_the_larger_node_does_not_come_the_task_ends_in_time_and_says_why(
    stores: Stores, tmp_path: Path
) -> None:
    room = small_room(stores, tmp_path)
    timeout = 4 * MINUTE
    expiry = Expiry(
        ExpiryConfig(timeout),
        overdue=stores.overdue,
        dispatcher=room.dispatcher,
        nodes=room.nodes,
        watch=room.watch,
        clock=stores.clock,
    )
    await add_other(room, "larger, gone")
    lease, _ = await lease_at(stores, Stage.OCR, Rung.USUAL, CPU)
    await room.errors.page_failed(lease, too_large(CPU), device=CPU)
    await room.dispatcher.run_once()
    assert not room.dispatcher.works()
    stores.clock.turn(timeout)
    await expiry.run_once()
    task = await stores.tasks.get("a")
    assert (task.status, task.failure_reason) == (TaskStatus.EXPIRED, TaskFailureReason.POOL_EXHAUSTED)
    assert "they need 543 MiB of host memory. Start a node" in (task.failure_message or "")
    await room.follower.stop()


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("stage", Stage)
async def test_pages_go_to_a_node_that_has_their_engine(
    stores: Stores, tmp_path: Path, stage: Stage, *, here: bool, there: bool
) -> None:
    """Where no node has it, the first one says so; a text layer needs no engine."""
    engines = {name: spec for name, spec in ON_BOTH.items() if here or name != "rapidocr"}
    room = Room(stores, tmp_path, engines=engines)
    devices = {CPU: NodeDevice(Ceiling(LARGE), 1)}
    await stores.nodes.announce(
        Node("other", "other machine", "other", "1", devices=devices, engines={"rapidocr": {}} if there else {})
    )
    await room.nodes.look()
    await stores.add_running("a", pages=1, stage=stage)
    (backlog,) = await stores.pages.backlog()
    assert backlog.engine == "rapidocr"
    await room.dispatcher.run_once()
    is_claimed = stage is Stage.TEXT or here or not there
    assert bool(room.dispatcher.works()) is is_claimed
    await room.dispatcher.stop()
    await room.follower.stop()


# --- two nodes on one queue -----------------------------------------------------------------------------------------


SIZES = (100 * MIB, NEED, 100 * MIB, LARGE, LARGE + 100 * MIB)


@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("together", ["from the start", "later", "again after a while"])
async def test_what_fits_the_larger_of_two_is_read_whoever_comes_first(
    stores: Stores, tmp_path: Path, *, together: str, foreseen: bool
) -> None:
    sizes = dict(enumerate(SIZES, start=1))
    small = Machine(stores, tmp_path, "small", SMALL, sizes, foreseen)
    large = Machine(stores, tmp_path, "large", LARGE, sizes, foreseen)
    await stores.queue.submit(new_task("a", pages=len(sizes)))
    await large.beat()
    if together == "again after a while":
        stores.clock.turn(NodeRules().gone_after)
    for _ in range(6):
        await small.beat()
        await small.work()
        if together == "from the start":
            await large.beat()
            await large.work()
    if together != "from the start":
        pages = await stores.tasks.pages("a")
        assert [page.state for page in pages if sizes[page.number] in (NEED, LARGE)] == [PageState.QUEUED] * 2
    for _ in range(6):
        for machine in (large, small):
            await machine.beat()
            await machine.work()
    states = {page.number: page.state for page in await stores.tasks.pages("a")}
    assert states == {n: PageState.DONE if size <= LARGE else PageState.FAILED for n, size in sizes.items()}
    assert await count_quarantined(stores) == (0 if foreseen else 1), "only what no node could read"
    for machine in (small, large):
        await machine.stop()
