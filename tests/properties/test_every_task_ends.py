"""Whatever becomes of pages, memory, servers and patience: every task ends, in time, and leaves nothing behind.

Real queue (on both databases), plan, ladder, error handler, ledger, dispatcher and duties; see `tests.fixtures.world`.
`pytest --hypothesis-profile=thorough tests/properties/test_every_task_ends.py` tries fifty times as much.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import Stores, TurnedClock, start_database
from tests.fixtures.world import GPU, LIMITS, SILENCE, TICK, UNIT, World
from tests.fixtures.world_plans import ENDLESS, NEUTRAL, Deed, DocumentPlan, Fate, Happening, PagePlan

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.task.task import PageState, RetryPolicy, Rung, TaskPage, TaskStatus
from pagemill.domain.work.recognition import Stage
from pagemill.store.task_queue import QueueConfig

TRIES = RetryPolicy().max_attempts + RetryPolicy().max_crashes + len(Rung) + len(Stage)
"""How often a page is settled at most; between two times no more than `SILENCE` passes."""

FATES = st.sampled_from(Fate)
PAGES = st.builds(
    PagePlan,
    first=st.lists(FATES, max_size=3).map(tuple),
    then=st.just(Fate.READ) | st.sampled_from(ENDLESS),
    size=st.sampled_from((1, 1, 3, 4, 6, 9)),
)
DOCUMENTS = st.builds(
    DocumentPlan,
    pages=st.lists(PAGES, min_size=1, max_size=3).map(tuple),
    stage=st.sampled_from(Stage),
    device=st.sampled_from((CPU, GPU)),
    structure=st.booleans(),
    may_lower_resolution=st.booleans(),
    priority=st.sampled_from((0, 0, 50)),
    caller=st.sampled_from(("", "a", "b")),
    after_ticks=st.sampled_from((0, 0, 3)),
)
HAPPENINGS = st.builds(
    Happening,
    deed=st.sampled_from(Deed),
    after_ticks=st.sampled_from((0, 1, 12)),
    which=st.integers(0, 3),
    size=st.sampled_from((2, 4, 8)),
)
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def _examples(few: int) -> int:
    """So many where the usual number of examples is asked for; more by the profile."""
    return few * settings().max_examples // 100


async def _live(
    url: str,
    folder: Path,
    documents: Sequence[DocumentPlan],
    happenings: Sequence[Happening],
    *,
    cpu_places: int = 2,
) -> World:
    async with start_database(url) as database:
        stores = Stores(database, TurnedClock(), QueueConfig(max_queue_size=100))
        world = World(stores, folder, documents, cpu_places=cpu_places)
        left, quiet = list(happenings), 0
        most = sum(len(document.pages) for document in documents) * TRIES * (SILENCE // TICK)
        waited = 0
        while left or len(world.sent) < len(documents) or await world.list_unfinished():
            if len(world.sent) < len(documents) and documents[len(world.sent)].after_ticks <= waited:
                await world.send()
                waited = quiet = 0
            elif left and left[0].after_ticks <= waited:
                await world.happen(left.pop(0))
                waited = quiet = 0
            else:
                waited, quiet = waited + 1, quiet + 1
                await world.tick()
            await world.work()
            assert quiet <= most, [
                await world.stores.tasks.pages(task.task_id) for task in await world.list_unfinished()
            ]
        await world.stop()
        await world.check_what_is_left()
        return world


@pytest.mark.parametrize(("backend", "examples"), [("sqlite", 25), ("postgresql", 8)])
def test_every_task_ends(backend: str, examples: int, clean_database: CleanDatabase, tmp_path: Path) -> None:
    @settings(QUIET, max_examples=_examples(examples))
    @given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.lists(HAPPENINGS, max_size=5), st.sampled_from((1, 2)))
    def every_task_ends(documents: list[DocumentPlan], happenings: list[Happening], cpu_places: int) -> None:
        asyncio.run(_live(clean_database(backend), tmp_path, documents, happenings, cpu_places=cpu_places))

    every_task_ends()


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("fate", ENDLESS)
def test_a_page_that_always_meets_the_same_fate_ends_and_its_neighbour_is_read(
    fate: Fate, stage: Stage, device: str, clean_database: CleanDatabase, tmp_path: Path
) -> None:
    poison = DocumentPlan((PagePlan(), PagePlan(then=fate)), stage=stage, device=GPU if device == GPU else CPU)
    honest = DocumentPlan((PagePlan(), PagePlan()), stage=stage, device=poison.device)

    async def end() -> list[TaskStatus]:
        async with start_database(url) as database:
            store = Stores(database, TurnedClock()).tasks
            return [(await store.get(f"task-{number}")).status for number in range(2)]

    url = clean_database("sqlite")
    asyncio.run(_live(url, tmp_path, [poison, honest], []))
    ended = asyncio.run(end())
    assert ended[1] is TaskStatus.SUCCEEDED
    assert ended[0] in (TaskStatus.SUCCEEDED, TaskStatus.PARTIALLY_SUCCEEDED, TaskStatus.EXPIRED)
    is_read = fate in (Fate.READ, Fate.SLOW, Fate.NO_TEXT)
    assert (ended[0] is TaskStatus.SUCCEEDED) is is_read


@pytest.mark.parametrize("structure", [False, True])
@pytest.mark.parametrize("fate", ENDLESS)
def test_behind_a_long_page_of_another_caller_the_spare_place_serves_whatever_comes(
    fate: Fate, clean_database: CleanDatabase, tmp_path: Path, *, structure: bool
) -> None:
    long = DocumentPlan((PagePlan(first=(Fate.SLOW,) * 3),), caller="a")
    short = DocumentPlan((PagePlan(first=(fate,)), PagePlan()), structure=structure, caller="b")
    world = asyncio.run(_live(clean_database("sqlite"), tmp_path, [long, short], [], cpu_places=1))
    assert world.pool.spare_uses


MORE_THAN_ENOUGH = max(TRIES // 2, len(Rung) + 2)
"""More tries than any counter of a page allows, within the time that a task may wait unserved."""


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("fate", [*NEUTRAL, Fate.STALE])
def test_what_is_not_a_pages_doing_costs_it_nothing(
    fate: Fate, stage: Stage, device: DeviceId, clean_database: CleanDatabase, tmp_path: Path
) -> None:
    """It is read in the end as at the first try; what a stale worker brings is not stored (`check_what_is_left`)."""
    pages = (PagePlan(), PagePlan(first=(fate,) * MORE_THAN_ENOUGH), PagePlan())
    _, (page, *others) = _end_of(DocumentPlan(pages, stage=stage, device=device), clean_database, tmp_path, number=2)
    assert {each.state for each in (page, *others)} == {PageState.DONE}
    assert (page.attempts, page.crashes, page.rung) == (0, 0, Rung.USUAL)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("device", [CPU, GPU])
@pytest.mark.parametrize("size", [1, 5, 9])
@pytest.mark.parametrize("fate", [Fate.READ, Fate.NO_TEXT, Fate.FAILED, Fate.HOPELESS, Fate.RAISED, Fate.OUT_OF_MEMORY])
def test_only_what_killed_is_quarantined(
    fate: Fate, size: int, stage: Stage, device: DeviceId, clean_database: CleanDatabase, tmp_path: Path
) -> None:
    """Whatever the page, the place and the failure: `check_what_is_left` compares, and here both sides are known."""
    document = DocumentPlan((PagePlan(then=fate, size=size),), stage=stage, device=device)
    world, (page,) = _end_of(document, clean_database, tmp_path, number=1)
    assert page.state.is_final
    fits = size * UNIT <= LIMITS[device if stage is Stage.OCR else CPU]
    assert bool(world.killed) is bool(world.quarantined) is (fate is Fate.OUT_OF_MEMORY and fits)


def _end_of(
    document: DocumentPlan, clean_database: CleanDatabase, folder: Path, *, number: int
) -> tuple[World, list[TaskPage]]:
    """How the document ended: that page of it first, then the others."""

    async def end() -> list[TaskPage]:
        async with start_database(url) as database:
            return list(await Stores(database, TurnedClock()).tasks.pages("task-0"))

    url = clean_database("sqlite")
    world = asyncio.run(_live(url, folder, [document], []))
    pages = asyncio.run(end())
    return world, sorted(pages, key=lambda page: page.number != number)
