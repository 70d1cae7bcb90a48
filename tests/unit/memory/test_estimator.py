import json
from dataclasses import replace

import pytest
from pydantic import JsonValue

from pagemill.domain.errors import UnknownEngine
from pagemill.domain.memory import CPU, MIB, DeviceId, Drift, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec, StructureSpec
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.estimator import LearningEstimator, seeds_of

SEED = MemorySeed(
    MemoryNeed(100 * MIB, 50 * MIB),
    MemoryNeed(200 * MIB, 10 * MIB),
    ram_per_pixel=10,
    gpu_per_pixel=4,
    batch_size=8,
)
SPEC = EngineSpec("echo", "nowhere:nothing", (EngineProfile("accurate", SEED), EngineProfile("fast", SEED)))
KEY = ModelSetKey("echo", "accurate", (), CPU)
GPU_KEY = ModelSetKey("echo", "accurate", (), DeviceId("cuda:0"))
PAGE = 1_000_000


def need(mib: int) -> MemoryNeed:
    return MemoryNeed(mib * MIB)


@pytest.fixture
def estimator() -> LearningEstimator:
    return LearningEstimator(seeds_of([SPEC]))


def learn(
    estimator: LearningEstimator, pages: int, peak_mib: int, *, key: ModelSetKey = KEY, pixels: int = PAGE
) -> None:
    for _ in range(pages):
        estimator.observe(key, pixels=pixels, batch_size=None, peak=MemoryNeed(peak_mib * MIB))


def ram_mib(
    estimator: LearningEstimator, pixels: int = PAGE, batch_size: int | None = None, *, climbed: bool = False
) -> float:
    return estimator.peak(KEY, pixels=pixels, batch_size=batch_size, climbed=climbed).ram_bytes / MIB


def test_each_language_loaded_for_itself_is_seeded() -> None:
    profile = EngineProfile("plain", MemorySeed(MemoryNeed(100), per_language=30), loads_languages=True)
    estimator = LearningEstimator(seeds_of([EngineSpec("many", "x:y", (profile,))]))
    keys = [ModelSetKey("many", "plain", languages, CPU) for languages in ((), ("en",), ("de", "en", "zh"))]
    assert [estimator.base(key).ram_bytes for key in keys] == [100, 100, 160]


def test_before_anything_is_learned_the_seed_counts(estimator: LearningEstimator) -> None:
    assert estimator.base(KEY) == MemoryNeed(100 * MIB)
    assert estimator.peak(KEY, pixels=PAGE) == MemoryNeed(300 * MIB + 10 * PAGE)
    assert estimator.peak(GPU_KEY, pixels=PAGE) == MemoryNeed(300 * MIB + 10 * PAGE, 60 * MIB + 4 * PAGE)


def test_a_smaller_batch_needs_less_and_none_is_the_engines_own(estimator: LearningEstimator) -> None:
    assert estimator.peak(KEY, pixels=PAGE, batch_size=4).ram_bytes == 300 * MIB + 10 * PAGE // 2
    assert ram_mib(estimator, batch_size=8) == ram_mib(estimator)


def test_few_pages_can_raise_the_estimate_but_not_lower_it(estimator: LearningEstimator) -> None:
    learn(estimator, 1, 50)
    assert ram_mib(estimator) == pytest.approx(300 + 10 * PAGE / MIB)
    learn(estimator, 1, 900)
    assert ram_mib(estimator) > 900


def test_after_some_pages_what_was_seen_counts(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    assert 150 * 1.03 < ram_mib(estimator) < 150 * 1.1


def test_beyond_the_largest_page_seen_it_rises_as_the_seed_does(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    assert ram_mib(estimator, 3 * PAGE) >= ram_mib(estimator) + 10 * 2 * PAGE / MIB


def test_where_few_pages_were_as_large_the_margin_is_wider(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    learn(estimator, 1, 300, pixels=10 * PAGE)
    assert ram_mib(estimator, 10 * PAGE) > 1.15 * 300
    learn(estimator, 30, 300, pixels=10 * PAGE)
    assert 300 < ram_mib(estimator, 10 * PAGE) < 1.1 * 300


def test_the_wider_peaks_scatter_the_wider_is_the_doubt(estimator: LearningEstimator) -> None:
    steady, scattered = LearningEstimator(seeds_of([SPEC])), estimator
    for number in range(30):
        learn(steady, 1, 200)
        learn(scattered, 1, 100 + number % 3 * 50)
    assert 200 < ram_mib(steady) < 215
    assert 215 < ram_mib(scattered) < 250


def test_how_the_first_few_scatter_says_nothing(estimator: LearningEstimator) -> None:
    for mib in (400, 10, 10, 10, 10, 10, 10):
        learn(estimator, 1, mib)
    assert 400 < ram_mib(estimator) < 460


def test_of_a_hundred_pages_alike_none_is_doubted_and_of_two_hundred_one_may_be_above(
    estimator: LearningEstimator,
) -> None:
    learn(estimator, 98, 150)
    learn(estimator, 1, 400)
    assert ram_mib(estimator) == 400
    learn(estimator, 99, 150)
    assert ram_mib(estimator) == 400
    learn(estimator, 1, 150)
    assert ram_mib(estimator) == 150


def test_small_pages_do_not_make_large_ones_look_impossible(estimator: LearningEstimator) -> None:
    seeded = ram_mib(estimator, 10 * PAGE)
    learn(estimator, 30, 150)
    assert seeded <= ram_mib(estimator, 10 * PAGE) <= 1.35 * seeded


def test_two_pages_of_almost_one_size_say_little_of_much_larger_ones(estimator: LearningEstimator) -> None:
    learn(estimator, 1, 150)
    learn(estimator, 1, 180, pixels=PAGE + 1000)
    assert ram_mib(estimator, PAGE + 1000) > 180
    assert ram_mib(estimator, 10 * PAGE) < 1.35 * (180 + 4 * 10 * 9 * PAGE / MIB)


def test_a_batch_needs_no_less_than_its_base(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    estimator.observe_base(KEY, settled=MemoryNeed(400 * MIB))
    assert estimator.base(KEY).ram_bytes == pytest.approx(440 * MIB, abs=1)
    assert ram_mib(estimator) == pytest.approx(440)


def test_the_base_is_the_largest_seen_lately(estimator: LearningEstimator) -> None:
    for mib in [300, *[80] * 31]:
        estimator.observe_base(KEY, settled=MemoryNeed(mib * MIB))
    assert estimator.base(KEY).ram_bytes == pytest.approx(330 * MIB, abs=1)
    estimator.observe_base(KEY, settled=MemoryNeed(80 * MIB))
    assert estimator.base(KEY).ram_bytes == pytest.approx(88 * MIB, abs=1)


def test_a_failure_is_a_bound_for_larger_pages_that_climbed_and_no_sample(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    estimator.observe_failure(KEY, pixels=2 * PAGE, batch_size=None, reached=MemoryNeed(800 * MIB))
    assert ram_mib(estimator, climbed=True) < 150 * 1.1
    assert ram_mib(estimator, 2 * PAGE, climbed=True) == 1000
    assert ram_mib(estimator, 3 * PAGE, climbed=True) == 1000
    assert ram_mib(estimator, 2 * PAGE, batch_size=4, climbed=True) < 150 * 1.1


def test_a_failure_is_outvoted_by_pages_as_large_that_needed_less(estimator: LearningEstimator) -> None:
    estimator.observe_failure(KEY, pixels=PAGE, batch_size=None, reached=MemoryNeed(800 * MIB))
    learn(estimator, 19, 150)
    learn(estimator, 30, 150, pixels=PAGE // 2)
    assert ram_mib(estimator, climbed=True) == 1000
    learn(estimator, 1, 150)
    assert ram_mib(estimator, climbed=True) < 300


def test_figures_of_zero_were_not_measured(estimator: LearningEstimator) -> None:
    before = estimator.peak(GPU_KEY, pixels=PAGE)
    for _ in range(30):
        estimator.observe(GPU_KEY, pixels=PAGE, batch_size=None, peak=MemoryNeed(200 * MIB))
    after = estimator.peak(GPU_KEY, pixels=PAGE)
    assert after.ram_bytes < before.ram_bytes
    assert after.gpu_bytes == before.gpu_bytes
    learn(estimator, 30, 0)
    assert estimator.peak(KEY, pixels=PAGE).ram_bytes == 300 * MIB + 10 * PAGE


def test_gpu_peaks_are_learned_apart(estimator: LearningEstimator) -> None:
    for _ in range(30):
        estimator.observe(GPU_KEY, pixels=PAGE, batch_size=None, peak=MemoryNeed(200 * MIB, 900 * MIB))
    assert 900 * MIB < estimator.peak(GPU_KEY, pixels=PAGE).gpu_bytes < 1000 * MIB


def test_profiles_and_devices_are_learned_apart(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    assert estimator.peak(GPU_KEY, pixels=PAGE).ram_bytes == 300 * MIB + 10 * PAGE


def test_drift_is_observed_over_estimated(estimator: LearningEstimator) -> None:
    assert estimator.drifts() == {}
    estimate = estimator.peak(KEY, pixels=0).ram_bytes
    for peak in (estimate // 2, estimate // 4, estimate // 2):
        estimator.observe(KEY, pixels=0, batch_size=None, peak=MemoryNeed(peak))
    assert estimator.drifts() == {KEY: Drift(last=0.5, p50=0.5, p99=0.5, pages=3)}


def test_what_was_learned_survives_as_plain_values(estimator: LearningEstimator) -> None:
    learn(estimator, 30, 150)
    estimator.observe_base(KEY, settled=MemoryNeed(80 * MIB))
    estimator.observe_failure(KEY, pixels=2 * PAGE, batch_size=None, reached=MemoryNeed(800 * MIB))
    estimator.observe(GPU_KEY, pixels=PAGE, batch_size=2, peak=MemoryNeed(200 * MIB, 900 * MIB))
    stored = json.loads(json.dumps(estimator.snapshot()))
    other = LearningEstimator(seeds_of([SPEC]))
    learn(other, 30, 999)
    other.restore(stored)
    assert other.snapshot() == estimator.snapshot()
    assert other.peak(KEY, pixels=2 * PAGE) == estimator.peak(KEY, pixels=2 * PAGE)
    assert other.peak(GPU_KEY, pixels=PAGE) == estimator.peak(GPU_KEY, pixels=PAGE)
    assert other.drifts() == estimator.drifts()


def test_an_engine_that_is_gone_is_passed_over(estimator: LearningEstimator) -> None:
    learn(estimator, 5, 150)
    other = LearningEstimator(seeds_of([]))
    other.restore(estimator.snapshot())
    assert other.snapshot() == {"version": 1, "model_sets": []}


def test_what_was_learned_of_an_engine_that_runs_on_something_else_since_is_forgotten() -> None:
    estimator, other = LearningEstimator(seeds_of([SPEC])), LearningEstimator(seeds_of([SPEC]))
    learn(estimator, 30, 900)
    (state,) = json.loads(json.dumps(estimator.snapshot()))["model_sets"]
    other.restore({"version": 1, "model_sets": [{**state, "seed": "another"}]})
    assert ram_mib(other) == ram_mib(LearningEstimator(seeds_of([SPEC])))


@pytest.mark.parametrize("stored", [{"version": 2, "model_sets": []}, {"something": "else"}])
def test_what_is_not_a_snapshot_changes_nothing(estimator: LearningEstimator, stored: dict[str, JsonValue]) -> None:
    learn(estimator, 5, 150)
    before = estimator.snapshot()
    with pytest.raises(ValueError, match=r"version|something"):
        estimator.restore(stored)
    assert estimator.snapshot() == before


def test_an_unknown_engine_is_said(estimator: LearningEstimator) -> None:
    for engine, profile in [("nobody", ""), ("echo", "slow")]:
        with pytest.raises(UnknownEngine, match=engine):
            estimator.peak(ModelSetKey(engine, profile, (), CPU), pixels=PAGE)


def test_the_reader_has_a_seed_of_its_own(estimator: LearningEstimator) -> None:
    reader = ModelSetKey.reader(CPU)
    assert 0 < estimator.base(reader).ram_bytes < estimator.peak(reader, pixels=0).ram_bytes


def test_structure_models_add_what_they_take_to_engines_and_readers() -> None:
    structure = StructureSpec("a:b", MemorySeed(need(60), need(40)), MemorySeed(need(120)))
    estimator = LearningEstimator(seeds_of([SPEC], structure=structure))
    for plain, more in ((KEY, (60, 100)), (ModelSetKey.reader(CPU), (120, 120))):
        key = replace(plain, structure=True)
        base, batch = (estimator.base(key), estimator.peak(key, pixels=PAGE))
        assert base.ram_bytes - estimator.base(plain).ram_bytes == more[0] * MIB
        assert batch.ram_bytes - estimator.peak(plain, pixels=PAGE).ram_bytes == more[1] * MIB


def test_what_was_learned_with_structure_is_not_mistaken_for_what_was_learned_without() -> None:
    estimator, other = LearningEstimator(seeds_of([SPEC])), LearningEstimator(seeds_of([SPEC]))
    key = replace(KEY, structure=True)
    estimator.observe_base(key, settled=need(900))
    other.restore(estimator.snapshot())
    assert other.base(key).ram_bytes > 900 * MIB
    assert other.base(KEY) == LearningEstimator(seeds_of([SPEC])).base(KEY)


def test_a_reader_is_promised_its_seed_however_little_many_pages_took(estimator: LearningEstimator) -> None:
    reader = ModelSetKey.reader(CPU)
    seeded = estimator.peak(reader, pixels=0)
    learn(estimator, 600, 55, key=reader, pixels=0)
    assert estimator.peak(reader, pixels=0) == seeded
    learn(estimator, 10, 400, key=reader, pixels=0)
    assert estimator.peak(reader, pixels=0).ram_bytes >= 400 * MIB
