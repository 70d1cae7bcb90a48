import pytest

from pagemill.domain.memory import MemoryNeed
from pagemill.domain.work.outcomes import LossCause, WorkerLoss
from pagemill.pool.blame import find_cause
from pagemill.tasks.decisions.retry import INNOCENT

PROMISED = 100


@pytest.mark.parametrize("cause", LossCause)
@pytest.mark.parametrize("peak_bytes", [0, PROMISED, PROMISED + 1])
@pytest.mark.parametrize("was_short", [True, False])
def test_only_a_kill_by_the_kernel_for_others_sake_is_nothing_against_the_page(
    cause: LossCause, peak_bytes: int, *, was_short: bool
) -> None:
    loss = WorkerLoss(cause, "As it was.", page=3, peak_bytes=peak_bytes)
    told = find_cause(loss, promised=MemoryNeed(PROMISED), was_short=lambda: was_short)
    is_others_doing = cause is LossCause.KERNEL_OOM and was_short and peak_bytes <= PROMISED
    assert (told.page, told.peak_bytes) == (3, peak_bytes)
    assert told.cause is (LossCause.MEMORY_PRESSURE if is_others_doing else cause)
    assert (told.cause in INNOCENT) is (is_others_doing or cause in INNOCENT)
