"""A task's cleanup waits for what is held, is verified, happens once, and survives a deletion."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task
from tests.fixtures.tasks_room import LIMIT_S, Room, eventually
from tests.fixtures.undeletable import undeletable

from pagemill.domain.memory import CPU
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus
from pagemill.tasks.progress.event_handlers import ResourceUse
from pagemill.tasks.work.cleanup import AT_ONCE, TaskCleaner, remove_half_made

USE = ResourceUse(CPU, 0, 0)


async def cancel_task(stores: Stores, room: Room) -> Path:
    """A task that is over, and its folder with something in it."""
    await stores.add_queued("a")
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    folder = room.work_dir / "a"
    folder.mkdir(parents=True)
    (folder / "page-1.png").touch()
    return folder


async def test_files_go_and_the_task_is_marked(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancel_task(stores, room)
    assert await room.cleaner.cleanup_task_resources("a")
    assert not folder.exists()
    assert (await stores.tasks.get("a")).resource_cleanup_completed
    assert (await room.kinds())[-2:] == [TaskEvent.CLEANUP_STARTED, TaskEvent.CLEANUP_COMPLETED]


async def test_it_waits_until_services_are_released_and_runs_once(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancel_task(stores, room)
    await room.handlers.on_task_resource_acquired("a", {"service_instance_id": "service-1"})
    cleaning = asyncio.create_task(room.cleaner.cleanup_task_resources("a"))

    async def has_begun() -> bool:
        return TaskEvent.CLEANUP_STARTED in await room.kinds()

    await eventually(has_begun)
    await room.cleaner.sweep()
    assert not cleaning.done()
    assert folder.exists()
    await room.handlers.on_task_resource_released("a", "service-1", USE)
    async with asyncio.timeout(LIMIT_S):
        assert await cleaning
    assert (await room.kinds()).count(TaskEvent.CLEANUP_STARTED) == 1


async def test_what_is_held_too_long_is_left_to_the_next_sweep(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancel_task(stores, room)
    cleaner = TaskCleaner(
        store=stores.tasks,
        handlers=room.handlers,
        watch=room.watch,
        work_dir=tmp_path,
        limit=timedelta(milliseconds=50),
    )
    await room.handlers.on_task_resource_acquired("a", {"service_instance_id": "service-1"})
    assert not await cleaner.cleanup_task_resources("a")
    assert not (await stores.tasks.get("a")).resource_cleanup_completed
    await room.handlers.on_task_resource_released("a", "service-1", USE)
    await room.cleaner.sweep()
    assert (await stores.tasks.get("a")).resource_cleanup_completed
    assert not folder.exists()


async def test_a_task_deleted_meanwhile_leaves_no_files(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    folder = await cancel_task(stores, room)
    await stores.tasks.delete("a")
    assert await room.cleaner.cleanup_task_resources("a")
    assert not folder.exists()


@pytest.mark.parametrize("bad", ["a", "m", "z"])
async def test_a_folder_that_cannot_be_deleted_stops_no_other_task(stores: Stores, tmp_path: Path, bad: str) -> None:
    room = Room(stores, tmp_path)
    for name in ("m", "z", "a"):
        await stores.add_queued(name)
        await stores.tasks.transition(name, TaskStatus.CANCELLED)
        (room.work_dir / name).mkdir(parents=True)
        (room.work_dir / name / "page-1.png").touch()
    with undeletable(room.work_dir / bad):
        for _ in range(3):
            await room.cleaner.sweep()
        cleaned = {name for name in "amz" if (await stores.tasks.get(name)).resource_cleanup_completed}
        assert cleaned == {"a", "m", "z"} - {bad}
        assert [folder.name for folder in room.work_dir.iterdir()] == [bad]
    await room.cleaner.sweep()
    assert (await stores.tasks.get(bad)).resource_cleanup_completed
    kinds = [record.event_type for record in await stores.events.read(bad)]
    assert kinds.count(TaskEvent.CLEANUP_STARTED) == 1, "it is told once, however often it is tried"


def test_what_cannot_be_deleted_at_the_start_stops_nothing(tmp_path: Path) -> None:
    for name in ("m", "z", "a"):
        (tmp_path / f"{name}.results").mkdir()
        (tmp_path / f"{name}.results" / "half").touch()
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.part").touch()
    with undeletable(tmp_path / "m.results"), undeletable(tmp_path / "a" / "page.part"):
        remove_half_made(tmp_path)
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {"m.results/half", "a/page.part"}
    remove_half_made(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("stuck", [0, 3])
@pytest.mark.parametrize("more", [0, 1, AT_ONCE + 1])
async def test_a_sweep_goes_on_until_nothing_is_left(stores: Stores, tmp_path: Path, stuck: int, more: int) -> None:
    """However many there are, and though some, the first among them, cannot be cleaned up."""
    room = Room(stores, tmp_path)
    names = [f"{number:03}" for number in range(AT_ONCE + more)]
    for name in names:
        await stores.tasks.create(new_task(name, pages=1))
        await stores.tasks.transition(name, TaskStatus.CANCELLED)
    with ExitStack() as held:
        for name in names[:stuck]:
            (room.work_dir / name).mkdir(parents=True)
            (room.work_dir / name / "page-1.png").touch()
            held.enter_context(undeletable(room.work_dir / name))
        await room.cleaner.sweep()
    assert list(await stores.tasks.list_uncleaned(len(names))) == names[:stuck]
