import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU, DeviceId
from pagemill.tasks.ladder import Footing, Rung, Situation, footing, next_rung

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
        (Situation(CPU, [CPU], 200, may_lower_resolution=False), [0, 1, 2, 3]),
        (Situation(CPU, [CPU, GPU], 200, may_lower_resolution=True), [0, 1, 2, 3, 5]),
        (Situation(GPU, [CPU, GPU], 200, may_lower_resolution=False), [0, 1, 2, 3, 4]),
        (Situation(GPU, [GPU], 200, may_lower_resolution=True), [0, 1, 2, 3, 5]),
        (Situation(GPU, [CPU, GPU], None, may_lower_resolution=True), [0, 1, 2, 3, 4]),
        (Situation(CPU, [CPU], 100, may_lower_resolution=True), [0, 1, 2, 3]),
    ],
)
def test_only_rungs_that_change_something_are_taken(situation: Situation, rungs: list[int]) -> None:
    assert climb(situation) == rungs


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        (Rung.USUAL, Footing(16, fresh=False, alone=False, device=GPU, dpi=200)),
        (Rung.SMALLER_BATCH, Footing(8, fresh=False, alone=False, device=GPU, dpi=200)),
        (Rung.FRESH_PROCESS, Footing(4, fresh=True, alone=False, device=GPU, dpi=200)),
        (Rung.ALONE, Footing(2, fresh=True, alone=True, device=GPU, dpi=200)),
        (Rung.OTHER_DEVICE, Footing(1, fresh=True, alone=True, device=CPU, dpi=200)),
        (Rung.LOWER_RESOLUTION, Footing(1, fresh=True, alone=True, device=CPU, dpi=100)),
    ],
)
def test_each_rung_keeps_what_those_below_it_changed(rung: Rung, expected: Footing) -> None:
    situation = Situation(GPU, [CPU, GPU], 200, may_lower_resolution=True)
    assert footing(rung, situation, batch_size=16, reduction=0.5) == expected


@given(st.sampled_from(Rung), st.integers(1, 64), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_batch_never_shrinks_to_nothing(rung: Rung, batch_size: int, reduction: float) -> None:
    situation = Situation(CPU, [CPU], 200, may_lower_resolution=True)
    footed = footing(rung, situation, batch_size=batch_size, reduction=reduction)
    assert 1 <= footed.batch_size <= batch_size
