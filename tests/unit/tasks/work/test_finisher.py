"""A task is followed to its end, whatever becomes of it."""

import asyncio
import logging
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores
from tests.fixtures.tasks_room import LIMIT_S, Room

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus
from pagemill.tasks.work.finisher import TaskFinisher


async def test_a_task_is_followed_once_and_cleaned_up_at_its_end(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running("a")
    room.follower.follow("a")
    room.follower.follow("a")
    await stores.tasks.transition("a", TaskStatus.FAILED)
    room.watch.notify("a")
    await room.wait_until_clean()
    await room.follower.stop()
    assert (await room.kinds()).count(TaskEvent.CLEANUP_COMPLETED) == 1


async def test_after_a_restart_running_tasks_are_followed(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running("a")
    await room.follower.start()
    await stores.tasks.transition("a", TaskStatus.FAILED)
    room.watch.notify("a")
    await room.wait_until_clean()
    await room.follower.stop()


async def test_beside_other_servers_running_tasks_are_left_to_them(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running("a")
    follower = TaskFinisher(store=stores.tasks, watch=room.watch, cleaner=room.cleaner, resumes=False)
    before = asyncio.all_tasks()
    await follower.start()
    assert asyncio.all_tasks() == before
    await follower.stop()


async def test_a_shutdown_cleans_up_nothing(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running("a")
    room.follower.follow("a")
    room.watch.close()
    await room.follower.stop()
    await room.follower.stop()
    assert TaskEvent.CLEANUP_STARTED not in await room.kinds()


async def test_a_task_that_is_deleted_is_no_fault(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room(stores, tmp_path)
    await stores.add_running("a")
    following = asyncio.create_task(room.follower.process_document_task("a"))
    await stores.tasks.transition("a", TaskStatus.FAILED)
    await stores.tasks.delete("a")
    room.watch.notify("a")
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(LIMIT_S):
            await following
    assert caplog.records == []
