"""A caller that is cancelled, twice in one tick, at whatever it waits for: no memory stays reserved for it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.pool import PATIENCE, QUICK_MODELS, Outcomes, Yard, chunk, make_yard

from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, MemoryReading, Reservation
from pagemill.memory.ledger import Measurement, MemoryLedger
from pagemill.memory.waiting import WaitingLine
from pagemill.testing.memory import FakeAdmission
from pagemill.testing.processes import FakePlacement

BRIEF = timedelta(milliseconds=20)
WORKER = replace(QUICK_MODELS.worker, stop_grace=BRIEF, term_grace=BRIEF, kill_limit=BRIEF, cancel_grace=BRIEF)
CONFIG = replace(QUICK_MODELS, worker=WORKER, room_wait=BRIEF, workers_per_key=2)
MOST_TICKS = 200
IN_LINE = 30
"""Ticks by which a use that finds no memory waits in line."""
DOCUMENT = Path("/nowhere")


class Lined(FakeAdmission):
    """A `FakeAdmission` whose line is the real one over a real ledger."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__({CPU: limit_bytes})
        reading = MemoryReading(CPU, limit_bytes, 0, "test")
        self._ledger = MemoryLedger(lambda: Measurement({CPU: reading}), margin=0.0)
        self._real_line = WaitingLine(self._ledger.reserve, self._ledger.release)

    @property
    def promised_bytes(self) -> int:
        """What is promised now."""
        return self._ledger.promised_bytes(CPU)

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """Promise memory now, or None."""
        return self._real_line.try_now(owner, device, need)

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """Promise memory in turn."""
        return await self._real_line.wait(owner, device, need, wait=wait)

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """Change a promise."""
        resized = self._ledger.resize(reservation, need)
        self._real_line.serve()
        return resized

    def release(self, reservation: Reservation) -> None:
        """Take a promise back."""
        self._ledger.release(reservation)
        self._real_line.serve()


async def use(yard: Yard) -> None:
    """A service from its acquisition to its release, as a chunk uses it."""
    service = await yard.pool.acquire(device=CPU, engine="faulty", wait=PATIENCE)
    try:
        await service.process("task", chunk(DOCUMENT, 1, 2), Outcomes())
    finally:
        await yard.pool.release(service)


@pytest.mark.parametrize("cancels", [1, 2, 3])
@pytest.mark.parametrize("gap", [0, 1, 2])
@pytest.mark.parametrize("freed", [None, 0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("room_mib", [85, 1000])
async def test_no_promise_is_left(room_mib: int, freed: int | None, gap: int, cancels: int) -> None:
    """At every tick of the loop that a use takes, from its first to its last; or waits in line, where none is free.

    `freed` ticks before the first cancel, another gives the memory back that is waited for.
    """
    for ticks in range(MOST_TICKS):
        memory = Lined(room_mib * MIB)
        yard = make_yard(CONFIG, placement=FakePlacement(), admission=memory)
        await yard.pool.start()
        others = memory.reserve("others", CPU, MemoryNeed(60 * MIB))
        assert others is not None
        using = asyncio.create_task(use(yard))
        await pass_ticks(ticks)
        if freed is not None:
            memory.release(others)
            await pass_ticks(freed)
        is_over = using.done()
        for _ in range(cancels):
            using.cancel()
            await pass_ticks(gap)
        memory.release(others)
        await asyncio.wait([using], timeout=PATIENCE.total_seconds())
        assert using.done()
        await yard.pool.drain()
        await yard.pool.stop()
        assert memory.promised_bytes == 0, f"after {ticks} ticks"
        assert yard.pool.snapshot().utilization == 0
        if is_over or (room_mib < 100 and ticks > IN_LINE):
            return
    pytest.fail("the use took more ticks than were tried")


async def pass_ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
