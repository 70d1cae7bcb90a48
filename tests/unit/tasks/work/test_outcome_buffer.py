"""Outcomes that come fast are written together, and none waits long."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pagemill.domain.errors import StaleLease
from pagemill.domain.work.outcomes import PageNeedsOcr, PageOutcome
from pagemill.tasks.work.outcome_buffer import buffer_outcomes

EVER = timedelta(hours=1)
AT_ONCE = timedelta(0)


class Written:
    """Keeps the numbers of what was written together."""

    def __init__(self, *, fails: bool = False) -> None:
        self.together: list[list[int]] = []
        self.happened = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self._fails = fails

    async def write(self, outcomes: Sequence[PageOutcome]) -> None:
        self.happened.set()
        await self.free.wait()
        if self._fails:
            raise StaleLease("The test wants it so.")
        self.together.append([outcome.number for outcome in outcomes])


async def test_as_many_as_may_be_are_written_together_and_the_rest_at_the_end() -> None:
    written = Written()
    async with buffer_outcomes(written.write, most=2, within=EVER) as add:
        for number in (1, 2, 3, 4, 5):
            await add(PageNeedsOcr(number))
        assert written.together == [[1, 2], [3, 4]]
    assert written.together == [[1, 2], [3, 4], [5]]


async def test_one_that_comes_alone_does_not_wait_for_others() -> None:
    written = Written()
    async with buffer_outcomes(written.write, most=9, within=AT_ONCE) as add:
        for number in (1, 2):
            written.happened.clear()
            await add(PageNeedsOcr(number))
            await written.happened.wait()
        assert written.together == [[1], [2]]


async def test_what_comes_while_others_are_written_is_written_after_them() -> None:
    written = Written()
    written.free.clear()
    async with buffer_outcomes(written.write, most=9, within=AT_ONCE) as add:
        await add(PageNeedsOcr(1))
        await written.happened.wait()
        await add(PageNeedsOcr(2))
        await add(PageNeedsOcr(3))
        written.free.set()
    assert written.together == [[1], [2, 3]]


async def test_what_writing_raises_is_raised_to_who_brings_the_next() -> None:
    written, told = Written(fails=True), False

    async def bring_two() -> None:
        nonlocal told
        async with buffer_outcomes(written.write, most=9, within=AT_ONCE) as add:
            await add(PageNeedsOcr(1))
            await written.happened.wait()
            try:
                await add(PageNeedsOcr(2))
            except StaleLease:
                told = True
                raise

    with pytest.raises(StaleLease):
        await bring_two()
    assert told


async def test_what_writing_raises_is_raised_at_the_end() -> None:
    async def bring_one() -> None:
        async with buffer_outcomes(Written(fails=True).write, most=9, within=EVER) as add:
            await add(PageNeedsOcr(1))

    with pytest.raises(StaleLease):
        await bring_one()


async def test_nothing_is_written_any_more_once_it_was_cancelled() -> None:
    written = Written()
    written.free.clear()

    async def bring_one() -> None:
        async with buffer_outcomes(written.write, most=9, within=AT_ONCE) as add:
            await add(PageNeedsOcr(1))
            await asyncio.Event().wait()

    bringing = asyncio.create_task(bring_one())
    await written.happened.wait()
    bringing.cancel()
    await asyncio.wait([bringing])
    written.free.set()
    await asyncio.sleep(0)
    assert written.together == []


@pytest.mark.parametrize("fails", [False, True])
async def test_what_came_before_an_error_is_written_and_the_error_goes_on(*, fails: bool) -> None:
    written = Written(fails=fails)

    async def bring_two_and_fail() -> None:
        async with buffer_outcomes(written.write, most=9, within=EVER) as add:
            await add(PageNeedsOcr(1))
            await add(PageNeedsOcr(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bring_two_and_fail()
    assert written.together == ([] if fails else [[1, 2]])
