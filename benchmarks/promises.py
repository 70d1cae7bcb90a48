"""Measures what it costs to keep promises through a power failure: `python -m benchmarks.promises`.

Submitting a task, which is synced to the disk before its sender is told, and committing a page, which on SQLite is not;
each beside the other way of doing it, turn by turn, so that a busy machine slows both. The last row is the disk's own
share: one sync of as many bytes as a submission writes.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection
from tests.fixtures.postgres import private_server
from tests.fixtures.stores import RunningClock, Stores, new_task, read_page

from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.task_queue import QueueConfig

T = TypeVar("T")
SUBMISSION_BYTES = 40_000
"""The approximate growth of SQLite's log for a submission."""
_LAZILY = "SET LOCAL synchronous_commit = off"


class Synced(Database):
    """Syncs every transaction."""

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """As `Database`."""
        del durable
        return await super().write(work, durable=True)


class Unsynced(Database):
    """Syncs none."""

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """As `Database`."""
        del durable

        def write_lazily(connection: Connection) -> T:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_LAZILY)
            return work(connection)

        return await super().write(write_lazily, durable=False)


async def measure(url: str, count: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of a step, synced and not."""
    places = [Stores(kind(url), RunningClock(), QueueConfig(max_queue_size=10**6)) for kind in (Synced, Unsynced)]
    submits: list[list[float]] = [[], []]
    commits: list[list[float]] = [[], []]
    for stores in places:
        await stores.database.start()
    for place, stores in enumerate(places):
        await stores.add_running(f"long-{place}", pages=count)
    leases = [await stores.claim(f"long-{place}", limit=count) for place, stores in enumerate(places)]
    for number in range(1, count + 1):
        for place, stores in enumerate(places):
            started = time.perf_counter()
            await stores.queue.submit(new_task(f"task-{number:06}-{place}", pages=1))
            submitted = time.perf_counter()
            await stores.pages.commit_pages(leases[place], [read_page(number, b"{}" * 1000)])
            submits[place].append(submitted - started)
            commits[place].append(time.perf_counter() - submitted)
    for stores in places:
        await stores.database.stop()
    found = {"submit a task": submits, "commit a page": commits}
    return {step: (1000 * median(synced), 1000 * median(unsynced)) for step, (synced, unsynced) in found.items()}


def sync_ms(folder: str, count: int) -> float:
    """One sync of this disk."""
    took = []
    with (Path(folder) / "sync").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(SUBMISSION_BYTES))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    return 1000 * median(took)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--folder", default=".", help="Where the databases lie: the disk that is measured.")
    given = parser.parse_args()
    table = Table("database", "step", "ms synced", "ms not synced", title=f"median of {given.count}, one at a time")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, private_server(["shared_buffers=128MB"]) as postgres:
        for name, url in (("SQLite", f"sqlite:///{folder}/queue.db"), ("PostgreSQL", postgres.create("bench"))):
            migrate.upgrade(url)
            for step, (synced, unsynced) in asyncio.run(measure(url, given.count)).items():
                table.add_row(name, step, f"{synced:.2f}", f"{unsynced:.2f}")
        table.add_row("", f"sync {SUBMISSION_BYTES // 1000} kB", f"{sync_ms(folder, given.count):.2f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
