"""A worker that the kernel killed: its page is to blame, unless the worker kept its promise and others took the memory.

The processes are fakes that grow and die as they are told; the chunk, the reservation and the reading of the death are
real. `tests/faults/memory` shows the same in a cgroup.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, QUICK, QUICK_MODELS, Outcomes, chunk, make_yard

from pagemill.domain.errors import WorkerLost
from pagemill.domain.memory import CPU
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import READER, Stage
from pagemill.memory.probes.oom import OomEvidence
from pagemill.pool.messages import Inspect, Inspected, Process, Reply, Request
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.service import OCRService
from pagemill.pool.service_pool import OCRServicePool
from pagemill.testing.memory import FakeAdmission
from pagemill.testing.processes import SIZE_BYTES, FakePlacement, answer

MODELS = replace(QUICK_MODELS, worker=replace(QUICK, peak_interval=timedelta(milliseconds=1)))


async def _cause_of_loss(service: OCRService, stage: Stage | None) -> object:
    if stage is not None:
        outcome = await service.process("task", chunk(Path("a"), 1, stage=stage), Outcomes())
        assert outcome.loss is not None
        return outcome.loss.cause
    with pytest.raises(WorkerLost) as caught:
        await service.ask(Inspect(path="a"), Inspected, limit=PATIENCE)
    return caught.value.details["cause"]


@pytest.mark.parametrize("stage", [Stage.OCR, Stage.TEXT, None])
@pytest.mark.parametrize("evidence", OomEvidence)
@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("keeps_promise", [True, False])
async def test_the_kill_is_held_against_the_page_or_not(
    stage: Stage | None, evidence: OomEvidence, *, is_short: bool, keeps_promise: bool
) -> None:
    dying: list[bool] = []

    def answers(request: Request) -> Sequence[Reply]:
        if not isinstance(request, Process | Inspect):
            return answer(request)
        dying.append(True)
        (process,) = placement.processes
        promised_bytes = yard.models.workers()[0].reserved.ram_bytes
        process.grow(SIZE_BYTES, promised_bytes + (0 if keeps_promise else 1))
        return []

    def watch_oom(_pid: int) -> Callable[[], OomEvidence]:
        return lambda: evidence if dying else OomEvidence.NONE

    placement, admission = FakePlacement(answers), FakeAdmission()
    yard = make_yard(MODELS, pool=PoolConfig(services={CPU: 1}), placement=placement, admission=admission)
    yard.models._roster._watch_oom = watch_oom
    admission.short = {CPU} if is_short else set()
    await yard.pool.start()
    try:
        cause = await _cause_of_loss(await _service(yard.pool, stage), stage)
    finally:
        await yard.pool.stop()
    if evidence is OomEvidence.NONE:
        assert cause == LossCause.CRASH
        return
    assert cause == (LossCause.MEMORY_PRESSURE if is_short and keeps_promise else LossCause.KERNEL_OOM)
    learned = [seen for seen in yard.estimator.observations if seen.failed]
    assert bool(learned) is (stage is not None and cause == LossCause.KERNEL_OOM)


async def _service(pool: OCRServicePool, stage: Stage | None) -> OCRService:
    return await pool.acquire(device=CPU, engine="faulty" if stage is Stage.OCR else READER, wait=PATIENCE)
