"""`Database`: transactions that are whole or not at all, whatever ends them."""

import _sqlite3
import asyncio
import ctypes
import gc
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from tests.fixtures.stores import Stores, holding, new_task, read_page

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.task import PageState
from pagemill.store.database import Database
from pagemill.store.tables import tasks


class Fault(Exception):
    """Something went wrong of which the database knows nothing."""


def sqlite_memory_bytes() -> int:
    """What SQLite holds in this process, all connections together; skips the test where it cannot be asked."""
    try:
        used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    except AttributeError:
        pytest.skip("this Python hides its SQLite")
    used.restype = ctypes.c_int64
    return int(used())


async def test_an_error_rolls_everything_back(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))

    def fail(connection: Connection) -> None:
        connection.execute(text("DELETE FROM tasks"))
        raise Fault

    with pytest.raises(Fault):
        await stores.database.write(fail)
    assert (await stores.tasks.get("a")).task_id == "a"


async def test_cancelling_at_any_moment_leaves_pages_done_or_not_done(stores: Stores) -> None:
    await stores.add_running("a", pages=40)
    lease = await stores.claim("a", limit=40)
    for number in lease.pages:
        commit = asyncio.create_task(stores.pages.commit_pages(lease, [read_page(number)]))
        for _ in range(number - 1):
            await asyncio.sleep(0)
        commit.cancel()
        await asyncio.wait([commit])
    async with asyncio.timeout(20):
        done = [page.number for page in await stores.tasks.pages("a") if page.state is PageState.DONE]
        results = [result async for result in stores.tasks.results("a")]
        assert set(done) < set(lease.pages)
        assert len(results) == len(done) == (await stores.tasks.get("a")).pages_done
        for number in set(lease.pages) - set(done):
            await stores.pages.commit_pages(lease, [read_page(number)])
    assert len(await stores.pages.finish_completed()) == 1


async def test_a_cancelled_caller_leaves_no_error_behind(stores: Stores) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    begun, go_on = threading.Event(), threading.Event()

    def fail(_connection: Connection) -> None:
        begun.set()
        go_on.wait(20)
        raise Fault

    write = asyncio.create_task(stores.database.write(fail))
    await asyncio.to_thread(begun.wait, 20)
    write.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([write])
    assert write.cancelled()
    del write
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_reader_sees_what_was_before_a_writer_commits(stores: Stores) -> None:
    insert = text("INSERT INTO task_transitions (status_before, status_after) VALUES ('here', 'there')")
    here = text("SELECT count(*) FROM task_transitions WHERE status_before = 'here'")

    def count_seen(connection: Connection) -> int:
        return int(connection.execute(here).scalar_one())

    async with holding(stores.database.write, lambda writer: writer.execute(insert)):
        assert await stores.database.read(count_seen) == 0
    assert await stores.database.read(count_seen) == 1
    await stores.database.write(
        lambda writer: writer.execute(text("DELETE FROM task_transitions WHERE status_before = 'here'"))
    )


async def test_a_stopped_database_says_so_and_can_be_started_again(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(RuntimeError, match="start"):
        await database.read(lambda connection: connection.execute(text("SELECT 1")))
    for _ in range(2):
        await database.start()
        assert await database.read(lambda connection: connection.execute(select(tasks)).all()) == []
        await database.stop()
        await database.stop()


async def test_sqlite_is_set_up_for_crashes_of_the_process(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new folder' / 'a.db'}")
    await database.start()
    expected = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}

    def read(connection: Connection) -> dict[str, object]:
        return {pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() for pragma in expected}

    assert await database.write(read) == expected
    with pytest.raises(DatabaseUnavailable) as refused:
        await database.read(lambda connection: connection.exec_driver_sql("CREATE TABLE a (b)"))
    assert "readonly" in str(refused.value.__cause__)
    await database.stop()


async def test_memory_is_given_back_at_any_moment_and_nothing_is_missed(stores: Stores) -> None:
    await stores.add_running("a", pages=40)
    lease = await stores.claim("a", limit=40)

    async def give_back() -> None:
        for _ in range(5):
            await stores.database.give_back_memory()

    async with holding(stores.database.read, lambda reader: reader.execute(select(tasks)).all()):
        await asyncio.gather(give_back(), *(stores.pages.commit_pages(lease, [read_page(n)]) for n in lease.pages))
    assert (await stores.tasks.get("a")).pages_done == 40


async def test_every_connection_gives_its_page_cache_back(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await database.start()
    large = text("CREATE TABLE large AS SELECT zeroblob(1000000) AS data")
    await database.write(lambda writer: writer.execute(large))

    def read_all(reader: Connection) -> None:
        reader.execute(text("SELECT sum(length(data)) FROM large WHERE data > x'00'"))

    async with holding(database.read, read_all), holding(database.read, read_all):
        pass
    held = sqlite_memory_bytes()
    await database.give_back_memory()
    assert held - sqlite_memory_bytes() > 3 * 900_000, "the caches of one that wrote and of two that read"
    await database.stop()
