from datetime import timedelta

import pytest
from pydantic import JsonValue
from tests.fixtures.stores import Stores, TurnedClock

from pagemill.domain.memory import CPU, MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.estimator import LearningEstimator
from pagemill.store.learned_state import SqlLearnedState
from pagemill.tasks.duties.learning import LearningConfig, LearningKeeper

KEY = ModelSetKey("rapidocr", "accurate", (), CPU)
SEED = MemorySeed(MemoryNeed(100 * MIB))


@pytest.fixture
def state(stores: Stores) -> SqlLearnedState:
    return SqlLearnedState(stores.database, TurnedClock())


def estimator() -> LearningEstimator:
    return LearningEstimator(lambda _: SEED)


async def test_what_is_kept_is_given_back_as_it_was(state: SqlLearnedState) -> None:
    first: dict[str, JsonValue] = {"ä": [1, 2.5, None, True], "deep": {"er": []}}
    assert await state.load("a") is None
    await state.save("a", first)
    await state.save("b", {"other": 1})
    assert await state.load("a") == first
    await state.save("a", {"newer": 1})
    assert (await state.load("a"), await state.load("b")) == ({"newer": 1}, {"other": 1})


async def test_a_restart_forgets_nothing_of_what_pages_took(state: SqlLearnedState) -> None:
    before, after = estimator(), estimator()
    keeper = LearningKeeper(LearningConfig("peaks", interval=timedelta(hours=1)), learner=before, state=state)
    await keeper.start()
    for pixels in range(1, 40):
        before.observe(KEY, pixels=pixels * 10_000, batch_size=None, peak=MemoryNeed((300 + pixels) * MIB))
    before.observe_failure(KEY, pixels=9_000_000, batch_size=4, reached=MemoryNeed(900 * MIB))
    await keeper.stop()
    await keeper.stop()
    second = LearningKeeper(LearningConfig("peaks"), learner=after, state=state)
    await second.start()
    assert after.snapshot() == before.snapshot()
    assert after.peak(KEY, pixels=390_000) == before.peak(KEY, pixels=390_000)
    await second.stop()


async def test_what_is_kept_and_cannot_be_understood_is_learned_anew(state: SqlLearnedState) -> None:
    await state.save("peaks", {"version": 99})
    fresh = estimator()
    keeper = LearningKeeper(LearningConfig("peaks"), learner=fresh, state=state)
    await keeper.start()
    assert fresh.peak(KEY, pixels=1).ram_bytes == SEED.base.ram_bytes
    fresh.observe(KEY, pixels=1, batch_size=None, peak=MemoryNeed(300 * MIB))
    await keeper.run_once()
    assert await state.load("peaks") == fresh.snapshot()
    await keeper.stop()


async def test_a_server_that_reads_no_pages_saves_nothing_and_follows_those_that_do(state: SqlLearnedState) -> None:
    front, node = estimator(), estimator()
    config = LearningConfig("peaks", interval=timedelta(hours=1), saves=False)
    keeper = LearningKeeper(config, learner=front, state=state)
    await keeper.start()
    node.observe(KEY, pixels=1, batch_size=None, peak=MemoryNeed(700 * MIB))
    await state.save("peaks", node.snapshot())
    front.observe(KEY, pixels=1, batch_size=None, peak=MemoryNeed(900 * MIB))
    await keeper.run_once()
    assert front.snapshot() == node.snapshot()
    await keeper.stop()
    assert await state.load("peaks") == node.snapshot()
