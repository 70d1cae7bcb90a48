"""Whatever a page has been through, it gets its turn: what the backlog counts, the plan assigns and the claim leases.

Stage × rung × device of the task × device of the page × structure × crashes × company, on both databases.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Update, update
from tests.fixtures.stores import Stores, new_task, read_page

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.task.task import PageLease, Rung, TaskOptions, TaskStatus
from pagemill.domain.work.backlog import PageKind
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.store.tables import task_pages
from pagemill.tasks.decisions.plan import READER_LANE, Assignment, ChunkLimits, plan

GPU = DeviceId("cuda:0")
CAPACITY = {READER_LANE: 1, CPU: 2, GPU: 1}
LEASE = timedelta(minutes=1)


@dataclass(frozen=True)
class Past:
    """What a page has been through."""

    stage: Stage
    rung: Rung
    device: DeviceId | None
    crashes: int


PASTS = [Past(*past) for past in itertools.product(Stage, Rung, (None, CPU), (0, 1))]


async def _add_task(stores: Stores, name: str, pasts: Sequence[Past], *, device: DeviceId, structure: bool) -> None:
    options = TaskOptions(recognition=RecognitionOptions(structure=structure))
    await stores.queue.submit(new_task(name, pages=len(pasts), device=device, options=options))
    await stores.queue.get_next_task(device)
    for number, past in enumerate(pasts, start=1):
        page = update(task_pages).where(task_pages.c.task_id == name, task_pages.c.number == number)
        been = {"stage": past.stage, "rung": past.rung.value, "device": past.device, "crashes": past.crashes}
        await stores.database.write(partial(_execute, page.values(**been)))


def _execute(statement: Update, connection: Connection) -> None:
    connection.execute(statement)


async def _lease(stores: Stores, assignment: Assignment) -> PageLease:
    lease = await stores.pages.claim_pages(
        assignment.task_id, assignment.kind, limit=assignment.pages, owner="x", lease_for=LEASE
    )
    assert lease is not None, f"nothing was leased by {assignment}"
    assert lease.stage is assignment.kind.stage
    assert all((rung >= Rung.ALONE) is assignment.kind.alone for rung in lease.rungs)
    return lease


async def _work_until_nothing_is_planned(stores: Stores) -> None:
    times: dict[str, float] = {}
    while backlogs := await stores.pages.backlog():
        planned = plan(backlogs, CAPACITY, capacity=CAPACITY, limits=ChunkLimits(), virtual_times=times)
        times = dict(planned.virtual_times)
        assert planned.assignments, f"no page of these is planned: {backlogs}"
        for assignment in planned.assignments:
            lease = await _lease(stores, assignment)
            await stores.pages.commit_pages(lease, [read_page(number) for number in lease.pages])


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("structure", [False, True])
async def test_every_page_by_itself(stores: Stores, device: DeviceId, *, structure: bool) -> None:
    for number, past in enumerate(PASTS):
        await _add_task(stores, f"t{number:02}", [past], device=device, structure=structure)
    await _work_until_nothing_is_planned(stores)
    tasks = [await stores.tasks.get(f"t{number:02}") for number in range(len(PASTS))]
    assert [task.pages_done for task in tasks] == [1] * len(PASTS)


@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("structure", [False, True])
async def test_all_of_them_in_one_document(stores: Stores, device: DeviceId, *, structure: bool) -> None:
    await _add_task(stores, "all", PASTS, device=device, structure=structure)
    await _work_until_nothing_is_planned(stores)
    assert (await stores.tasks.get("all")).pages_done == len(PASTS)


@pytest.mark.parametrize("rung", [rung for rung in Rung if rung >= Rung.OTHER_DEVICE])
async def test_a_page_runs_where_it_fell_back_to_and_its_neighbours_stay(stores: Stores, rung: Rung) -> None:
    pasts = [Past(Stage.OCR, rung, CPU, 0), Past(Stage.OCR, Rung.USUAL, None, 0)]
    await _add_task(stores, "a", pasts, device=GPU, structure=False)
    planned = plan(await stores.pages.backlog(), CAPACITY, capacity=CAPACITY, limits=ChunkLimits(), virtual_times={})
    lanes = {assignment.lane: (await _lease(stores, assignment)).pages for assignment in planned.assignments}
    assert lanes == {CPU: (1,), GPU: (2,)}


@pytest.mark.parametrize("past", PASTS)
async def test_a_retry_by_the_user_begins_anew(stores: Stores, past: Past) -> None:
    await _add_task(stores, "a", [past], device=GPU, structure=False)
    await stores.tasks.transition("a", TaskStatus.EXPIRED)
    await stores.queue.add_task(await stores.tasks.get("a"))
    await stores.queue.get_next_task(GPU)
    (backlog,) = await stores.pages.backlog()
    assert list(backlog.waiting) == [PageKind(past.stage, alone=False, device=GPU)]
    lease = await stores.pages.claim_pages("a", *backlog.waiting, limit=1, owner="x", lease_for=LEASE)
    assert lease is not None
    assert (lease.rungs, lease.attempts, lease.crashes) == ((Rung.USUAL,), (0,), (0,))
