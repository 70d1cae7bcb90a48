from datetime import UTC, datetime
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU
from pagemill.domain.reports.snapshot import EvictionRecord, UnloadCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.pool.eviction import Candidate, Demand, choose_evictions


def candidate(name: str, gives: int, *, reload_s: float = 1.0, demand: float = 1.0, idle_s: float = 0.0) -> Candidate:
    return Candidate(name, gives, reload_s, demand, idle_s)


def names(chosen: object) -> list[str]:
    assert isinstance(chosen, list)
    return [one.worker_id for one in chosen]


def test_the_cheapest_goes_first() -> None:
    wanted = candidate("wanted", 10, demand=9.0)
    slow = candidate("slow", 10, reload_s=5.0)
    cheap = candidate("cheap", 10)
    assert names(choose_evictions([wanted, slow, cheap], 1)) == ["cheap"]
    assert names(choose_evictions([wanted, slow, cheap], 11)) == ["cheap", "slow"]


def test_among_equals_the_longest_idle_goes() -> None:
    assert names(choose_evictions([candidate("a", 10), candidate("b", 10, idle_s=1.0)], 1)) == ["b"]


def test_what_turns_out_not_to_be_needed_stays() -> None:
    small, large = candidate("small", 1), candidate("large", 100, demand=2.0)
    assert names(choose_evictions([small, large], 50)) == ["large"]


def test_none_asked_for_means_all() -> None:
    assert len(choose_evictions([candidate("a", 1), candidate("b", 2)], None)) == 2
    assert choose_evictions([], None) == []


sizes = st.sampled_from([0, 1, 2, 4])
some = st.lists(st.builds(candidate, st.uuids().map(str), sizes, demand=st.sampled_from([0.0, 1.0, 2.0])), max_size=5)


@given(some, st.sampled_from([1, 2, 3, 5, 8]))
def test_enough_goes_wherever_enough_is_there_and_nothing_in_vain(candidates: list[Candidate], deficit: int) -> None:
    chosen = choose_evictions(candidates, deficit)
    back = sum(one.gives_back_bytes for one in chosen)
    if sum(one.gives_back_bytes for one in candidates) < deficit:
        assert len(chosen) == len(candidates)
        return
    assert back >= deficit
    fewer = chain.from_iterable(combinations(chosen, size) for size in range(len(chosen)))
    assert not any(sum(one.gives_back_bytes for one in group) >= deficit for group in fewer)


def test_demand_fades_by_half() -> None:
    key = ModelSetKey("e", "p", (), CPU)
    demand = Demand(half_life_s=10.0).after_use(key, 0.0).after_use(key, 0.0)
    assert demand.of(key, 0.0) == pytest.approx(2.0)
    assert demand.of(key, 10.0) == pytest.approx(1.0)
    assert demand.after_use(key, 10.0).of(key, 20.0) == pytest.approx(1.0)
    assert Demand().of(key, 5.0) == 0.0


@pytest.mark.parametrize(
    ("before", "after", "returned"), [(100, 95, 5), (100, 130, 0), (100, 60, 7), (None, 60, 7), (100, None, 7)]
)
def test_what_was_measured_counts(before: int | None, after: int | None, returned: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    record = EvictionRecord(at, UnloadCause.ROOM, CPU, (), 7, before, after)
    assert record.returned_bytes == returned
