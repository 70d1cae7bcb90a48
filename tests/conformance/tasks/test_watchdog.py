"""The last net, on both databases: parts are broken on purpose, and what they forget is found, told and ended."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores
from tests.fixtures.tasks_room import OWNER, Room, Working, eventually

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, DeviceId, MemoryLevel
from pagemill.domain.ports import Clock
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import TaskStatus
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.store.database import Database
from pagemill.store.page_queue import SqlPageQueue
from pagemill.tasks.duties.watchdog import Watchdog, WatchdogConfig
from pagemill.tasks.work.chunks import ChunkConfig

CONFIG = WatchdogConfig(silence=timedelta(minutes=10))
LOOK = timedelta(seconds=30)

Forget = Callable[[PageKind], PageKind | None]
FORGETS: dict[str, Forget] = {
    "all of it": lambda _: None,
    "that it may be alone": lambda kind: replace(kind, alone=True),
    "where it is": lambda kind: replace(kind, device=DeviceId("cuda:9")),
}


class ForgetfulPages(SqlPageQueue):
    """Its backlog does not say what a claim would need."""

    def __init__(self, database: Database, clock: Clock, forget: Forget, *, of: str = "a") -> None:
        super().__init__(database, clock)
        self._forget = forget
        self._of = of

    async def backlog(self, limit: int = 256) -> Sequence[Backlog]:
        return [self._forget_backlog(backlog) for backlog in await super().backlog(limit)]

    def _forget_backlog(self, backlog: Backlog) -> Backlog:
        if backlog.task_id != self._of:
            return backlog
        told = ((self._forget(kind), pages) for kind, pages in backlog.waiting.items())
        return replace(backlog, waiting={kind: pages for kind, pages in told if kind is not None})


@dataclass
class Site:
    """A room with its watchdog."""

    room: Room

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(
            CONFIG,
            overdue=self.room.stores.overdue,
            dispatcher=self.room.dispatcher,
            tally=self.room.handlers.tally,
            watch=self.room.watch,
            clock=self.room.stores.clock,
        )

    @property
    def stalled(self) -> int:
        return self.room.handlers.tally.work_done().tasks_stalled

    async def pass_time(self, time: timedelta, *, every: timedelta = LOOK) -> None:
        """Plan, work and look, again and again."""
        end = self.room.stores.clock.now() + time
        while self.room.stores.clock.now() < end:
            self.room.stores.clock.turn(every)
            await self.room.stores.pages.rescue()
            await self.room.dispatcher.run_once()
            await self.rest()
            await self.watchdog.run_once()

    async def look(self) -> None:
        """Twice, with the time between that a task may be silent."""
        for turn in (CONFIG.interval, CONFIG.silence):
            self.room.stores.clock.turn(turn)
            await self.watchdog.run_once()

    async def rest(self) -> None:
        """Until what was begun has come as far as it can."""
        while works := self.room.dispatcher.works():
            await asyncio.wait(works, timeout=0.2)
            if works == self.room.dispatcher.works():
                return

    async def end(self) -> None:
        await self.room.dispatcher.stop()
        await self.room.follower.stop()


@pytest.mark.parametrize("forget", FORGETS.values(), ids=FORGETS)
@pytest.mark.parametrize("neighbour", ["alone", "behind others that are served"])
async def test_a_page_that_the_plan_forgets_is_found_told_and_ended(
    stores: Stores, tmp_path: Path, forget: Forget, neighbour: str
) -> None:
    site = Site(Room(stores, tmp_path, pages=ForgetfulPages(stores.database, stores.clock, forget)))
    await stores.add_running("a")
    if neighbour != "alone":
        for number in range(3):
            await stores.add_running(f"b{number}", pages=60)
    await site.pass_time(CONFIG.silence)
    assert site.stalled == 0
    await site.pass_time(3 * LOOK)
    if neighbour != "alone":
        assert await stores.pages.backlog(), "the others were served all the time"
    task = await stores.tasks.get("a")
    assert (task.status, task.failure_reason) == (TaskStatus.FAILED, TaskFailureReason.INTERNAL_ERROR)
    assert (await site.room.kinds("a")).count(TaskEvent.STALLED) == 1
    assert site.stalled == 1
    await site.end()


async def test_what_it_ends_is_let_go_of(stores: Stores, tmp_path: Path) -> None:
    hangs = Working(1)
    site = Site(Room(stores, tmp_path, script=hangs))
    await stores.add_running("a")
    await site.room.dispatcher.run_once()
    await hangs.reached.wait()
    await site.look()
    assert site.stalled == 1

    async def let_go() -> bool:
        return not site.room.dispatcher.holds("a") and site.room.fake_pool.held == 0

    await eventually(let_go)
    await site.end()


async def test_a_cancel_that_nobody_carries_out_is_ended_as_a_cancel(stores: Stores, tmp_path: Path) -> None:
    site = Site(Room(stores, tmp_path))
    await stores.add_running("a")
    await stores.claim("a", limit=1)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    await site.look()
    assert (await stores.tasks.get("a")).status is TaskStatus.CANCELLED
    await site.end()


async def test_who_waits_behind_a_long_document_is_left_alone(stores: Stores, tmp_path: Path) -> None:
    long = Working()
    site = Site(Room(stores, tmp_path, script=long, config=ChunkConfig(owner=OWNER)))
    await stores.add_running("long", pages=4)
    await site.room.dispatcher.run_once()
    await long.reached.wait()
    await stores.add_running("short", pages=1)
    await site.room.dispatcher.run_once()
    for _ in range(3):
        stores.clock.turn(CONFIG.silence)
        assert site.room.dispatcher.has_in_line("short")
        await site.room.dispatcher.run_once()
    long.go_on.set()
    await site.end()


async def test_a_lack_of_memory_is_no_fault(stores: Stores, tmp_path: Path) -> None:
    site = Site(Room(stores, tmp_path))
    site.room.memory.levels[CPU] = MemoryLevel.HARD
    await stores.add_running("a")
    await site.pass_time(2 * CONFIG.silence)
    assert (await stores.tasks.get("a")).status is TaskStatus.RUNNING
    assert site.stalled == 0
    await site.end()


async def test_what_was_silent_while_the_server_was_down_is_not_ended(stores: Stores, tmp_path: Path) -> None:
    await stores.add_running("a")
    stores.clock.turn(10 * CONFIG.silence)
    site = Site(Room(stores, tmp_path))
    await site.watchdog.run_once()
    await site.watchdog.run_once()
    assert (await stores.tasks.get("a")).status is TaskStatus.RUNNING
    await site.end()


async def test_it_starts_and_stops_twice(stores: Stores, tmp_path: Path) -> None:
    site = Site(Room(stores, tmp_path))
    for _ in range(2):
        await site.watchdog.start()
        await site.watchdog.stop()
        await site.watchdog.stop()
