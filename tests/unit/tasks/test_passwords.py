"""Passwords last as long as their task does, and are seen nowhere."""

# ruff: noqa: S105, S106 - passwords of test documents

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.errors import EncryptedDocument
from pagemill.domain.task.task import TaskStatus
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.pool.messages import Export, Inspect, Process, Render
from pagemill.tasks.passwords import AGAIN, FORGOTTEN, Passwords
from pagemill.tasks.progress.task_watch import TaskWatch

SECRET = "correct horse"


@pytest.fixture
def backend() -> str:
    """What is kept in no database behaves alike on both."""
    return "sqlite"


@pytest.fixture
async def passwords(stores: Stores) -> AsyncIterator[Passwords]:
    made = Passwords("here", TaskWatch(stores.tasks, look_again=timedelta(milliseconds=10)))
    yield made
    await made.stop()


async def until_forgotten(passwords: Passwords, task_id: str) -> None:
    if (following := passwords._following.get(task_id)) is not None:
        async with asyncio.timeout(20):
            await following
    assert passwords.find(task_id) is None


@pytest.mark.parametrize("status", [status for status in TaskStatus if status.is_final])
async def test_it_is_forgotten_when_its_task_ends(stores: Stores, passwords: Passwords, status: TaskStatus) -> None:
    await stores.add_running("a")
    passwords.hold("a", SECRET)
    passwords.follow("a")
    assert passwords.find("a") == SECRET
    if status is TaskStatus.CANCELLED:
        await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await stores.tasks.transition("a", status)
    await until_forgotten(passwords, "a")


async def test_it_is_forgotten_when_its_task_is_deleted(stores: Stores, passwords: Passwords) -> None:
    await stores.tasks.create(new_task("a"))
    passwords.hold("a", SECRET)
    passwords.follow("a")
    await stores.tasks.delete("a")
    await until_forgotten(passwords, "a")


async def test_one_that_comes_again_outlives_the_end_before(stores: Stores, passwords: Passwords) -> None:
    await stores.add_running("a")
    passwords.hold("a", "earlier")
    passwords.follow("a")
    following = passwords._following["a"]
    await stores.tasks.transition("a", TaskStatus.FAILED)
    passwords.hold("a", SECRET)
    await asyncio.wait([following])
    assert passwords.find("a") == SECRET


async def test_a_lease_of_a_protected_document_needs_it(stores: Stores, passwords: Passwords) -> None:
    await stores.add_running("a")
    lease = await stores.claim("a")
    assert passwords.check(lease) is None
    with pytest.raises(EncryptedDocument) as refusal:
        passwords.check(replace(lease, password_at="here"))
    assert refusal.value.message == FORGOTTEN
    passwords.hold("a", SECRET)
    assert passwords.check(replace(lease, password_at="here")) == SECRET


async def test_after_the_end_it_must_come_again(stores: Stores, passwords: Passwords) -> None:
    await stores.add_running("a")
    task = await stores.tasks.get("a")
    assert passwords.need(task, SECRET) is None
    locked = replace(task, password_at="here")
    with pytest.raises(EncryptedDocument) as refusal:
        passwords.need(locked, None)
    assert refusal.value.message == AGAIN
    assert passwords.need(locked, SECRET) == SECRET


async def test_a_server_reads_what_it_can_open_and_fails_what_it_forgot(passwords: Passwords) -> None:
    assert passwords.may_open("a", None)
    assert passwords.may_open("a", "here")
    assert not passwords.may_open("a", "elsewhere")
    passwords.hold("a", SECRET)
    assert passwords.may_open("a", "elsewhere")


def test_no_message_and_no_request_shows_it() -> None:
    params = ChunkParams("d", (1,), Stage.TEXT, RecognitionOptions(), password=SECRET)
    asked = (
        Inspect(path="d", password=SECRET),
        Export(document="d", pages="p", output="o", password=SECRET),
        Render(document="d", page=1, dpi=72, max_pixels=1, rotation=0, path="p", password=SECRET),
        Process(chunk=1, params=params),
        params,
        replace(new_task("a").request, password=SECRET),
    )
    assert [repr(each) for each in asked if SECRET in repr(each)] == []
    assert replace(new_task("a").request, password=SECRET).content == new_task("a").request.content
