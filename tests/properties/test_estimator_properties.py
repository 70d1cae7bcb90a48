"""Whatever was learned: more work never needs less, and the estimate covers what comes."""

import random
from collections.abc import Callable, Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU, MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.envelope import lowest_line_above
from pagemill.memory.estimator import LearningEstimator

KEY = ModelSetKey("echo", "accurate", (), CPU)
SEED = MemorySeed(MemoryNeed(100 * MIB), MemoryNeed(200 * MIB), ram_per_pixel=8)
PIXELS = st.sampled_from([0, 1, 1000, 4_000_000, 4_000_001, 40_000_000])
BATCHES = st.sampled_from([None, 1, 4, 8, 16])
PEAKS = st.sampled_from([1, 100 * MIB, 101 * MIB, 400 * MIB, 2000 * MIB])
OBSERVED = st.lists(st.tuples(PIXELS, BATCHES, PEAKS), max_size=40)
FAILED = st.lists(st.tuples(PIXELS, BATCHES, PEAKS), max_size=4)
Runs = Sequence[tuple[int, int | None, int]]


def teach(observed: Runs, failed: Runs = ()) -> LearningEstimator:
    estimator = LearningEstimator(lambda _key: SEED)
    for pixels, batch, peak in observed:
        estimator.observe(KEY, pixels=pixels, batch_size=batch, peak=MemoryNeed(peak))
    for pixels, batch, reached in failed:
        estimator.observe_failure(KEY, pixels=pixels, batch_size=batch, reached=MemoryNeed(reached))
    return estimator


@given(OBSERVED, FAILED, PIXELS, PIXELS, st.sampled_from([1, 4, 8]), st.sampled_from([1, 4, 8]))
def test_more_pixels_or_a_larger_batch_never_need_less(
    observed: Runs, failed: Runs, pixels: int, other_pixels: int, batch: int, other_batch: int
) -> None:
    estimator = teach(observed, failed)
    small, large = sorted((pixels, other_pixels))
    few, many = sorted((batch, other_batch))
    least = estimator.peak(KEY, pixels=small, batch_size=few)
    assert least.ram_bytes <= estimator.peak(KEY, pixels=large, batch_size=few).ram_bytes
    assert least.ram_bytes <= estimator.peak(KEY, pixels=small, batch_size=many).ram_bytes


@given(OBSERVED, FAILED)
def test_a_page_that_climbed_is_never_promised_less_than_was_not_enough(observed: Runs, failed: Runs) -> None:
    estimator = teach(observed, failed)
    for pixels, batch, reached in failed:
        assert estimator.peak(KEY, pixels=pixels, batch_size=batch, climbed=True).ram_bytes >= reached


@given(OBSERVED)
def test_a_page_that_climbed_is_promised_what_any_was_seen_to_take(observed: Runs) -> None:
    estimator = teach(observed)
    for pixels, batch, peak in observed:
        assert estimator.peak(KEY, pixels=pixels, batch_size=batch, climbed=True).ram_bytes >= peak


@given(OBSERVED, FAILED)
def test_storing_and_restoring_changes_no_estimate(observed: Runs, failed: Runs) -> None:
    estimator, other = teach(observed, failed), LearningEstimator(lambda _key: SEED)
    other.restore(estimator.snapshot())
    for pixels in (0, 1000, 4_000_000, 40_000_000):
        assert other.peak(KEY, pixels=pixels) == estimator.peak(KEY, pixels=pixels)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_no_point_is_above_the_line_and_no_lower_line_would_do(points: list[tuple[int, int]]) -> None:
    line = lowest_line_above(points)
    assert line.slope >= 0
    gaps = [line.at(x) - y for x, y in points]
    assert all(gap >= -1e-9 for gap in gaps)
    for left in points:
        for right in points:
            slope = max(0.0, (right[1] - left[1]) / (right[0] - left[0])) if right[0] != left[0] else 0.0
            other = [left[1] + slope * (x - left[0]) - y for x, y in points]
            assert min(other) < -1e-9 or sum(gaps) <= sum(other) + 1e-9


def affine(rng: random.Random, pixels: float) -> float:
    return (360 * MIB + 7 * pixels) * rng.uniform(0.95, 1.05)


def two_shapes(rng: random.Random, pixels: float) -> float:
    return rng.choice([320, 372]) * rng.uniform(0.98, 1.02) * MIB + 5 * pixels


def saturate(rng: random.Random, pixels: float) -> float:
    return (300 * MIB + 40 * min(pixels, 2_000_000) + 3 * pixels) * rng.uniform(0.95, 1.05)


@pytest.mark.parametrize("peak_of", [affine, two_shapes, saturate])
def test_after_thirty_pages_it_covers_99_of_100_and_wastes_a_quarter_at_most(
    peak_of: Callable[[random.Random, float], float],
) -> None:
    excesses: list[float] = []
    for seed in range(8):
        rng = random.Random(seed)  # noqa: S311 (synthetic pages need no secrecy)
        estimator = LearningEstimator(lambda _key: SEED)
        for number in range(130):
            pixels = int(rng.choice([1e6, 2e6, 3.9e6, 8.7e6]) * rng.uniform(0.9, 1.1))
            peak = int(peak_of(rng, pixels))
            if number >= 30:
                excesses.append(estimator.peak(KEY, pixels=pixels).ram_bytes / peak - 1)
            estimator.observe(KEY, pixels=pixels, batch_size=None, peak=MemoryNeed(peak))
    covered = sum(excess >= 0 for excess in excesses) / len(excesses)
    assert covered >= 0.99
    assert median(excesses) <= 0.25
