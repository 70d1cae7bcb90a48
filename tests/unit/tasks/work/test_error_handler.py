"""A page that ran out of memory: the state is written down, the next rung taken, people told, and it is counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from tests.fixtures.stores import LEASE, Stores, kind_of, new_task
from tests.fixtures.tasks_room import Room

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, Rung
from pagemill.domain.work.outcomes import LossCause, PageFailed, WorkerLoss
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ModelSetKey, Stage
from pagemill.engines.registry import engine_specs
from pagemill.testing.memory import FakeAdmission

CLIMBED = [Rung.FRESH_PROCESS, Rung.ALONE, None]
"""On the CPU, by an engine that reads lines one by one, where the caller allowed no lower resolution."""
NO_MEMORY = PageFailed(1, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True, peak_bytes=700 * MIB)
GPU = DeviceId("cuda:0")
ON_BOTH = {name: replace(spec, device_kinds=("cpu", "cuda")) for name, spec in engine_specs().items()}
LOST = WorkerLoss(LossCause.OVER_RESERVATION, "over its reservation", page=1, peak_bytes=700 * MIB)


@pytest.mark.parametrize("by", ["failure", "loss"])
async def test_every_rung_is_written_told_and_counted(stores: Stores, tmp_path: Path, by: str) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running(pages=2)
    for before, rung in zip([None, *CLIMBED], CLIMBED, strict=False):
        kind = kind_of(alone=before is Rung.ALONE)
        lease = await stores.pages.claim_pages("a", kind, limit=1, owner="server", lease_for=LEASE)
        assert lease is not None
        if by == "failure":
            await room.errors.page_failed(lease, NO_MEMORY, device=CPU)
        else:
            await room.errors.worker_lost(lease, LOST, device=CPU)
        (page, _) = await stores.tasks.pages("a")
        assert page.state is (PageState.QUEUED if rung else PageState.FAILED)
    assert room.alerts == [(1, rung) for rung in CLIMBED]
    events = [event for event in await stores.events.read("a") if event.event_type is TaskEvent.OOM_RECOVERY]
    assert [event.details["next_rung"] for event in events] == [rung and rung.name.lower() for rung in CLIMBED]
    assert all("cpu 0 of 1024 MiB used" in str(event.details["memory"]) for event in events)
    assert {event.details["reached_mb"] for event in events} == {700}
    done = room.handlers.tally.work_done()
    assert done.oom_recoveries == dict.fromkeys(CLIMBED, 1)
    assert done.pages_failed == 1


@pytest.mark.parametrize("rung", Rung)
async def test_one_page_falls_back_to_the_cpu_and_its_task_stays(stores: Stores, tmp_path: Path, rung: Rung) -> None:
    room = Room(stores, tmp_path, engines=ON_BOTH)
    room.memory.limits[GPU] = 1024 * MIB
    await stores.queue.submit(new_task("a", pages=3, device=GPU))
    await stores.queue.get_next_task(GPU)
    on_gpu = kind_of(device=GPU)
    lease = await stores.pages.claim_pages("a", on_gpu, limit=1, owner="server", lease_for=LEASE)
    assert lease is not None
    await room.errors.page_failed(replace(lease, rungs=(rung,)), NO_MEMORY, device=GPU)
    (backlog,) = await stores.pages.backlog()
    alone = rung >= Rung.FRESH_PROCESS
    fell_back = rung is Rung.ALONE
    taken = kind_of(alone=alone, device=CPU if fell_back else GPU)
    given_up = rung >= Rung.OTHER_DEVICE
    expected = Counter([on_gpu, on_gpu] + ([] if given_up else [taken]))
    assert backlog.waiting == expected
    assert (await stores.tasks.get("a")).assigned_device == GPU


LIMIT = 1024 * MIB
CRASHED = WorkerLoss(LossCause.CRASH, "SIGSEGV", page=1)
PRESSED = WorkerLoss(LossCause.MEMORY_PRESSURE, "others needed memory", page=1)
UNFIT = PageFailed(1, TaskFailureReason.MEMORY_LIMIT_EXCEEDED, "never fits", retryable=False)
DAMAGED = PageFailed(1, TaskFailureReason.PAGE_UNREADABLE, "damaged", retryable=False)
KILLS: Mapping[str, PageFailed | WorkerLoss] = {
    "no memory": NO_MEMORY,
    "over its reservation": LOST,
    "crashed": CRASHED,
}
SPARES: Mapping[str, PageFailed | WorkerLoss] = {"never fits": UNFIT, "damaged": DAMAGED, "memory pressure": PRESSED}
FALLS_BACK = ("no memory", "over its reservation")
READER = ModelSetKey.reader(CPU)
ACCURATE, FAST = ModelSetKey("rapidocr", "accurate", (), CPU), ModelSetKey("rapidocr", "fast", (), CPU)
CASES = [(name, stage, device) for name in (*KILLS, *SPARES) for stage in Stage for device in (CPU, GPU)]


@pytest.mark.parametrize(("name", "stage", "device"), CASES)
async def test_only_what_killed_its_workers_is_quarantined_and_only_for_those_workers(
    stores: Stores, tmp_path: Path, name: str, stage: Stage, device: DeviceId
) -> None:
    outcome = {**KILLS, **SPARES}[name]
    room = Room(stores, tmp_path, engines=ON_BOTH, memory=FakeAdmission({CPU: LIMIT, GPU: LIMIT}))
    await stores.queue.submit(new_task("a", pages=1, stage=stage, device=device))
    await stores.queue.get_next_task(device)
    devices = await _fail_until_given_up(room, outcome)
    assert await room.states() == [PageState.QUEUED if outcome is PRESSED else PageState.FAILED]
    worked = set(devices) == ({CPU} if stage is Stage.TEXT else {device, CPU} if name in FALLS_BACK else {device})
    assert worked, devices
    killed = {READER} if stage is Stage.TEXT else {replace(ACCURATE, device=each) for each in devices}
    keys = (READER, ACCURATE, replace(ACCURATE, device=GPU), FAST)
    for key, limit in product(keys, (LIMIT // 2, LIMIT, LIMIT + MIB)):
        new = replace(new_task(f"{key} {limit}", pages=1), circumstances=(Circumstances(key, limit),))
        expected = name in KILLS and key in killed and limit <= LIMIT
        assert ((await stores.tasks.create(new)).pages_failed == 1) is expected, (key, limit)
        await stores.tasks.delete(new.task_id)


async def _fail_until_given_up(room: Room, outcome: PageFailed | WorkerLoss) -> Sequence[DeviceId]:
    """Work the only page again and again, where it is to be worked each time; returns these devices."""
    devices: list[DeviceId] = []
    for _ in range(9):
        kind = next((kind for backlog in await room.stores.pages.backlog() for kind in backlog.waiting), None)
        if kind is None:
            break
        lease = await room.stores.pages.claim_pages("a", kind, limit=1, owner="server", lease_for=LEASE)
        assert lease is not None
        devices.append(kind.works_on)
        room.stores.clock.turn(timedelta(minutes=5))
        if isinstance(outcome, PageFailed):
            await room.errors.page_failed(lease, outcome, device=kind.works_on)
        else:
            await room.errors.worker_lost(lease, outcome, device=kind.works_on)
    return devices
