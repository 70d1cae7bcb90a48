"""Measures tasks per second through the queue, and its cost per page: `python -m benchmarks.queue`.

The whole way of a task, submit, let in, claim, commit, finish, clean up, through the product's own dispatcher, with a
pool that reads nothing. On SQLite and on a private PostgreSQL with fsync on; beside Procrastinate, one job for a task,
on the same PostgreSQL in the same run (`pip install -r requirements-bench.txt`; without it that row is skipped). Best
of `--rounds`, because a busy machine only ever slows a run down.
"""

import argparse
import asyncio
import importlib
import importlib.util
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from tests.fixtures.postgres import PostgresServer, private_server
from tests.fixtures.stores import RunningClock, Stores, new_task
from tests.fixtures.tasks_room import OWNER, Room

from pagemill.domain.memory import CPU
from pagemill.domain.task.task import NewTask
from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.tables import tasks
from pagemill.store.task_queue import QueueConfig
from pagemill.tasks.decisions.plan import READER_LANE
from pagemill.tasks.work.chunks import ChunkConfig

REAL_PAGE_SECONDS = 0.58
"""One real page on two cores (docs: benchmarks.throughput)."""
PLACES = 8
ENDLESS = 1_000_000
LOOK_SECONDS = 0.05
"""Seconds between two checks whether all is done: few enough checks to cost nothing."""


@dataclass(frozen=True)
class Cost:
    """The cost of a run."""

    seconds: float
    cpu_seconds: float


async def run_pagemill(url: str, new: list[NewTask]) -> Cost:
    """Submit the tasks while the dispatcher works them, until the last is cleaned up."""
    stores = Stores(Database(url), RunningClock(), QueueConfig(max_queue_size=ENDLESS))
    with tempfile.TemporaryDirectory() as work_dir:
        room = Room(
            stores,
            Path(work_dir),
            config=ChunkConfig(owner=OWNER),
            capacity={CPU: PLACES, READER_LANE: 1},
            interval=timedelta(milliseconds=500),
        )
        async with AsyncExitStack() as stack:
            await stores.database.start()
            stack.push_async_callback(stores.database.stop)
            await room.dispatcher.start()
            stack.push_async_callback(room.dispatcher.stop)
            started, cpu = time.perf_counter(), time.process_time()
            for task in new:
                await stores.queue.submit(task)
                room.dispatcher.wake()
            while await _has_unfinished(stores):  # noqa: ASYNC110 - it lies in the database
                await asyncio.sleep(LOOK_SECONDS)
            cost = Cost(time.perf_counter() - started, time.process_time() - cpu)
            await room.follower.stop()
            return cost


async def _has_unfinished(stores: Stores) -> bool:
    unfinished = select(tasks.c.task_id).where(tasks.c.resource_cleanup_completed.is_(False)).limit(1)
    return await stores.database.read(lambda connection: connection.execute(unfinished).first() is not None)


async def run_procrastinate(url: str, jobs: int) -> Cost:
    """The same number of jobs that do nothing, deferred one by one, then worked by as many at a time."""
    procrastinate = importlib.import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    async def do_nothing() -> None:
        return None

    task = app.task(name="nothing")(do_nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        started, cpu = time.perf_counter(), time.process_time()
        for _ in range(jobs):
            await task.defer_async()
        await app.run_worker_async(concurrency=PLACES, wait=False, install_signal_handlers=False)
        return Cost(time.perf_counter() - started, time.process_time() - cpu)


def one_page_tasks(count: int) -> list[NewTask]:
    """Short documents."""
    return [new_task(f"task-{number:06}", pages=1) for number in range(count)]


@dataclass(frozen=True)
class Places:
    """Where fresh databases come from."""

    folder: Path
    postgres: PostgresServer

    @contextmanager
    def sqlite(self) -> Iterator[str]:
        """A migrated file."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            url = f"sqlite:///{folder}/queue.db"
            migrate.upgrade(url)
            yield url

    @contextmanager
    def postgresql(self, *, migrated: bool = True) -> Iterator[str]:
        """A database."""
        url = self.postgres.create("bench")
        if migrated:
            migrate.upgrade(url)
        yield url
        self.postgres.drop("bench")


def run_best(rounds: int, run: Callable[[], Awaitable[Cost]]) -> Cost:
    """The quickest of some runs."""

    async def run_once() -> Cost:
        return await run()

    return min((asyncio.run(run_once()) for _ in range(rounds)), key=lambda cost: cost.seconds)


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, private_server(["shared_buffers=128MB"]) as postgres:
        places = Places(Path(folder), postgres)
        _print_tasks(places, given.tasks, given.rounds)
        _print_pages(places, given.pages, given.rounds)


def _print_tasks(places: Places, count: int, rounds: int) -> None:
    table = Table("queue", "tasks/s", "CPU ms a task", title=f"{count} tasks of one page, submit to finish")

    def add(name: str, cost: Cost) -> None:
        table.add_row(name, f"{count / cost.seconds:.0f}", f"{1000 * cost.cpu_seconds / count:.1f}")

    async def sqlite() -> Cost:
        with places.sqlite() as url:
            return await run_pagemill(url, one_page_tasks(count))

    async def postgresql() -> Cost:
        with places.postgresql() as url:
            return await run_pagemill(url, one_page_tasks(count))

    async def procrastinate() -> Cost:
        with places.postgresql(migrated=False) as url:
            return await run_procrastinate(url, count)

    add("Pagemill, SQLite", run_best(rounds, sqlite))
    add("Pagemill, PostgreSQL", run_best(rounds, postgresql))
    if importlib.util.find_spec("procrastinate") is None:
        table.add_row("Procrastinate, PostgreSQL", "skipped: not installed", "requirements-bench.txt")
    else:
        add("Procrastinate, PostgreSQL", run_best(rounds, procrastinate))
    Console().print(table)


def _print_pages(places: Places, pages: int, rounds: int) -> None:
    title = f"one document of {pages} pages; a real page takes {REAL_PAGE_SECONDS} s"
    table = Table("queue", "ms a page", "CPU ms a page", "CPU, share of a page", title=title)

    async def sqlite() -> Cost:
        with places.sqlite() as url:
            return await run_pagemill(url, [new_task("long", pages=pages)])

    async def postgresql() -> Cost:
        with places.postgresql() as url:
            return await run_pagemill(url, [new_task("long", pages=pages)])

    for name, run in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        cost = run_best(rounds, run)
        each = cost.seconds / pages
        cpu_each = cost.cpu_seconds / pages
        share = f"{cpu_each / REAL_PAGE_SECONDS:.2%}"
        table.add_row(name, f"{1000 * each:.2f}", f"{1000 * cpu_each:.2f}", share)
    Console().print(table)


if __name__ == "__main__":
    main()
