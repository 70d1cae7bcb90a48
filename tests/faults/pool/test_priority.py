"""Who gets the CPU first: all real workers stand back, but for the one of the spare place."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.fixtures.pool import PATIENCE, QUICK_MODELS, make_yard

from pagemill.domain.memory import CPU
from pagemill.domain.work.recognition import READER
from pagemill.pool.pool_config import PoolConfig

NICENESS = 3


def niceness_of_threads(pid: int) -> set[int]:
    return {os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()}


def niceness_of_session(pid: int) -> int | None:
    """As the kernel groups it; None on a kernel that does not."""
    autogroup = Path(f"/proc/{pid}/autogroup")
    found = re.search(r"nice (-?\d+)", autogroup.read_text()) if autogroup.exists() else None
    return int(found[1]) if found else None


async def test_all_workers_stand_back_but_for_the_spare_one() -> None:
    places = PoolConfig(services={CPU: 1}, spare_after=timedelta(milliseconds=20), acquire_wait=PATIENCE)
    yard = make_yard(replace(QUICK_MODELS, niceness=NICENESS), pool=places)
    await yard.pool.start()
    expected: dict[int, int] = {}
    for engine, may_use_spare, raised in (("faulty", True, NICENESS), ("faulty", True, 0), (READER, False, NICENESS)):
        await yard.pool.acquire(device=CPU, engine=engine, may_use_spare=may_use_spare)
        (pid,) = {worker.pid for worker in yard.models.workers()} - expected.keys()
        expected[pid] = os.getpriority(os.PRIO_PROCESS, 0) + raised
    for pid, niceness in expected.items():
        assert niceness_of_threads(pid) == {niceness}
        assert niceness_of_session(pid) in {niceness, None}
    await yard.pool.stop()
