"""A task whose row cannot be read keeps no other from its turn in any sweep; where it had not ended, it ends."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, update
from tests.fixtures.stores import Stores, new_task, read_page

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import FINAL_STATUSES, PageState, Task, TaskOptions, TaskStatus
from pagemill.store import changes, completion, overdue
from pagemill.store.tables import tasks

GOOD = ("b-good", "c-good")
HOUR = timedelta(hours=1)
Sweep = Callable[[Stores], Awaitable[object]]


@pytest.fixture(params=["a-bad", "z-bad"])
def bad(request: pytest.FixtureRequest) -> str:
    """Whichever way a sweep goes, it comes first in one of the two."""
    return str(request.param)


async def _spoil(stores: Stores, task_id: str) -> None:
    """As if another version had written its options."""

    def write(connection: Connection) -> None:
        connection.execute(update(tasks).where(tasks.c.task_id == task_id).values(options={"recognition": 7}))

    await stores.database.write(write)


async def _make_queued(stores: Stores, name: str) -> None:
    await stores.tasks.create(new_task(name, options=TaskOptions(deadline_seconds=60)))
    await stores.queue.add_task(await stores.tasks.get(name))


async def _make_running(stores: Stores, name: str) -> None:
    await _make_queued(stores, name)
    assert await stores.queue.get_next_task(CPU)


async def _lease_task(stores: Stores, name: str) -> None:
    await _make_running(stores, name)
    await stores.claim(name)


async def _read(stores: Stores, name: str) -> None:
    await _make_running(stores, name)
    await stores.pages.commit_pages(await stores.claim(name), [read_page(number) for number in (1, 2, 3)])


async def _make_cancelling(stores: Stores, name: str) -> None:
    await _make_running(stores, name)
    await stores.tasks.transition(name, TaskStatus.CANCELLING)


async def _let_all_in(stores: Stores) -> Sequence[str]:
    let_in = [await stores.queue.get_next_task(CPU) for _ in range(len(GOOD) + 1)]
    return sorted(task.task_id for task in let_in if task is not None)


async def _end_stalled(stores: Stores) -> Sequence[Task | None]:
    return [await stores.overdue.end_stalled(name, HOUR) for name in await stores.overdue.find_unchanged(HOUR)]


Prepare = Callable[[Stores, str], Awaitable[None]]
SWEEPS: dict[str, tuple[Prepare, Sweep, TaskStatus, TaskStatus]] = {
    "expire, in line": (
        _make_queued,
        lambda stores: stores.overdue.expire(queue_timeout=HOUR),
        TaskStatus.EXPIRED,
        TaskStatus.FAILED,
    ),
    "expire, let in": (
        _make_running,
        lambda stores: stores.overdue.expire(queue_timeout=None),
        TaskStatus.EXPIRED,
        TaskStatus.FAILED,
    ),
    "finish": (_read, lambda stores: stores.pages.finish_completed(), TaskStatus.SUCCEEDED, TaskStatus.FAILED),
    "finish a cancelled one": (
        _make_cancelling,
        lambda stores: stores.pages.finish_completed(),
        TaskStatus.CANCELLED,
        TaskStatus.CANCELLED,
    ),
    "stalled": (_make_running, _end_stalled, TaskStatus.FAILED, TaskStatus.FAILED),
    "let in": (_make_queued, _let_all_in, TaskStatus.RUNNING, TaskStatus.FAILED),
}


@pytest.mark.parametrize("sweep", SWEEPS)
async def test_it_ends_and_the_others_have_their_turn(sweep: str, bad: str, stores: Stores) -> None:
    prepare, run, of_others, of_bad = SWEEPS[sweep]
    for name in sorted((bad, *GOOD)):
        await prepare(stores, name)
    await _spoil(stores, bad)
    stores.clock.turn(HOUR)
    await run(stores)
    assert [(await stores.tasks.get(name)).status for name in GOOD] == [of_others] * len(GOOD)
    task = await stores.tasks.get(bad)
    assert task.status is of_bad
    if of_bad is TaskStatus.FAILED:
        assert task.failure_reason is TaskFailureReason.INTERNAL_ERROR
        last = (await stores.events.read(bad))[-1]
        assert (last.event_type, last.details["reason"]) == (TaskEvent.FAILED, "internal_error")
    assert {page.state for page in await stores.tasks.pages(bad)} <= {PageState.CANCELLED, PageState.DONE}


@pytest.mark.parametrize("broken", ["why_expired", "final_status"])
async def test_one_that_cannot_be_changed_ends_too(
    broken: str, bad: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row can be read, but a part of ours fails with it."""
    room = overdue if broken == "why_expired" else completion
    whole: Callable[..., object] = getattr(room, broken)

    def breaks(task: Task, *args: object, **kwargs: object) -> object:
        if task.task_id == bad:
            raise ZeroDivisionError
        return whole(task, *args, **kwargs)

    monkeypatch.setattr(room, broken, breaks)
    for name in sorted((bad, *GOOD)):
        await _read(stores, name)
    stores.clock.turn(HOUR)
    if broken == "why_expired":
        await stores.overdue.expire(queue_timeout=None)
    else:
        await stores.pages.finish_completed()
    assert {(await stores.tasks.get(name)).status for name in GOOD} <= FINAL_STATUSES
    assert (await stores.tasks.get(bad)).failure_reason is TaskFailureReason.INTERNAL_ERROR


async def test_leases_of_the_others_are_rescued(bad: str, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(connection: Connection, task_id: str, event: TaskEvent, *, now: datetime, details: Details) -> None:
        if task_id == bad:
            raise ZeroDivisionError
        changes.note(connection, task_id, event, now=now, details=details)

    monkeypatch.setattr("pagemill.store.rescuing.note", breaks)
    for name in sorted((bad, *GOOD)):
        await _lease_task(stores, name)
    assert await stores.pages.rescue(owner="server") == 6
    assert (await stores.tasks.get(bad)).failure_reason is TaskFailureReason.INTERNAL_ERROR


async def test_it_is_left_out_of_lists_and_cleaned_up(bad: str, stores: Stores) -> None:
    for name in (bad, *GOOD):
        await stores.tasks.create(new_task(name))
        await stores.tasks.transition(name, TaskStatus.CANCELLED)
    await _spoil(stores, bad)
    assert sorted(task.task_id for task in await stores.tasks.list_tasks()) == list(GOOD)
    assert list(await stores.tasks.list_uncleaned()) == sorted((bad, *GOOD))
