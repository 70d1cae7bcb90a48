from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.store.task_queue import QueueConfig, queue_order, retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("started_before", "seconds"),
    [
        ([], 60),
        ([10], 10),
        ([10, 20], 10),
        ([5, 30, 61], 21),
        ([0], 1),
        ([0, 0, 0], 1),
        ([99_999], 3600),
        ([-30], 1),
    ],
)
def test_retry_after_is_the_mean_time_between_admissions(started_before: list[int], seconds: int) -> None:
    started = [NOW - timedelta(seconds=before) for before in started_before]
    assert retry_after([*started, None], NOW) == seconds


@given(waited=st.integers(0, 4), low=st.integers(-1, 1), high=st.integers(-1, 1))
def test_a_task_is_overtaken_only_by_those_queued_within_the_bound(waited: int, low: int, high: int) -> None:
    config = QueueConfig(ageing_interval=MINUTE)
    first = queue_order(NOW, low, config=config)
    second = queue_order(NOW + waited * MINUTE, high, config=config)
    assert (second < first) is (waited < high - low)


@given(low=st.integers(-1, 1), high=st.integers(-1, 1))
def test_without_priorities_order_is_time(low: int, high: int) -> None:
    config = QueueConfig(enable_priority_queue=False)
    assert queue_order(NOW, low, config=config) == NOW == queue_order(NOW, high, config=config)
