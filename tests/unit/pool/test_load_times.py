import pytest

from pagemill.domain.memory import CPU
from pagemill.domain.reports.engine_report import LoadTime
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.pool.load_times import LoadTimes

KEY = ModelSetKey("wide", "plain", ("en", "zh"), CPU)
OTHER = ModelSetKey("wide", "plain", (), CPU)


def test_the_median_of_the_last_loads_is_told() -> None:
    times = LoadTimes()
    for seconds in (99.0, *[2.0] * 15, 7.0):
        times.note(KEY, seconds)
    assert times.load_time(KEY) == LoadTime(2.0, 16)
    assert times.load_time(OTHER) is None


def test_readers_load_nothing_worth_telling() -> None:
    times = LoadTimes()
    times.note(ModelSetKey.reader(CPU), 1.0)
    assert times.snapshot() == LoadTimes().snapshot()


def test_what_was_noted_is_taken_over() -> None:
    times, after_restart = LoadTimes(), LoadTimes()
    times.note(KEY, 3.0)
    after_restart.note(OTHER, 1.0)
    after_restart.restore(times.snapshot())
    assert (after_restart.load_time(KEY), after_restart.load_time(OTHER)) == (LoadTime(3.0, 1), None)


@pytest.mark.parametrize("snapshot", [{"version": 2, "model_sets": []}, {"something": "else"}])
def test_what_cannot_be_understood_changes_nothing(snapshot: dict[str, int]) -> None:
    times = LoadTimes()
    times.note(KEY, 3.0)
    with pytest.raises(ValueError, match=r"version|something"):
        times.restore(dict(snapshot))
    assert times.load_time(KEY) == LoadTime(3.0, 1)
