"""A task's cleanup waits for what is held, is verified, happens once, and survives a deletion."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.fixtures.stores import Stores
from tests.fixtures.tasks_room import LIMIT_S, Room, eventually

from pagemill.domain.events import TaskEvent
from pagemill.domain.memory import CPU
from pagemill.domain.tasks import TaskStatus
from pagemill.tasks.cleanup import TaskCleaner
from pagemill.tasks.handlers import ResourceUse

USE = ResourceUse(CPU, 0, 0)


async def cancelled(stores: Stores, room: Room) -> Path:
    """A task that is over, and its folder with something in it."""
    await stores.queued("a")
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    folder = room.work_dir / "a"
    folder.mkdir(parents=True)
    (folder / "page-1.png").touch()
    return folder


async def test_files_go_and_the_task_is_marked(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancelled(stores, room)
    assert await room.cleaner.cleanup_task_resources("a")
    assert not folder.exists()
    assert (await stores.tasks.get("a")).resource_cleanup_completed
    assert (await room.kinds())[-2:] == [TaskEvent.CLEANUP_STARTED, TaskEvent.CLEANUP_COMPLETED]


async def test_it_waits_until_services_are_released_and_runs_once(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancelled(stores, room)
    await room.handlers.on_task_resource_acquired("a", "service-1")
    cleaning = asyncio.create_task(room.cleaner.cleanup_task_resources("a"))

    async def begun() -> bool:
        return TaskEvent.CLEANUP_STARTED in await room.kinds()

    await eventually(begun)
    await room.cleaner.sweep()
    assert not cleaning.done()
    assert folder.exists()
    await room.handlers.on_task_resource_released("a", "service-1", USE)
    async with asyncio.timeout(LIMIT_S):
        assert await cleaning
    assert (await room.kinds()).count(TaskEvent.CLEANUP_STARTED) == 1


async def test_what_is_held_too_long_is_left_to_the_next_sweep(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancelled(stores, room)
    cleaner = TaskCleaner(
        store=stores.tasks,
        handlers=room.handlers,
        watch=room.watch,
        work_dir=tmp_path,
        limit=timedelta(milliseconds=50),
    )
    await room.handlers.on_task_resource_acquired("a", "service-1")
    assert not await cleaner.cleanup_task_resources("a")
    assert not (await stores.tasks.get("a")).resource_cleanup_completed
    await room.handlers.on_task_resource_released("a", "service-1", USE)
    await room.cleaner.sweep()
    assert (await stores.tasks.get("a")).resource_cleanup_completed
    assert not folder.exists()


async def test_a_task_deleted_meanwhile_leaves_no_files(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancelled(stores, room)
    await stores.tasks.delete("a")
    assert await room.cleaner.cleanup_task_resources("a")
    assert not folder.exists()
