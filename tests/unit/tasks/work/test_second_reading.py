"""Doubtful pages are read again by an assisting engine; whatever goes wrong with that, the first reading stays."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores
from tests.fixtures.tasks_room import Room, some_pages

from pagemill.domain.errors import PoolExhausted, TaskFailureReason
from pagemill.domain.memory import CPU, MIB, MemoryNeed, MemorySeed
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.ports import OnPage
from pagemill.domain.task.task import PageState
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, PageRead, WorkerLoss
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions
from pagemill.engines.registry import engine_specs
from pagemill.store.page_results import SqlPageResults
from pagemill.tasks.decisions.assistance import Assistance, assistance_for, remedy_for
from pagemill.testing.pool import FakeServicePool

FIRST, SECOND = "first", "second"
_SEED = MemorySeed(base=MemoryNeed(MIB))
ASSISTANT = EngineSpec(
    name="scripts",
    factory="nowhere:load",
    profiles=(EngineProfile("accurate", _SEED, ("he", "ru"), loads_languages=True, default_languages=("he", "ru")),),
    more_languages="Install more.",
    assists=True,
)
ENGINES = {**engine_specs(), "scripts": ASSISTANT}

Failure = Callable[[ChunkParams, OnPage], Awaitable[ChunkOutcome]]


def read(number: int, said: str, *, is_doubtful: bool) -> PageRead:
    page = Page(number=number, width_px=1, height_px=1, dpi=None, source=PageSource.OCR, engine=said)
    return PageRead(number, page.to_json(), seconds=1.0, peak_bytes=1, pixels=1, is_doubtful=is_doubtful)


@dataclass
class TwoEngines:
    """The first finds page 2 doubtful; the assistant reads what it is given, or fails in some way."""

    failure: Failure | None = None
    first_loss: WorkerLoss | None = None
    asked: list[ChunkParams] = field(default_factory=list)

    async def __call__(self, _task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
        if not params.first_reading:
            pages = params.pages if self.first_loss is None else params.pages[:2]
            for number in pages:
                await on_page(read(number, FIRST, is_doubtful=number == 2))
            return ChunkOutcome(pages, self.first_loss)
        self.asked.append(params)
        if self.failure is not None:
            return await self.failure(params, on_page)
        await on_page(read(params.pages[0], SECOND, is_doubtful=False))
        return ChunkOutcome(params.pages)


async def fail_page(params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
    await on_page(PageFailed(params.pages[0], TaskFailureReason.OUT_OF_MEMORY, "Too much.", retryable=True))
    return ChunkOutcome(params.pages)


async def lose_worker(params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
    del on_page
    return ChunkOutcome((), WorkerLoss(LossCause.KERNEL_OOM, "It was killed.", page=params.pages[0]))


async def find_no_room(params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
    del params, on_page
    return ChunkOutcome(())


async def readings(stores: Stores) -> list[str | None]:
    results = SqlPageResults(stores.database)
    payloads = [await results.page_result("a", number) for number in (1, 2, 3)]
    return [None if payload is None else Page.from_json(payload).engine for payload in payloads]


@pytest.fixture
def room_of(stores: Stores, tmp_path: Path) -> Callable[[TwoEngines], Room]:
    return lambda script: Room(stores, tmp_path, script=script, engines=ENGINES)


async def test_only_doubtful_pages_are_read_again(room_of: Callable[[TwoEngines], Room], stores: Stores) -> None:
    script = TwoEngines()
    room = room_of(script)
    await stores.add_running(pages=3)
    assert await room.chunks.run(some_pages())
    assert await readings(stores) == [FIRST, SECOND, FIRST]
    assert [params.pages for params in script.asked] == [(2,)]
    assert room.fake_pool.held == 0


@pytest.mark.parametrize("failure", [fail_page, lose_worker, find_no_room])
async def test_the_first_reading_stays_where_the_second_fails(
    room_of: Callable[[TwoEngines], Room], stores: Stores, failure: Failure
) -> None:
    room = room_of(TwoEngines(failure))
    await stores.add_running(pages=3)
    assert await room.chunks.run(some_pages())
    assert await readings(stores) == [FIRST] * 3
    assert await room.states() == [PageState.DONE] * 3
    assert room.fake_pool.held == 0


async def test_the_first_reading_stays_where_no_service_is_free(stores: Stores, tmp_path: Path) -> None:
    script = TwoEngines()
    acquired: list[None] = []

    def refuse_second() -> None:
        acquired.append(None)
        if len(acquired) > 1:
            raise PoolExhausted("All are busy.")

    pool = FakeServicePool(ENGINES, {CPU: 1}, script=script, on_acquire=refuse_second)
    room = Room(stores, tmp_path, pool=pool, engines=ENGINES)
    await stores.add_running(pages=3)
    assert await room.chunks.run(some_pages())
    assert await readings(stores) == [FIRST] * 3


async def test_a_doubtful_page_is_not_lost_with_the_worker_of_the_next(
    room_of: Callable[[TwoEngines], Room], stores: Stores
) -> None:
    room = room_of(TwoEngines(first_loss=WorkerLoss(LossCause.CRASH, "It crashed.", page=3)))
    await stores.add_running(pages=3)
    await room.chunks.run(some_pages())
    assert (await room.states())[:2] == [PageState.DONE] * 2
    assert await readings(stores) == [FIRST, SECOND, None]


@pytest.mark.parametrize(
    ("languages", "expected"),
    [((), Assistance("scripts")), (("ru", "en"), Assistance("scripts", ("ru",))), (("en",), None)],
)
def test_a_task_gets_help_with_the_languages_it_names(languages: tuple[str, ...], expected: Assistance | None) -> None:
    options = RecognitionOptions(languages=languages)
    assert assistance_for(ENGINES, options) == expected
    assert remedy_for(ENGINES, options) == ("" if languages else "Install more.")


def test_without_an_assistant_there_is_no_help() -> None:
    without = {name: spec for name, spec in ENGINES.items() if not spec.assists}
    assert assistance_for(without, RecognitionOptions()) is None
    assert assistance_for({"scripts": replace(ASSISTANT, unusable="Not here.")}, RecognitionOptions()) is None


def test_auto_among_languages_means_to_find_out() -> None:
    assert RecognitionOptions.model_validate({"languages": ["auto"]}) == RecognitionOptions()
    assert RecognitionOptions.model_validate({"languages": ["de", "auto"]}).languages == ()
