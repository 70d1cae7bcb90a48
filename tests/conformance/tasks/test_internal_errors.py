"""Whatever is raised, and wherever: a task ends within a bounded number of tries, with pauses, and holds nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.fixtures.stores import MINUTE, Stores, kind_of, read_page
from tests.fixtures.tasks_room import OWNER, Room, some_pages

from pagemill.domain.errors import (
    DatabaseUnavailable,
    DeviceUnavailable,
    EngineFailed,
    OutOfMemory,
    PagemillError,
    StaleLease,
    TaskFailureReason,
)
from pagemill.domain.memory import CPU, DeviceId, MemoryNeed
from pagemill.domain.ports import OnPage
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageLease, PageState, Rung, Task, TaskStatus
from pagemill.domain.work.backlog import PageKind
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, PageNeedsOcr, PageRead, WorkerLoss
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ChunkParams, Stage
from pagemill.engines.registry import engine_specs
from pagemill.store.event_log import SqlEventLog
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.resources import SqlResourceLog
from pagemill.tasks.work.batch_sizes import BatchSizes
from pagemill.tasks.work.chunk_params import ChunkParamsMaker, ChunkRules
from pagemill.tasks.work.chunks import ChunkConfig
from pagemill.testing.pool import FakeServicePool

FOR_EVER = 1_000
MOST_TRIES = 12
"""Of any one thing: three attempts for each of two pages, one by one, and three of the task."""
ONE_HOUR = 60 * MINUTE
DEAD = "Something went wrong on our side. Look for the error id "


@dataclass
class Sabotage:
    """Raises at one place, some times.

    Attributes:
        where: The place.
        error: What is raised there.
        times: How often.
        tries: How often each place was come to.
    """

    where: str
    error: Callable[[], Exception]
    times: int = FOR_EVER
    tries: Counter[str] = field(default_factory=Counter)

    def at(self, place: str) -> None:
        """Raise, if this is the place."""
        self.tries[place] += 1
        if place == self.where and self.tries[place] <= self.times:
            raise self.error()


class FaultyPages(SqlPageQueue):
    sabotage: Sabotage

    async def claim_pages(
        self, task_id: str, kind: PageKind, *, limit: int, owner: str, lease_for: timedelta
    ) -> PageLease | None:
        self.sabotage.at("claim")
        return await super().claim_pages(task_id, kind, limit=limit, owner=owner, lease_for=lease_for)

    async def commit_pages(self, lease: PageLease, outcomes: Sequence[PageRead | PageNeedsOcr]) -> None:
        for place in ("commit", *(f"commit page {outcome.number}" for outcome in outcomes)):
            self.sabotage.at(place)
        await super().commit_pages(lease, outcomes)

    async def fail_page(
        self,
        lease: PageLease,
        failure: PageFailed,
        *,
        retry_in: timedelta | None,
        crashed: bool = False,
        rung: Rung | None = None,
        device: DeviceId | None = None,
        quarantined: Sequence[Circumstances] = (),
    ) -> None:
        self.sabotage.at("fail any page")
        if failure.reason is not TaskFailureReason.INTERNAL_ERROR:
            self.sabotage.at("fail page")
        await super().fail_page(
            lease, failure, retry_in=retry_in, crashed=crashed, rung=rung, device=device, quarantined=quarantined
        )

    async def give_back(
        self, lease: PageLease, pages: Sequence[int], *, refused: bool = False, need: MemoryNeed | None = None
    ) -> None:
        self.sabotage.at("give back")
        await super().give_back(lease, pages, refused=refused, need=need)


class FaultyResources(SqlResourceLog):
    sabotage: Sabotage

    async def record_acquired(self, task_id: str, service: str, details: Details) -> None:
        self.sabotage.at("acquired")
        await super().record_acquired(task_id, service, details)

    async def record_released(self, task_id: str, details: Details) -> Task:
        self.sabotage.at("released")
        return await super().record_released(task_id, details)


class FaultyEvents(SqlEventLog):
    sabotage: Sabotage

    async def append(self, task_id: str, event: TaskEvent, details: Details | None = None) -> None:
        self.sabotage.at(event.value)
        await super().append(task_id, event, details)


@dataclass(frozen=True)
class FaultyStores(Stores):
    """A store that raises where it is told to."""

    sabotage: Sabotage = field(kw_only=True)

    @property
    def pages(self) -> SqlPageQueue:
        pages = FaultyPages(self.database, self.clock)
        pages.sabotage = self.sabotage
        return pages

    @property
    def resources(self) -> SqlResourceLog:
        resources = FaultyResources(self.database, self.clock)
        resources.sabotage = self.sabotage
        return resources

    @property
    def events(self) -> SqlEventLog:
        events = FaultyEvents(self.database, self.clock)
        events.sabotage = self.sabotage
        return events


class FaultyParams(ChunkParamsMaker):
    sabotage: Sabotage

    def make(self, lease: PageLease, device: DeviceId) -> ChunkParams:
        self.sabotage.at("make")
        return super().make(lease, device)

    def learn(self, lease: PageLease, device: DeviceId) -> None:
        self.sabotage.at("learn")
        super().learn(lease, device)


PLACES = {
    "claim": "read",
    "acquire": "read",
    "acquired": "read",
    "make": "read",
    "process": "read",
    "commit": "read",
    "learn": "read",
    "release": "read",
    "released": "read",
    "fail page": "fail",
    "fail any page": "fail",
    "give back": "nothing",
    "worker_lost": "crash",
    "oom_recovery": "no memory",
}
"""Where something may be raised, and what becomes of pages where it is not."""
CHARGED = {"acquire", "acquired", "make", "process", "commit", "worker_lost", "oom_recovery", "fail page"}
"""Where a fault of ours is an attempt of each page."""
COUNTED = {"claim", "fail any page", "give back"}
"""Where no page can bear it, so that it is counted by task."""
SURPRISES: dict[str, Callable[[], Exception]] = {
    "ValueError": lambda: ValueError("A string literal cannot contain NUL (0x00) characters."),
    "MemoryError": MemoryError,
}
ERRORS: dict[str, Callable[[], Exception]] = {
    "retryable": lambda: EngineFailed("It failed."),
    "final": lambda: DeviceUnavailable("There is no such device."),
    "memory": lambda: OutOfMemory("There was none."),
    "no reason": lambda: PagemillError("An error of ours without a kind."),
}
PASSING: dict[str, Callable[[], Exception]] = {
    "database away": lambda: DatabaseUnavailable("It is away."),
    "stale": lambda: StaleLease("Another's."),
}


@dataclass
class Site:
    """A task of two pages whose work is sabotaged."""

    room: Room
    pool: FakeServicePool
    sabotage: Sabotage

    async def task(self) -> Task:
        return await self.room.stores.tasks.get("a")

    async def until_it_ends(self, *, stage: Stage = Stage.OCR) -> Task:
        """Work on it as the dispatcher does, pause by pause, and see that a pause is kept."""
        for _ in range(MOST_TRIES):
            for alone in (False, True):
                await self.room.chunks.run(replace(some_pages(stage=stage), kind=kind_of(stage, alone=alone)))
            if (await self.task()).status.is_final:
                break
            if not isinstance(self.sabotage.error(), DatabaseUnavailable | StaleLease):
                await self._check_a_pause_is_kept()
            self.room.stores.clock.turn(ONE_HOUR)
            await self.room.stores.pages.rescue()
        return await self.task()

    async def _check_a_pause_is_kept(self) -> None:
        """Nothing of it is worked again before some time has passed, unless something of it was settled."""
        before = self.sabotage.tries[self.sabotage.where]
        if not await self.room.chunks.run(some_pages()):
            assert self.sabotage.tries[self.sabotage.where] == before

    async def check_nothing_is_held(self) -> None:
        assert self.pool.held == 0
        assert self.room.handlers.services_of("a") == ()
        assert PageState.LEASED not in await self.room.states()


async def site(stores: Stores, work_dir: Path, sabotage: Sabotage, *, stage: Stage = Stage.OCR) -> Site:
    usually = PLACES.get(sabotage.where, "read")

    async def script(_task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        sabotage.at("process")
        if usually == "nothing":
            return ChunkOutcome(())
        if usually == "crash":
            return ChunkOutcome((), WorkerLoss(LossCause.CRASH, "It died.", page=params.pages[0]))
        for number in params.pages:
            await on_page(_outcome(number, usually))
        return ChunkOutcome(params.pages)

    on_acquire, on_release = partial(sabotage.at, "acquire"), partial(sabotage.at, "release")
    pool = FakeServicePool(engine_specs(), {CPU: 1}, script=script, on_acquire=on_acquire, on_release=on_release)
    params = FaultyParams(ChunkRules(), engines=engine_specs(), sizes=BatchSizes())
    params.sabotage = sabotage
    faulty = FaultyStores(stores.database, stores.clock, sabotage=sabotage)
    config = ChunkConfig(owner=OWNER, write_again_after=timedelta(0))
    await stores.add_running(pages=2, stage=stage)
    return Site(Room(faulty, work_dir, pool=pool, params=params, config=config), pool, sabotage)


def _outcome(number: int, usually: str) -> PageRead | PageFailed:
    if usually == "read":
        return read_page(number)
    reason = TaskFailureReason.OUT_OF_MEMORY if usually == "no memory" else TaskFailureReason.ENGINE_ERROR
    return PageFailed(number, reason, "It went wrong.", retryable=True)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", [*SURPRISES, *ERRORS])
async def test_a_task_ends_wherever_an_error_is_raised_for_ever(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, where: str, kind: str
) -> None:
    sabotage = Sabotage(where, (SURPRISES | ERRORS)[kind])
    here = await site(stores, tmp_path, sabotage)
    task = await here.until_it_ends()
    assert task.status.is_final, await here.room.kinds()
    assert sabotage.tries[where] <= MOST_TRIES
    await here.check_nothing_is_held()
    if kind in SURPRISES and where in CHARGED | COUNTED:
        assert (task.status, task.failure_reason) == (TaskStatus.FAILED, TaskFailureReason.INTERNAL_ERROR)
        assert task.failure_message is not None
        assert task.failure_message.startswith(DEAD)
        error_id = task.failure_message.removeprefix(DEAD).split(" ", 1)[0]
        assert f"Error {error_id}: " in caplog.text
    if kind in SURPRISES and where in CHARGED:
        assert [page.attempts for page in await stores.tasks.pages("a")] == [3, 3]


@pytest.mark.parametrize("where", [place for place, usually in PLACES.items() if usually == "read"])
@pytest.mark.parametrize("kind", [*SURPRISES, *PASSING])
async def test_what_passes_costs_no_page(stores: Stores, tmp_path: Path, *, where: str, kind: str) -> None:
    here = await site(stores, tmp_path, Sabotage(where, (SURPRISES | PASSING)[kind], times=2))
    task = await here.until_it_ends()
    assert task.status is TaskStatus.SUCCEEDED, await here.room.kinds()
    await here.check_nothing_is_held()
    if kind in PASSING:
        assert {page.attempts for page in await stores.tasks.pages("a")} == {0}


@pytest.mark.parametrize("kind", SURPRISES)
async def test_a_page_that_cannot_be_stored_takes_no_other_along(stores: Stores, tmp_path: Path, kind: str) -> None:
    here = await site(stores, tmp_path, Sabotage("commit page 2", SURPRISES[kind]), stage=Stage.TEXT)
    task = await here.until_it_ends(stage=Stage.TEXT)
    assert (task.status, task.pages_done) == (TaskStatus.PARTIALLY_SUCCEEDED, 1)
    assert [(page.state, page.attempts) for page in await stores.tasks.pages("a")] == [
        (PageState.DONE, 0),
        (PageState.FAILED, 3),
    ]
