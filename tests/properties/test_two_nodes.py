"""A small and a large node on one queue, whoever is there when: no page that fits the large one is condemned."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.machines import Machine
from tests.fixtures.stores import Stores, TurnedClock, new_task, start_database

from pagemill.domain.memory import MIB
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState
from pagemill.store.tables import page_quarantine
from pagemill.tasks.nodes import NodeRules

SMALL, LARGE = 400 * MIB, 2000 * MIB
SIZES = st.lists(st.sampled_from((100, 399, 401, 1999, 2001)).map(lambda size: size * MIB), min_size=1, max_size=4)
RULES = NodeRules()


class Step(StrEnum):
    """What happens next."""

    SMALL_WORKS = "small works"
    LARGE_BEATS = "large beats"
    LARGE_WORKS = "large works"
    IS_GONE = "time passes until a silent node is gone"
    IS_FORGOTTEN = "time passes until it is not waited for"


PASSES = {Step.IS_GONE: RULES.gone_after, Step.IS_FORGOTTEN: RULES.awaited_for}


async def _live(url: str, folder: Path, sizes: Sequence[int], steps: Sequence[Step], *, foreseen: bool) -> None:
    """What is foreseen is foreseen of a document: each page is expected to be as large as the largest."""
    async with start_database(url) as database:
        stores = Stores(database, TurnedClock())
        by_page = dict(enumerate([max(sizes)] * len(sizes) if foreseen else sizes, start=1))
        small = Machine(stores, folder, "small", SMALL, by_page, foreseen)
        large = Machine(stores, folder, "large", LARGE, by_page, foreseen)
        await stores.queue.submit(new_task("a", pages=len(sizes)))
        silent, was_alone = RULES.awaited_for, False
        for step in steps:
            stores.clock.turn(PASSES.get(step, timedelta(0)))
            silent += PASSES.get(step, timedelta(0))
            if step in (Step.LARGE_BEATS, Step.LARGE_WORKS):
                silent = timedelta(0)
                await large.beat()
            if step is Step.LARGE_WORKS:
                await large.work()
            if step is Step.SMALL_WORKS:
                was_alone |= silent >= RULES.awaited_for
                await small.beat()
                await small.work()
        for _ in range(4):
            for machine in (large, small):
                await machine.beat()
                await machine.work()
        await _check(stores, by_page, was_alone=was_alone, foreseen=foreseen)
        await small.stop()
        await large.stop()


async def _check(stores: Stores, sizes: dict[int, int], *, was_alone: bool, foreseen: bool) -> None:
    pages = await stores.tasks.pages("a")
    done = await stores.events.read("a", kinds=[TaskEvent.PAGE_DONE])
    assert max(Counter(event.details["page"] for event in done).values(), default=1) == 1
    assert not any(page.attempts or page.crashes for page in pages if page.state is PageState.DONE)
    for page in pages:
        size = sizes[page.number]
        assert page.state.is_final, (page, size)
        if size <= SMALL or (size <= LARGE and not was_alone):
            assert page.state is PageState.DONE, (page, size)
        if size > LARGE:
            assert page.state is PageState.FAILED, (page, size)
    quarantined = await stores.database.read(lambda connection: connection.execute(page_quarantine.select()).all())
    condemned = {row.page_number for row in quarantined}
    assert not (foreseen and condemned)
    assert was_alone or all(sizes[number] > LARGE for number in condemned)


def test_no_page_that_fits_the_large_node_is_condemned(clean_database: CleanDatabase, tmp_path: Path) -> None:
    @settings(deadline=None, database=None, max_examples=40, suppress_health_check=list(HealthCheck))
    @given(SIZES, st.lists(st.sampled_from(Step), max_size=7), st.booleans())
    def whoever_is_there(sizes: list[int], steps: list[Step], foreseen: bool) -> None:
        asyncio.run(_live(clean_database("sqlite"), tmp_path, sizes, steps, foreseen=foreseen))

    whoever_is_there()
