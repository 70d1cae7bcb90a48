"""Resident model sets: loaded on demand, counted while used, unloaded when idle or when memory is needed.

acquire ─▶ an idle one │ a new one: reserve ─▶ load │ one in use, shared
process ─▶ reserve the batch ─▶ worker ─▶ give the batch's share back
release ─▶ idle ─▶ trimmed ─▶ unloaded
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.engines import EngineSpec
from pagemill.domain.errors import NeverFits, PoolExhausted, TaskFailureReason, WorkerLost
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed
from pagemill.domain.outcomes import (
    BatchOutcome,
    LossCause,
    PageFailed,
    PageOutcome,
    PageRead,
    WorkerLoss,
)
from pagemill.domain.ports import Clock, MemoryAdmission, MemoryEstimator, MemoryProbe, OnPage
from pagemill.domain.recognition import BatchParams, ModelSetKey, Stage
from pagemill.domain.snapshot import ModelSetSnapshot, WatchedWorker
from pagemill.pool.config import ModelManagerConfig
from pagemill.pool.eviction import Candidate, Demand, EvictionRecord, choose_evictions
from pagemill.pool.linux import kernel_oom_kills
from pagemill.pool.placement import Placement
from pagemill.pool.residents import Resident, ResidentState
from pagemill.pool.roster import Roster

logger = logging.getLogger(__name__)


class ModelManager:
    """Keeps resident model sets, one process each. Runs in the server's event loop.

    It is also the memory guard's `WatchedWorkers`.

    Attributes:
        last_eviction: What the last unloading gave back, measured.
    """

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        config: ModelManagerConfig,
        *,
        placement: Placement,
        admission: MemoryAdmission,
        estimator: MemoryEstimator,
        clock: Clock,
        probe: MemoryProbe | None = None,
        oom_kills: Callable[[], int | None] = kernel_oom_kills,
    ) -> None:
        self._config = config
        self._admission = admission
        self._estimator = estimator
        self._clock = clock
        self._probe = probe
        self._roster = Roster(specs, config, placement=placement, admission=admission, clock=clock, oom_kills=oom_kills)
        self._demand = Demand()
        self._growing: list[Resident] = []
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self.last_eviction: EvictionRecord | None = None

    # --- service of ours ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look after idle model sets."""
        self._stopping = False
        self._loop = asyncio.create_task(self._run(), name="model manager")

    async def run_once(self) -> None:
        """Unload what has been idle too long or is spent, trim what has just become idle."""
        now = self._clock.monotonic()
        idle = [resident for resident in self._roster if resident.is_idle]
        leaving = [resident for resident in idle if self._is_due(resident, now)]
        stuck = [resident for resident in self._roster if resident.state is ResidentState.UNLOADING]
        await self._unload(leaving + stuck, CPU)
        trim_after = self._config.trim_after.total_seconds()
        due = (resident for resident in idle if resident not in leaving and resident.idle_for(now) >= trim_after)
        await self._trim(resident for resident in due if not resident.trimmed)

    async def stop(self) -> None:
        """End every worker; batches in work end early and without a loss. Twice is no error."""
        self._stopping = True
        self._roster.notify()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
            self._loop = None
        await self._roster.clear()

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once()
            except Exception:
                logger.exception("Looking after the model sets failed; it is tried again")
            await self._clock.sleep(self._config.interval.total_seconds())

    # --- uses --------------------------------------------------------------------------------------------------------

    async def acquire(self, key: ModelSetKey) -> Resident:
        """A use of that model set, loaded; waits for as long as there is no memory for it.

        Raises:
            UnknownEngine: There is no such engine or profile.
            WorkerLost: It could not be loaded.
            NeverFits: It is larger than the device's memory.
            DeviceUnavailable: There is no such device.
            PoolExhausted: The manager is being stopped.
        """
        self._demand = self._demand.after_use(key, self._clock.monotonic())
        while not self._stopping:
            changed = self._roster.changed
            resident = self._unused(key) or await self._new(key) or self._shared(key)
            if resident is not None:
                return await self._claim(resident)
            await self._roster.change(changed)
        raise PoolExhausted("The service is shutting down; send the request again later.")

    def release(self, resident: Resident) -> None:
        """End a use. The last one leaves the model set idle, or has it unloaded where it is spent."""
        resident.references -= 1
        resident.idle_since = self._clock.monotonic()
        resident.trimmed = False
        if resident.is_idle and not resident.is_usable:
            self._roster.spawn(self._replace(resident))
        self._roster.notify()

    async def process(self, resident: Resident, task_id: str, params: BatchParams, on_page: OnPage) -> BatchOutcome:
        """Read a batch within a reservation of its size; see `Service.process`.

        Pages stay unsettled without a loss where there was no memory for them within `room_wait`, after the worker ran
        out of memory, and when it is being stopped: give them back, release, and acquire anew.
        """

        async def learning(outcome: PageOutcome) -> None:
            self._learn(resident.key, params, outcome)
            await on_page(outcome)

        async with resident.turn:
            try:
                room = await self._grow(resident, self._batch_need(resident.key, params))
            except NeverFits as error:
                return await _refuse(params.pages, error, on_page)
            if not room or resident.worker is None:
                return BatchOutcome(())
            resident.busy_since, resident.task_id = self._clock.monotonic(), task_id
            try:
                outcome = await resident.worker.process(params, learning)
                self._learn_loss(resident.key, params, outcome.loss)
                return outcome
            finally:
                resident.busy_since = resident.task_id = None
                self._shrink(resident)

    async def inspect(self, resident: Resident, path: str, *, limit: timedelta) -> DocumentInfo:
        """What the document is; raises as `Worker.inspect`."""
        if resident.worker is None:
            raise WorkerLost("The reader is gone; try again.")
        return await resident.worker.inspect(path, limit=limit)

    def snapshot(self) -> tuple[ModelSetSnapshot, ...]:
        """Every model set that has a process."""
        now = self._clock.monotonic()
        pictures = (resident.snapshot(now) for resident in self._roster)
        return tuple(picture for picture in pictures if picture is not None)

    # --- the memory guard's side (`WatchedWorkers`) ------------------------------------------------------------------

    def workers(self) -> Sequence[WatchedWorker]:
        """Every live worker."""
        pictures = (resident.watched() for resident in self._roster)
        return [picture for picture in pictures if picture is not None]

    async def evict_idle(self, device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        """Unload idle model sets, cheapest first, until so many bytes are back (None: all); returns bytes measured."""
        return await self._unload(self._choose(self._evictable(device), device, at_least_bytes), device)

    async def trim_idle(self, device: DeviceId) -> None:
        """Have idle workers give their allocator's free memory back."""
        await self._trim(resident for resident in self._evictable(device) if not resident.trimmed)

    async def kill(self, worker_id: str, cause: LossCause) -> None:
        """End a worker now; its batch ends with that cause. One that is not there is left alone."""
        resident = self._roster.get(worker_id)
        if resident is not None and resident.worker is not None:
            await resident.worker.kill(cause)

    # --- who gets a model set ----------------------------------------------------------------------------------------

    def _unused(self, key: ModelSetKey) -> Resident | None:
        """One that is idle, or that is being loaded for somebody who went away."""
        return next((one for one in self._roster if one.key == key and one.is_usable and not one.references), None)

    def _shared(self, key: ModelSetKey) -> Resident | None:
        usable = (resident for resident in self._roster if resident.key == key and resident.is_usable)
        return min(usable, key=lambda resident: resident.references, default=None)

    async def _new(self, key: ModelSetKey) -> Resident | None:
        """One more process of that model set; None where there are enough, or there is no memory now."""
        alike = [one for one in self._roster if one.key == key and one.state is not ResidentState.UNLOADING]
        if len(alike) >= self._config.workers_per_key:
            return None
        if not key.is_reader:
            self._roster.profile(key)
        resident = self._roster.enlist(key)
        try:
            await self._reserve(resident)
        finally:
            if resident.reservation is None:
                self._roster.strike(resident)
        if resident.reservation is None:
            return None
        self._roster.launch(resident)
        return resident

    async def _reserve(self, resident: Resident) -> None:
        need, device = self._estimator.base(resident.key), resident.key.device
        while not self._stopping:
            resident.reservation = self._admission.reserve(resident.worker_id, device, need)
            if resident.reservation is not None or not await self._make_room(device, need):
                return

    async def _claim(self, resident: Resident) -> Resident:
        resident.references += 1
        try:
            await asyncio.shield(resident.ready)
        except BaseException:
            self.release(resident)
            raise
        return resident

    # --- memory for a batch ------------------------------------------------------------------------------------------

    def _batch_need(self, key: ModelSetKey, params: BatchParams) -> MemoryNeed:
        return self._estimator.batch(key, pixels=self._pixels(key, params), batch_size=params.batch_size)

    def _pixels(self, key: ModelSetKey, params: BatchParams) -> int:
        if params.stage is Stage.TEXT:
            return 0
        return self._roster.profile(key).max_pixels if params.pixels is None else params.pixels

    async def _grow(self, resident: Resident, need: MemoryNeed) -> bool:
        """Raise its reservation to the need, as soon as that is possible; False where it must give way to others."""
        until = self._clock.monotonic() + self._config.room_wait.total_seconds()
        self._growing.append(resident)
        try:
            while resident.is_usable and resident.reservation is not None:
                changed = self._roster.changed
                if (grown := self._admission.resize(resident.reservation, need)) is not None:
                    resident.reservation = grown
                    return True
                if await self._make_room(resident.key.device, need):
                    continue
                if self._clock.monotonic() >= until or not self._may_wait(resident):
                    logger.info("No memory for a batch on %s; its pages go back", resident.worker_id)
                    return False
                await self._roster.change(changed)
        finally:
            self._growing.remove(resident)
        return True

    def _may_wait(self, resident: Resident) -> bool:
        """Waiting helps while a batch runs or a model set leaves; if none does, the first waits and the others yield.

        Without this, model sets that all wait for each other's memory would wait for ever.
        """
        others = (other for other in self._roster if other is not resident)
        moving = any(other.busy_since is not None or other.state is not ResidentState.READY for other in others)
        return moving or self._growing[0] is resident

    def _shrink(self, resident: Resident) -> None:
        """Keep only what it holds between batches."""
        if resident.reservation is None or resident.worker is None:
            return
        base = self._estimator.base(resident.key)
        held = MemoryNeed(max(base.ram_bytes, resident.rss_bytes), base.gpu_bytes)
        resident.reservation = self._admission.resize(resident.reservation, held) or resident.reservation
        self._roster.notify()

    def _learn(self, key: ModelSetKey, params: BatchParams, outcome: PageOutcome) -> None:
        """Tell the estimator what a page took. A GPU's share of it is not measured here, so GPU pages teach nothing."""
        if key.device != CPU:
            return
        if isinstance(outcome, PageRead):
            peak = MemoryNeed(outcome.peak_bytes)
            self._estimator.observe(key, pixels=outcome.pixels, batch_size=params.batch_size, peak=peak)
        elif isinstance(outcome, PageFailed) and outcome.reason is TaskFailureReason.OUT_OF_MEMORY:
            self._learn_failure(key, params, outcome.peak_bytes)

    def _learn_loss(self, key: ModelSetKey, params: BatchParams, loss: WorkerLoss | None) -> None:
        if key.device == CPU and loss is not None and loss.cause in (LossCause.KERNEL_OOM, LossCause.OVER_RESERVATION):
            self._learn_failure(key, params, loss.peak_bytes)

    def _learn_failure(self, key: ModelSetKey, params: BatchParams, reached_bytes: int) -> None:
        reached = MemoryNeed(reached_bytes)
        pixels = self._pixels(key, params)
        self._estimator.observe_failure(key, pixels=pixels, batch_size=params.batch_size, reached=reached)

    # --- unloading ---------------------------------------------------------------------------------------------------

    def _is_due(self, resident: Resident, now: float) -> bool:
        limit = self._config.idle_timeouts.get(resident.key.engine, self._config.idle_timeout)
        return not resident.is_usable or resident.idle_for(now) >= limit.total_seconds()

    def _evictable(self, device: DeviceId) -> list[Resident]:
        """The idle ones that hold memory of the device: all hold host memory."""
        return [resident for resident in self._roster if resident.is_idle and device in (CPU, resident.key.device)]

    async def _make_room(self, device: DeviceId, need: MemoryNeed) -> bool:
        """Unload idle model sets that have been there long enough, so that the need may fit; whether any went."""
        now = self._clock.monotonic()
        settled = [
            resident
            for resident in self._evictable(device) or self._evictable(CPU)
            if now - resident.loaded_at >= self._config.min_residency.total_seconds()
        ]
        chosen = self._choose(settled, device, self._missing_bytes(device, need))
        await self._unload(chosen, device)
        return bool(chosen)

    def _missing_bytes(self, device: DeviceId, need: MemoryNeed) -> int:
        wanted = need.ram_bytes if device == CPU else need.gpu_bytes
        free = sum(
            memory.limit_bytes - max(memory.used_bytes, memory.reserved_bytes)
            for memory in self._admission.devices()
            if memory.device == device
        )
        return max(1, wanted - free)

    def _choose(self, residents: Sequence[Resident], device: DeviceId, at_least_bytes: int | None) -> list[Resident]:
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
            for resident in residents
        )
        return [by_id[chosen.worker_id] for chosen in choose_evictions(candidates, at_least_bytes)]

    async def _unload(self, residents: Sequence[Resident], device: DeviceId) -> int:
        """End their processes and measure what that gave back, bytes."""
        if not residents:
            return 0
        for resident in residents:
            resident.state = ResidentState.UNLOADING
        held, before = sum(resident.rss_bytes for resident in residents), self._used_bytes(device)
        await asyncio.gather(*(self._roster.end(resident) for resident in residents))
        keys = tuple(resident.key for resident in residents)
        self.last_eviction = record = EvictionRecord(device, keys, held, before, self._used_bytes(device))
        logger.info("Unloaded %s: %d MiB back", ", ".join(map(str, keys)), record.returned_bytes // MIB)
        return record.returned_bytes

    def _used_bytes(self, device: DeviceId) -> int | None:
        readings = self._probe.read() if self._probe else ()
        return next((reading.used_bytes for reading in readings if reading.device == device), None)

    async def _trim(self, residents: Iterable[Resident]) -> None:
        await asyncio.gather(*(self._trim_one(resident) for resident in residents))

    async def _trim_one(self, resident: Resident) -> None:
        """Trim it; one that has grown far beyond what it held when loaded is replaced instead of kept."""
        if resident.worker is None:
            return
        with suppress(WorkerLost):
            rss_bytes = await resident.worker.trim()
            resident.trimmed = True
            if resident.key.device == CPU:
                self._estimator.observe_base(resident.key, settled=MemoryNeed(rss_bytes))
            base = resident.base_rss_bytes
            limit = max(base * self._config.growth_factor, base + self._config.growth_floor_bytes)
            if rss_bytes > limit and resident.is_idle:
                await self._replace(resident)

    async def _replace(self, resident: Resident) -> None:
        """Unload one that is spent; the next use loads another."""
        logger.info("Worker %s holds %d MiB and is replaced", resident.worker_id, resident.rss_bytes // MIB)
        await self._unload([resident], resident.key.device)


async def _refuse(pages: Sequence[int], error: NeverFits, on_page: OnPage) -> BatchOutcome:
    for number in pages:
        await on_page(PageFailed(number, error.reason, error.message, error.retryable))
    return BatchOutcome(tuple(pages))
