"""A server killed in the middle of its commits: what it committed stays, and the rest is taken up again."""

import subprocess
import sys

import pytest
from sqlalchemy import text
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import Stores, TurnedClock, read_page, start_database

from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus

PAGES = 60
COMMITTER = """
import asyncio, sys
from datetime import timedelta
from pagemill.domain.work.backlog import PageKind
from pagemill.domain.clocks import SystemClock
from pagemill.domain.memory import CPU
from pagemill.domain.work.outcomes import PageRead
from pagemill.domain.work.recognition import Stage
from pagemill.store.database import Database
from pagemill.store.page_queue import SqlPageQueue

async def commit_all():
    database = Database(sys.argv[1])
    await database.start()
    queue = SqlPageQueue(database, SystemClock())
    kind = PageKind(Stage.OCR, alone=False, device=CPU)
    while lease := await queue.claim_pages("a", kind, limit=4, owner="dead", lease_for=timedelta(hours=1)):
        for number in lease.pages:
            await queue.commit_pages(lease, [PageRead(number, b"x" * 20000, 1.0, 0)])
            print(number, flush=True)

asyncio.run(commit_all())
"""


def _kill_after(url: str, commits: int) -> list[int]:
    """Let a process commit, kill it after so many pages, and say which pages it had told of."""
    with subprocess.Popen([sys.executable, "-c", COMMITTER, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(commits)]
        process.kill()
        return told + [int(line) for line in process.stdout if line.endswith(b"\n")]


@pytest.mark.parametrize("commits", [1, 2, 11])
async def test_a_killed_server_loses_no_committed_page_and_leaves_the_rest_to_others(
    clean_database: CleanDatabase, commits: int
) -> None:
    url = clean_database("sqlite")
    async with start_database(url) as database:
        stores = Stores(database, TurnedClock())
        await stores.add_running("a", pages=PAGES)
        told = _kill_after(url, commits)

        check = text("PRAGMA integrity_check")
        assert await database.read(lambda connection: connection.execute(check).scalar_one()) == "ok"
        done = [page.number for page in await stores.tasks.pages("a") if page.state is PageState.DONE]
        events = await stores.events.read("a")
        assert set(told) <= set(done)
        assert len(done) - len(told) <= 1
        assert [entry.details["page"] for entry in events if entry.event_type is TaskEvent.PAGE_DONE] == done
        assert (await stores.tasks.get("a")).pages_done == len(done)
        assert len([result async for result in stores.tasks.results("a")]) == len(done)

        await stores.pages.rescue(owner="dead")
        lease = await stores.claim("a", limit=PAGES)
        assert set(lease.pages) == set(range(1, PAGES + 1)) - set(done)
        for number in lease.pages:
            await stores.pages.commit_pages(lease, [read_page(number)])
        assert [task.status for task in await stores.pages.finish_completed()] == [TaskStatus.SUCCEEDED]
