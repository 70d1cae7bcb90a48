"""Resident model sets: loaded on demand, counted while used, unloaded when idle or when memory is needed.

acquire ─▶ an idle one │ a new one: reserve ─▶ load │ one in use, shared
release ─▶ idle ─▶ trimmed ─▶ unloaded
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pagemill.domain.errors import WorkerLost
from pagemill.domain.memory import CPU, DeviceId, MemoryNeed
from pagemill.domain.ports import Clock, MemoryAdmission, MemoryEstimator, MemoryProbe
from pagemill.domain.reports.snapshot import EvictionRecord, ModelSetSnapshot, WatchedWorker
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.probes.oom import WatchOom, watch_oom
from pagemill.pool.chunk_memory import ChunkMemory, GpuBytes
from pagemill.pool.finding import Finder
from pagemill.pool.load_times import LoadTimes
from pagemill.pool.placement import Placement
from pagemill.pool.pool_config import ModelManagerConfig
from pagemill.pool.residents import Resident
from pagemill.pool.roster import Roster, died_loading
from pagemill.pool.unloading import Unloader, keep_all

logger = logging.getLogger(__name__)


def _no_driver(_pid: int, _device: DeviceId) -> int | None:
    """Answer as a machine without a GPU driver does; see `GpuBytes`."""
    return None


class ModelManager:
    """Keeps resident model sets, one process each. Runs in the server's event loop.

    It is also the memory guard's `WatchedWorkers`. It awaits `at_rest` whenever the last model set is gone.

    Attributes:
        memory: Where services reserve the memory for their work.
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
        watch_oom: WatchOom = watch_oom,
        at_rest: Callable[[], Awaitable[None]] = keep_all,
        load_times: LoadTimes | None = None,
        gpu_bytes: GpuBytes = _no_driver,
    ) -> None:
        self._config = config
        self._admission = admission
        self._estimator = estimator
        self._clock = clock
        self._load_times = load_times or LoadTimes()
        self._roster = Roster(
            specs,
            config,
            placement=placement,
            admission=admission,
            clock=clock,
            probe=probe,
            watch_oom=watch_oom,
            on_loaded=self._note_load,
        )
        self._unloader = Unloader(
            config,
            roster=self._roster,
            admission=admission,
            clock=clock,
            at_rest=at_rest,
        )
        self._finder = Finder(
            config, roster=self._roster, unloader=self._unloader, admission=admission, estimator=estimator
        )
        self.memory = ChunkMemory(
            config,
            roster=self._roster,
            unloader=self._unloader,
            admission=admission,
            estimator=estimator,
            clock=clock,
            gpu_bytes=gpu_bytes,
        )
        self._loop: asyncio.Task[None] | None = None

    @property
    def last_eviction(self) -> EvictionRecord | None:
        """What the last unloading gave back, as measured."""
        return self._unloader.last_eviction

    @property
    def unloaded(self) -> tuple[int, int]:
        """Model sets unloaded so far, and the bytes which that gave back, as measured."""
        return self._unloader.unloads, self._unloader.unloaded_bytes

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """See `Runnable.start`. It begins to trim and unload idle model sets."""
        self._finder.start()
        self._loop = asyncio.create_task(self._run(), name="model manager")

    async def run_once(self) -> None:
        """Unload model sets that were idle too long or are spent; trim those that became idle."""
        await self._unloader.tend()

    async def stop(self) -> None:
        """See `Runnable.stop`. It ends every worker; running chunks end early and without a loss."""
        self._finder.stop()
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
                logger.exception("The check of idle model sets failed; it is tried again")
            await self._clock.sleep(self._config.interval.total_seconds())

    def _note_load(self, resident: Resident) -> None:
        """Learn how long loading took, and what the worker holds before it compiles kernels for its first pages."""
        self._load_times.note(resident.key, resident.load_s)
        if resident.key.device == CPU:
            self._estimator.observe_base(resident.key, settled=MemoryNeed(resident.base_rss_bytes))

    # --- uses --------------------------------------------------------------------------------------------------------

    async def acquire(self, key: ModelSetKey, *, fresh: bool = False, spare: bool = False) -> Resident:
        """Begin a use of that model set, loaded; wait until there is memory for it.

        If its worker dies while it loads, another one is started, up to `load_tries` in a row.

        Args:
            key: The model set.
            fresh: Take only a process that has read nothing yet.
            spare: Take the spare place's own process, or share another one where memory is short.

        Raises:
            UnknownEngine: No engine has that name, or it has no such profile.
            WorkerLost: The model set could not be loaded.
            NeverFits: The model set is larger than the device's memory.
            DeviceUnavailable: This machine has no such device.
            PoolExhausted: The manager is stopping.
        """
        self._unloader.note_use(key)
        tried: list[Resident] = []
        while True:
            tried.append(await self._finder.find(key, fresh=fresh, spare=spare))
            try:
                return await self._claim(tried[-1])
            except WorkerLost as error:
                if self._finder.is_stopping or not died_loading(error) or self._has_tried_enough(tried):
                    raise
            pause_s = self._config.load_pause.total_seconds() * 2 ** (len(tried) - 1)
            logger.info("%s is loaded again in %g s", key, pause_s)
            await self._clock.sleep(pause_s)

    async def _claim(self, resident: Resident) -> Resident:
        resident.begin_use()
        try:
            await asyncio.shield(resident.ready)
        except BaseException:
            self.release(resident)
            raise
        return resident

    def _has_tried_enough(self, tried: Sequence[Resident]) -> bool:
        """Count the deaths that this caller saw, and all deaths of the model set in a row, which others may have seen.

        The row continues after an error was raised; every `load_tries` deaths in it raise an error again.
        """
        tries = self._config.load_tries
        return len(tried) >= tries or (tried[-1].deaths_before + 1) // tries > tried[0].deaths_before // tries

    def release(self, resident: Resident) -> None:
        """End a use. After the last one the model set is idle, or is unloaded if it is spent."""
        resident.end_use(self._clock.monotonic())
        if resident.is_idle and not resident.is_usable:
            self._roster.spawn(self._roster.end(resident))
        self._roster.notify()

    def snapshot(self) -> tuple[ModelSetSnapshot, ...]:
        """Every model set that has a process."""
        now = self._clock.monotonic()
        pictures = (resident.snapshot(now) for resident in self._roster)
        return tuple(picture for picture in pictures if picture is not None)

    # --- the memory guard's side (`WatchedWorkers`) ------------------------------------------------------------------

    def workers(self) -> Sequence[WatchedWorker]:
        """See `WatchedWorkers.workers`."""
        pictures = (resident.watched_worker() for resident in self._roster)
        return [picture for picture in pictures if picture is not None]

    async def evict_idle(self, device: DeviceId, *, at_least_bytes: int | None = None) -> int:
        """See `WatchedWorkers.evict_idle`."""
        return await self._unloader.evict(device, at_least_bytes=at_least_bytes)

    async def trim_idle(self, device: DeviceId) -> None:
        """See `WatchedWorkers.trim_idle`."""
        await self._unloader.trim(self._unloader.find_evictable(device))

    async def kill(self, worker_id: str, cause: LossCause) -> None:
        """See `WatchedWorkers.kill`; a worker that is gone is left alone."""
        resident = self._roster.get(worker_id)
        if resident is not None and resident.worker is not None:
            await resident.worker.kill(cause)
