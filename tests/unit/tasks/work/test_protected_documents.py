"""Pages of a protected document are read where its password is known; where it was lost, the task says so and ends."""

# ruff: noqa: S106 - passwords of test documents, and names of servers

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task, read_page
from tests.fixtures.tasks_room import LIMIT_S, OWNER, Room

from pagemill.domain.documents import DocumentInfo, DocumentKind, PageSize
from pagemill.domain.errors import EncryptedDocument, TaskFailureReason
from pagemill.domain.task.task import PageState, Task, TaskStatus
from pagemill.tasks.passwords import AGAIN, FORGOTTEN

ELSEWHERE = "another-server"
TIMEOUT = timedelta(minutes=5)


class Locked:
    """A document that one password opens."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        del path, caller
        if password != "sesame":  # noqa: S105 - of a test document
            raise EncryptedDocument("The password does not open the PDF.")
        return DocumentInfo(DocumentKind.PDF, 3, (PageSize(595, 842),), needs_password=True)


async def send(stores: Stores, *, at: str) -> None:
    await stores.queue.submit(replace(new_task("a", pages=3), password_at=at))


async def run_to_end(room: Room) -> Task:
    await room.dispatcher.start()
    async with asyncio.timeout(LIMIT_S):
        task = await room.watch.until_final("a")
    await room.dispatcher.stop()
    await room.follower.stop()
    return task


async def test_a_known_password_reads_it(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await send(stores, at=OWNER)
    room.passwords.hold("a", "sesame")
    assert (await run_to_end(room)).status is TaskStatus.SUCCEEDED


async def test_a_password_that_was_lost_fails_every_page_that_is_left_and_says_so(
    stores: Stores, tmp_path: Path
) -> None:
    room = Room(stores, tmp_path)
    await send(stores, at=OWNER)
    task = await run_to_end(room)
    assert (task.status, task.failure_reason) == (TaskStatus.FAILED, TaskFailureReason.ENCRYPTED_DOCUMENT)
    pages = await stores.tasks.pages("a")
    assert {page.state for page in pages} == {PageState.FAILED}
    assert {page.failure_message for page in pages} == {FORGOTTEN}
    with pytest.raises(EncryptedDocument) as refusal:
        await room.manager(Locked()).retry_task("a")
    assert refusal.value.message == AGAIN


async def test_a_retry_with_the_password_goes_on(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await send(stores, at=OWNER)
    await run_to_end(room)
    manager = room.manager(Locked())
    with pytest.raises(EncryptedDocument):
        await manager.retry_task("a", password="simsala")
    assert (await stores.tasks.get("a")).status is TaskStatus.FAILED
    assert room.passwords.find("a") is None
    assert (await manager.retry_task("a", password="sesame")).status is TaskStatus.QUEUED
    assert (await run_to_end(room)).status is TaskStatus.SUCCEEDED
    await room.passwords.stop()


async def test_another_server_leaves_it_alone_and_it_ends_in_time(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await send(stores, at=ELSEWHERE)
    for _ in range(3):
        await room.dispatcher.run_once()
    assert room.dispatcher.works() == frozenset()
    assert {page.state for page in await stores.tasks.pages("a")} == {PageState.QUEUED}
    stores.clock.turn(TIMEOUT * 2)
    (task,) = await stores.overdue.expire(queue_timeout=TIMEOUT)
    assert task.status is TaskStatus.EXPIRED
    assert "retry the task with its password" in (task.failure_message or "")
    await room.follower.stop()


async def test_one_that_lost_its_server_half_way_ends_in_time(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await send(stores, at=ELSEWHERE)
    await room.dispatcher.run_once()
    lease = await stores.claim("a", limit=1)
    await stores.pages.commit_pages(lease, [read_page(number) for number in lease.pages])
    await room.dispatcher.run_once()
    stores.clock.turn(TIMEOUT * 2)
    (task,) = await stores.overdue.expire(queue_timeout=TIMEOUT)
    assert (task.status, task.pages_done) == (TaskStatus.EXPIRED, 1)
    await room.follower.stop()
