import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.task.task import Rung
from pagemill.tasks.decisions.ladder import Footing, Situation, footing, next_rung

GPU = DeviceId("cuda:0")


def climb(situation: Situation) -> list[Rung]:
    """Every rung a page takes that fails on each."""
    rungs = [Rung.USUAL]
    while (above := next_rung(rungs[-1], situation)) is not None:
        rungs.append(above)
    return rungs


@pytest.mark.parametrize(
    ("situation", "rungs"),
    [
        (Situation(CPU, [CPU], 8, 200, may_lower_resolution=False), [0, 1, 2, 3]),
        (Situation(CPU, [CPU, GPU], 8, 200, may_lower_resolution=True), [0, 1, 2, 3, 6]),
        (Situation(GPU, [CPU, GPU], 8, 200, may_lower_resolution=False), [0, 1, 2, 3, 4]),
        (Situation(GPU, [GPU], 8, 200, may_lower_resolution=True), [0, 1, 2, 3, 6]),
        (Situation(GPU, [CPU, GPU], 8, None, may_lower_resolution=True), [0, 1, 2, 3, 4]),
        (Situation(CPU, [CPU], 8, 100, may_lower_resolution=True), [0, 1, 2, 3]),
        (Situation(CPU, [CPU], 1, 200, may_lower_resolution=False), [0, 2, 3]),
        (Situation(CPU, [CPU], 1, 200, may_lower_resolution=True, has_larger_node=True), [0, 2, 3, 5, 6]),
        (Situation(GPU, [CPU, GPU], 8, 200, may_lower_resolution=False, has_larger_node=True), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_only_rungs_that_change_something_are_taken(situation: Situation, rungs: list[int]) -> None:
    assert climb(situation) == rungs


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        (Rung.USUAL, Footing(16, fresh=False, dpi=200)),
        (Rung.SMALLER_BATCH, Footing(8, fresh=False, dpi=200)),
        (Rung.FRESH_PROCESS, Footing(4, fresh=True, dpi=200)),
        (Rung.ALONE, Footing(2, fresh=True, dpi=200)),
        (Rung.OTHER_DEVICE, Footing(1, fresh=True, dpi=200)),
        (Rung.LOWER_RESOLUTION, Footing(1, fresh=True, dpi=100)),
    ],
)
def test_each_rung_keeps_what_those_below_it_changed(rung: Rung, expected: Footing) -> None:
    assert footing(rung, batch_size=16, reduction=0.5, dpi=200) == expected


@given(st.sampled_from(Rung), st.integers(1, 64), st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([50, 100, 150]))
def test_neither_batch_nor_resolution_shrinks_to_nothing(
    rung: Rung, batch_size: int, reduction: float, dpi: int
) -> None:
    footed = footing(rung, batch_size=batch_size, reduction=reduction, dpi=dpi)
    assert 1 <= footed.batch_size <= batch_size
    assert min(100, dpi) <= footed.dpi <= dpi
