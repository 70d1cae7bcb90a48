"""Unloads model sets that were idle for long, are spent, or hold memory that others need."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from pagemill.domain.errors import WorkerLost
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed
from pagemill.domain.ports import Clock, MemoryAdmission
from pagemill.domain.reports.snapshot import EvictionRecord, UnloadCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.pool.eviction import Candidate, Demand, choose_evictions
from pagemill.pool.pool_config import ModelManagerConfig
from pagemill.pool.residents import Resident, ResidentState
from pagemill.pool.roster import Roster

logger = logging.getLogger(__name__)


async def keep_all() -> None:
    """An `at_rest` that returns no memory."""


class Unloader:
    """Trims and unloads idle model sets, and measures what that gave back. Runs in the server's event loop.

    Attributes:
        last_eviction: What the last unloading gave back, as measured.
        unloads: Model sets unloaded so far.
        unloaded_bytes: What all of them gave back, as measured.
    """

    def __init__(
        self,
        config: ModelManagerConfig,
        *,
        roster: Roster,
        admission: MemoryAdmission,
        clock: Clock,
        at_rest: Callable[[], Awaitable[None]] = keep_all,
    ) -> None:
        self._config = config
        self._roster = roster
        self._admission = admission
        self._clock = clock
        self._demand = Demand()
        self._at_rest = at_rest
        self._resting = True
        self.last_eviction: EvictionRecord | None = None
        self.unloads = 0
        self.unloaded_bytes = 0

    def note_use(self, key: ModelSetKey) -> None:
        """Count a use of a model set: one that is used often costs more to unload."""
        self._demand = self._demand.after_use(key, self._clock.monotonic())

    async def tend(self) -> None:
        """See `ModelManager.run_once`."""
        now = self._clock.monotonic()
        idle = [resident for resident in self._roster if resident.is_idle]
        spent = [resident for resident in idle if not resident.is_usable]
        stuck = [resident for resident in self._roster if resident.is_stuck]
        unused = [resident for resident in idle if resident.is_usable and self._is_due(resident, now)]
        await self.unload(spent + stuck, CPU, UnloadCause.SPENT)
        await self.unload(unused, CPU, UnloadCause.IDLE)
        trim_after = self._config.trim_after.total_seconds()
        await self.trim(resident for resident in idle if resident.idle_for(now) >= trim_after)
        await self._rest()

    def find_evictable(self, device: DeviceId) -> Sequence[Resident]:
        """The idle model sets that hold memory of the device; all of them hold host memory."""
        return [resident for resident in self._roster if resident.is_idle and device in (CPU, resident.key.device)]

    async def evict(self, device: DeviceId, *, at_least_bytes: int | None) -> int:
        """See `WatchedWorkers.evict_idle`."""
        chosen = self._choose(self.find_evictable(device), device, at_least_bytes)
        return await self.unload(chosen, device, UnloadCause.PRESSURE)

    async def make_room(self, device: DeviceId, more: MemoryNeed) -> bool:
        """Unload idle ones past their `min_residency`, so that `more` may fit; returns whether any went."""
        now = self._clock.monotonic()
        settled = [
            resident
            for resident in self.find_evictable(device) or self.find_evictable(CPU)
            if now - resident.loaded_at >= self._config.min_residency.total_seconds()
        ]
        chosen = self._choose(settled, device, self._missing_bytes(device, more))
        await self.unload(chosen, device, UnloadCause.ROOM)
        return bool(chosen)

    async def unload(self, residents: Sequence[Resident], device: DeviceId, cause: UnloadCause) -> int:
        """End their processes; return the bytes measured back. One that does not end is not counted."""
        if not residents:
            return 0
        for resident in residents:
            resident.begin_unloading()
        held = {resident.worker_id: resident.rss_bytes for resident in residents}
        before = self._roster.used_bytes(device)
        await asyncio.gather(*(self._roster.end(resident) for resident in residents))
        gone = [resident for resident in residents if resident.ended.done()]
        if not gone:
            return 0
        keys, after = tuple(resident.key for resident in gone), self._roster.used_bytes(device)
        held_bytes = sum(held[resident.worker_id] for resident in gone)
        self.last_eviction = record = EvictionRecord(self._clock.now(), cause, device, keys, held_bytes, before, after)
        self.unloads += len(keys)
        self.unloaded_bytes += record.returned_bytes
        logger.info("Unloaded %s (%s): %d MiB back", ", ".join(map(str, keys)), cause, record.returned_bytes // MIB)
        return record.returned_bytes

    async def trim(self, residents: Iterable[Resident]) -> None:
        """Have those that were used since their last trim give their free memory back."""
        await asyncio.gather(*(self._trim(resident) for resident in residents if not resident.trimmed))

    async def _trim(self, resident: Resident) -> None:
        if resident.worker is None or resident.state is not ResidentState.READY:
            return
        with suppress(WorkerLost):
            rss_bytes = await resident.worker.trim()
            resident.note_trim()
            if resident.is_idle and self._roster.has_outgrown(resident, rss_bytes):
                logger.info("Worker %s has grown to %d MiB and is replaced", resident.worker_id, rss_bytes // MIB)
                await self.unload([resident], resident.key.device, UnloadCause.SPENT)

    async def _rest(self) -> None:
        """After the last model set is gone, return this process's own free memory."""
        worked, self._resting = not self._resting, not any(self._roster)
        if worked and self._resting:
            await self._at_rest()

    def _is_due(self, resident: Resident, now: float) -> bool:
        limit = self._config.idle_timeouts.get(resident.key.engine, self._config.idle_timeout)
        return resident.idle_for(now) >= limit.total_seconds()

    def _missing_bytes(self, device: DeviceId, more: MemoryNeed) -> int:
        free = sum(
            memory.limit_bytes - max(memory.used_bytes, memory.reserved_bytes)
            for memory in self._admission.devices()
            if memory.device == device
        )
        return max(1, more.on(device) - free)

    def _choose(
        self, residents: Iterable[Resident], device: DeviceId, at_least_bytes: int | None
    ) -> Sequence[Resident]:
        now = self._clock.monotonic()
        by_id = {resident.worker_id: resident for resident in residents}
        candidates = (
            Candidate(
                worker_id=resident.worker_id,
                gives_back_bytes=resident.rss_bytes if device == CPU else resident.reserved.gpu_bytes,
                reload_s=resident.load_s,
                demand=self._demand.of(resident.key, now),
                idle_s=resident.idle_for(now),
            )
            for resident in by_id.values()
        )
        return [by_id[chosen.worker_id] for chosen in choose_evictions(candidates, at_least_bytes)]
