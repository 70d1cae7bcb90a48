"""Names, parameters and shapes that others build on: part B of the contract, called exactly as it is written there."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import JSON, Connection, inspect
from tests.fixtures.stores import Stores, new_task
from tests.fixtures.tasks_room import Room, some_pages

from pagemill.domain.documents import DocumentInfo, DocumentKind, PageSize
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import (
    PageState,
    Rung,
    StoredDocument,
    Task,
    TaskCreateRequest,
    TaskStartRequest,
    TaskStatus,
)
from pagemill.settings import Settings
from pagemill.store.tables import metadata


class Inspector:
    """Sees the same document everywhere."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        del path, caller, password
        return DocumentInfo(DocumentKind.PDF, 2, (PageSize(595, 842),))


REQUEST = TaskCreateRequest(StoredDocument("/in/a.pdf", "a.pdf", 7, "0" * 64))


@pytest.fixture
def room(stores: Stores, tmp_path: Path) -> Room:
    return Room(stores, tmp_path)


async def test_tasks_are_created_and_started(stores: Stores, room: Room) -> None:
    manager = room.manager(Inspector())
    task = await manager.create_task(request=REQUEST)
    assert isinstance(task, Task)
    assert task.estimated_memory_mb is not None
    assert task.assigned_device == CPU
    assert (task.actual_memory_mb, task.service_instance_id, task.resource_cleanup_completed) == (None, None, False)
    await stores.tasks.create(new_task("a"))
    started = await manager.start_task(task_id="a", request=TaskStartRequest(device="cpu"))
    assert started.status is TaskStatus.QUEUED


async def test_the_queue_adds_gives_and_takes_back(stores: Stores) -> None:
    created = await stores.tasks.create(new_task("a"))
    queued = await stores.queue.add_task(task=created, priority=0)
    assert await stores.queue.get_next_task(device=CPU) == await stores.tasks.get("a")
    again = await stores.queue.requeue_task(task=queued)
    assert again.priority < queued.priority
    assert await stores.queue.get_next_task(device=CPU) is not None
    assert await stores.queue.get_next_task(device=CPU) is None


async def test_a_task_is_followed_to_its_end_and_cleaned_up(stores: Stores, room: Room) -> None:
    await stores.add_running("a")
    await room.chunks.run(some_pages())
    await room.follower.process_document_task(task_id="a")
    assert (await stores.tasks.get("a")).resource_cleanup_completed
    await stores.add_running("b")
    await stores.tasks.transition("b", TaskStatus.FAILED)
    assert await room.cleaner.cleanup_task_resources(task_id="b")
    assert (await room.kinds("b"))[-2:] == [TaskEvent.CLEANUP_STARTED, TaskEvent.CLEANUP_COMPLETED]


async def test_resources_are_tracked_and_cleanups_verified(stores: Stores, room: Room) -> None:
    await stores.add_running("a")
    resource: dict[str, str | int | float | bool | None] = {
        "service_instance_id": "s/1",
        "device": "cpu",
        "engine": "x",
    }
    await room.handlers.on_task_resource_acquired(task_id="a", resource=resource)
    assert (await stores.tasks.get("a")).service_instance_id == "s/1"
    acquired = (await stores.events.read("a"))[-1]
    assert (acquired.event_type, acquired.details) == (TaskEvent.RESOURCE_ACQUIRED, resource)
    assert not await room.handlers.on_task_cleanup_completed(task_id="a"), "it still holds the service"


async def test_what_a_batch_acquires_is_told_with_all_that_is_known(stores: Stores, room: Room) -> None:
    await stores.add_running("a")
    await room.chunks.run(some_pages())
    (details,) = (
        each.details for each in await stores.events.read("a") if each.event_type is TaskEvent.RESOURCE_ACQUIRED
    )
    assert details == {
        "service_instance_id": (await stores.tasks.get("a")).service_instance_id,
        "device": "cpu",
        "engine": "rapidocr",
        "profile": "accurate",
        "reserved_mb": 0,
    }


async def test_a_task_that_ran_out_of_memory_comes_back_with_smaller_batches(stores: Stores, room: Room) -> None:
    await stores.add_running("a", pages=3)
    await stores.claim("a", limit=1)
    for expected in (Rung.FRESH_PROCESS, Rung.ALONE, None):
        task = await stores.tasks.get("a")
        assert await room.errors.handle_oom_error(task=task) is expected
        back = await stores.tasks.get("a")
        assert (back.status, back.priority) == (TaskStatus.QUEUED, task.priority - 1)
        await stores.queue.get_next_task(CPU)
    in_work, *waiting = await stores.tasks.pages("a")
    assert (in_work.state, in_work.rung) == (PageState.LEASED, Rung.USUAL)
    assert [(page.state, page.rung) for page in waiting] == [(PageState.QUEUED, Rung.ALONE)] * 2
    told = [each for each in await stores.events.read("a") if each.event_type is TaskEvent.OOM_RECOVERY]
    assert [each.details["next_rung"] for each in told] == ["fresh_process", "alone", None]
    assert all("cpu 0 of 1024 MiB used" in str(each.details["memory"]) for each in told)
    assert room.alerts == [(None, Rung.FRESH_PROCESS), (None, Rung.ALONE), (None, None)]


async def test_a_task_that_is_over_stays_so_whatever_is_said_of_its_memory(stores: Stores, room: Room) -> None:
    await stores.add_running("a")
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    await room.errors.handle_oom_error(await stores.tasks.get("a"))
    assert (await stores.tasks.get("a")).status is TaskStatus.CANCELLED


def test_reasons_and_events_have_their_values() -> None:
    assert TaskFailureReason("out_of_memory") is TaskFailureReason.OUT_OF_MEMORY
    assert TaskFailureReason("pool_exhausted") is TaskFailureReason.POOL_EXHAUSTED
    assert TaskFailureReason("device_unavailable") is TaskFailureReason.DEVICE_UNAVAILABLE
    assert TaskFailureReason("memory_limit_exceeded") is TaskFailureReason.MEMORY_LIMIT_EXCEEDED
    assert all(reason.value == reason.name.lower() for reason in TaskFailureReason)
    assert all(event.value == event.name.lower() for event in TaskEvent)
    assert {event.name for event in TaskEvent} >= {
        "RESOURCE_ACQUIRED",
        "RESOURCE_RELEASED",
        "MEMORY_WARNING",
        "CLEANUP_STARTED",
        "CLEANUP_COMPLETED",
    }


async def test_the_database_has_the_columns_and_tables(stores: Stores) -> None:
    specified = {
        "tasks": {
            "estimated_memory_mb",
            "actual_memory_mb",
            "assigned_device",
            "service_instance_id",
            "resource_cleanup_completed",
        },
        "task_metrics": {"task_id", "timestamp", "memory_usage_mb", "device", "processing_stage"},
        "task_events": {"task_id", "event_type", "timestamp", "details"},
    }
    for table, columns in specified.items():
        there = await stores.database.read(partial(_columns, table))
        assert columns <= there, table
    assert isinstance(metadata.tables["task_events"].c.details.type, JSON)


def _columns(table: str, connection: Connection) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table)}


def test_settings_have_their_names_and_defaults() -> None:
    assert (
        Settings().model_dump()["tasks"].items()
        >= {
            "max_queue_size": 100,
            "queue_timeout_seconds": 300,
            "enable_priority_queue": True,
            "enable_resource_tracking": True,
            "cleanup_timeout_seconds": 30,
        }.items()
    )
    assert (
        Settings().model_dump()["tasks"]["retry"].items()
        >= {
            "max_attempts": 3,
            "backoff_multiplier": 2,
            "memory_reduction_factor": 0.5,
        }.items()
    )
