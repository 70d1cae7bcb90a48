"""What is refused when a task is to be started leaves it exactly as it was, whatever it was."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.fixtures.stores import Stores, new_task, read_page
from tests.fixtures.tasks_room import Room

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import DeviceUnavailable, NeverFits, PagemillError, QueueFull
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.task.task import TaskStartRequest, TaskStatus
from pagemill.store.tables import task_events, task_pages, tasks
from pagemill.store.task_queue import QueueConfig
from pagemill.testing.memory import FakeAdmission

REFUSALS: dict[str, tuple[str | None, type[PagemillError]]] = {
    "not there": ("cuda:7", DeviceUnavailable),
    "no device": ("toaster", DeviceUnavailable),
    "odd": ("cpu\0", DeviceUnavailable),
    "too small": (CPU, NeverFits),
    "too small, unnamed": (None, NeverFits),
    "queue full": (CPU, QueueFull),
    "queue full, unnamed": (None, QueueFull),
}


class NoInspector:
    """Nothing is inspected here."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        raise AssertionError(path, caller, password)


async def _everything(stores: Stores) -> list[list[tuple[object, ...]]]:
    """All that is written of the task."""
    return await stores.database.read(
        lambda connection: [
            [tuple(row) for row in connection.execute(select(table).where(table.c.task_id == "a")).all()]
            for table in (tasks, task_pages, task_events)
        ]
    )


async def _bring_to(stores: Stores, status: TaskStatus) -> None:
    await stores.tasks.create(new_task("a"))
    if status is TaskStatus.CREATED:
        return
    if status is TaskStatus.PARTIALLY_SUCCEEDED:
        await stores.queue.add_task(await stores.tasks.get("a"))
        await stores.queue.get_next_task(CPU)
        await stores.pages.commit_pages(await stores.claim("a", limit=1), [read_page(1)])
    elif status is TaskStatus.FAILED:
        await stores.queue.add_task(await stores.tasks.get("a"))
    await stores.tasks.transition("a", status)


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "status",
    [
        TaskStatus.CREATED,
        TaskStatus.FAILED,
        TaskStatus.PARTIALLY_SUCCEEDED,
        TaskStatus.CANCELLED,
        TaskStatus.EXPIRED,
    ],
)
async def test_a_start_that_is_refused_changes_nothing(
    stores: Stores, tmp_path: Path, *, status: TaskStatus, refusal: str
) -> None:
    device, error = REFUSALS[refusal]
    await _bring_to(stores, status)
    limit = 1 if error is NeverFits else 10_000 * MIB
    memory = FakeAdmission({CPU: limit, DeviceId("cuda:0"): limit})
    if error is QueueFull:
        await stores.add_queued("other")
        stores = replace(stores, config=QueueConfig(max_queue_size=1))
    before = await _everything(stores)
    manager = Room(stores, tmp_path, memory=memory).manager(NoInspector())
    with pytest.raises(error):
        await manager.start_task("a", TaskStartRequest(device=device))
    assert await _everything(stores) == before
