"""Every model set that is loaded, loading or unloading.

    enlist ─▶ reserving ─▶ launch ─▶ loading ─▶ ready ─▶ end ─▶ unloading ─▶ process seen dead ─▶ struck off

Only `_see_off` releases a reservation: once the process is dead and its memory is back, whatever it died of. A process
that cannot be killed stays on the roster until it ends.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import count

from pagemill.domain.errors import PagemillError, PoolExhausted, WorkerLost
from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.ports import Clock, MemoryAdmission, MemoryProbe
from pagemill.domain.work.engine_spec import EngineConfig, EngineProfile, EngineSpec, find_profile
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.probes.oom import WatchOom
from pagemill.pool.messages import Load
from pagemill.pool.placement import Placement, see_killed
from pagemill.pool.pool_config import ModelManagerConfig
from pagemill.pool.residents import Departure, Resident
from pagemill.pool.visible_gpus import sight
from pagemill.pool.worker import Worker

logger = logging.getLogger(__name__)

_LOOK_AGAIN = timedelta(milliseconds=500)
"""Other programs free memory without telling us, so those who wait for a change check this often."""

_TRIES = 4
_SEE_BACK = timedelta(milliseconds=250)
_ENOUGH_BACK = 0.75
"""The share of a worker's own memory that must be back before its reservation is released."""


class Roster:
    """Starts and ends model sets, and wakes those who wait for either. Runs in the server's event loop."""

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        config: ModelManagerConfig,
        *,
        placement: Placement,
        admission: MemoryAdmission,
        clock: Clock,
        probe: MemoryProbe | None,
        watch_oom: WatchOom,
        on_loaded: Callable[[Resident], None],
    ) -> None:
        self._specs = specs
        self._config = config
        self._placement = placement
        self._admission = admission
        self._clock = clock
        self._probe = probe
        self._watch_oom = watch_oom
        self._on_loaded = on_loaded
        self._residents: dict[str, Resident] = {}
        self._load_deaths: dict[ModelSetKey, int] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()

    def __iter__(self) -> Iterator[Resident]:
        """All residents as they are now."""
        return iter(tuple(self._residents.values()))

    def get(self, worker_id: str) -> Resident | None:
        """The resident of that id, unless it is gone."""
        return self._residents.get(worker_id)

    def profile(self, key: ModelSetKey) -> EngineProfile:
        """The engine profile of a key that is not a reader's.

        Raises:
            UnknownEngine: No engine has that name, or it has no such profile.
        """
        return find_profile(self._specs, key.engine, key.profile)[1]

    def has_outgrown(self, resident: Resident, rss_bytes: int) -> bool:
        """Whether a worker that holds `rss_bytes` between two chunks must be replaced."""
        kept = 0 if resident.key.is_reader else self.profile(resident.key).seed_on(resident.key.device).kept
        return self._config.has_outgrown(resident.base_rss_bytes, rss_bytes, kept_bytes=kept)

    def enlist(self, key: ModelSetKey, *, spare: bool = False) -> Resident:
        """Put a model set on the roster, before its memory is reserved."""
        worker_id, deaths = f"{key.engine}-{next(self._numbers)}", self._load_deaths.get(key, 0)
        now = self._clock.monotonic()
        resident = Resident(worker_id, key, idle_since=now, is_spare=spare, deaths_before=deaths)
        self._residents[resident.worker_id] = resident
        return resident

    def strike(self, resident: Resident) -> None:
        """Take a model set without a process off the roster, release its reservation, and wake those who wait.

        One without a reservation wakes none of them, because it frees no memory.
        """
        self._residents.pop(resident.worker_id, None)
        if not resident.ended.done():
            resident.ended.set_result(None)
        if resident.reservation is not None:
            self._admission.release(resident.reservation)
            self.notify()

    def launch(self, resident: Resident) -> None:
        """Start its process and load its models; `resident.ready` gets the outcome."""
        resident.begin_loading()
        self.spawn(self._launch(resident))

    async def end(self, resident: Resident, *, grace: timedelta | None = None) -> None:
        """Unload it; return once its process is dead, or could not be ended (then the next look tries again).

        Unloading continues even if the caller is cancelled.
        """
        await asyncio.shield(resident.leave(lambda: self.spawn(self._end(resident, grace))))

    def used_bytes(self, device: DeviceId) -> int | None:
        """Use of the device by all processes, measured now; None if no probe measures it."""
        readings = self._probe.read() if self._probe else ()
        return next((reading.used_bytes for reading in readings if reading.device == device), None)

    def notify(self) -> None:
        """Wake those who wait for a change."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    async def change(self, since: asyncio.Event) -> None:
        """Wait for a change since that event was `changed`, for a short time at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                await since.wait()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run something in the background; a failure is a fault in Pagemill and is logged."""
        return self._keep_task(work, self._tasks)

    async def clear(self) -> None:
        """End all model sets; one that does not end after some tries stays on the roster until it does."""
        for _ in range(_TRIES):
            await asyncio.gather(*(self.end(resident, grace=_grace(resident)) for resident in self))
            if not self._residents:
                break
            await self.change(self.changed)
        for task in tuple(self._tasks) if self._residents else ():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _end(self, resident: Resident, grace: timedelta | None) -> None:
        if resident.worker is None:
            return
        if resident.departure is None:
            resident.depart(self._departure(resident, resident.worker))
        if await resident.worker.stop(grace=grace):
            await asyncio.shield(resident.ended)

    async def _launch(self, resident: Resident) -> None:
        """Load it. If anything goes wrong, `ready` gets the error and the resident is ended."""
        try:
            await self._load(resident)
        except asyncio.CancelledError:
            resident.ready.set_exception(WorkerLost(f"{resident.key} was not loaded: the service is shutting down."))
            if resident.worker is None:
                self.strike(resident)
            raise
        except PoolExhausted as error:
            await self._fail(resident, error)
        except PagemillError as error:
            await self._fail(resident, _load_error(resident.key, error))
        except Exception:
            logger.exception("%s could not be loaded", resident.key)
            message = f"{resident.key} could not be loaded because of a fault in the service. See its log."
            await self._fail(resident, WorkerLost(message, cause=LossCause.LOAD_FAILED))
        else:
            resident.ready.set_result(None)
        self.notify()

    async def _load(self, resident: Resident) -> None:
        started = self._clock.monotonic()
        rss_bytes = await self._start(resident, niceness=0 if resident.is_spare else self._config.niceness)
        resident.finish_loading(rss_bytes=rss_bytes, since=started, now=self._clock.monotonic())
        self._on_loaded(resident)
        self._load_deaths.pop(resident.key, None)

    async def _start(self, resident: Resident, *, niceness: int) -> int:
        key = resident.key
        spec = None if key.is_reader else self._specs[key.engine]
        try:
            process = await self._placement.start(interpreter=spec.interpreter if spec else None)
        except OSError as error:
            raise WorkerLost(f"Its process could not be started: {error}.") from error
        try:
            process.lower_priority(niceness)
            worker = Worker(resident.worker_id, process, self._config.worker, watch_oom=self._watch_oom)
        except Exception:
            await see_killed(process, within=self._config.worker.kill_limit)
            raise
        resident.attach(worker)
        self._keep_task(self._see_off(resident, worker), self._farewells)
        return await worker.load(self._load_request(key, spec))

    def _load_request(self, key: ModelSetKey, spec: EngineSpec | None) -> Load:
        limit = self._config.worker.data_limit_bytes
        structure = self._config.structure_factory if key.structure else None
        seen = sight(key.device, self._config.gpu_uuids)
        if spec is None:
            config = EngineConfig(profile="", threads=self._config.threads)
            return Load(config=config, structure=structure, data_limit_bytes=limit, visible_gpus=seen.visible)
        config = EngineConfig(
            profile=key.profile,
            languages=key.languages,
            device=seen.device,
            threads=self._config.threads,
            options={**self._config.engine_options.get(key.engine, {}), **spec.options},
        )
        max_pixels = self.profile(key).max_pixels
        return Load(
            factory=spec.factory,
            config=config,
            max_pixels=max_pixels,
            structure=None if spec.finds_structure else structure,
            data_limit_bytes=limit,
            visible_gpus=seen.visible,
            files=spec.files,
            writes=spec.writes,
        )

    async def _fail(self, resident: Resident, error: WorkerLost | PoolExhausted) -> None:
        if died_loading(error):
            deaths = max(self._load_deaths.get(resident.key, 0), resident.deaths_before + 1)
            self._load_deaths[resident.key] = deaths
        resident.ready.set_exception(error)
        if resident.worker is None:
            self.strike(resident)
        else:
            await self.end(resident)

    async def _see_off(self, resident: Resident, worker: Worker) -> None:
        await worker.wait_until_gone()
        try:
            if (leaving := resident.departure) is not None:
                await self._see_back(leaving, resident.key.device)
        except Exception:
            logger.exception("The memory that %s returned could not be measured", resident.worker_id)
        self.strike(resident)

    async def _see_back(self, leaving: Departure, device: DeviceId) -> None:
        """Wait until the device shows that the memory is back; not for long, because others use the device, too."""
        enough = leaving.held_bytes * _ENOUGH_BACK
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEE_BACK.total_seconds()):
                while leaving.used_bytes - (self.used_bytes(device) or 0) < enough:  # noqa: ASYNC110 - the device sends no event
                    await asyncio.sleep(0.01)

    def _departure(self, resident: Resident, worker: Worker) -> Departure | None:
        device = resident.key.device
        try:
            used_bytes = self.used_bytes(device)
        except Exception:
            logger.exception("The memory that %s returns will not be measured", resident.worker_id)
            return None
        if used_bytes is None:
            return None
        return Departure(used_bytes, worker.private_bytes if device == CPU else resident.reserved.gpu_bytes)

    def _keep_task(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(_log_failure)
        return task


def died_loading(error: PagemillError) -> bool:
    """Whether its worker died or hung; an error that the engine raised would only recur."""
    return error.details.get("cause") not in (None, LossCause.LOAD_FAILED)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("A duty of the model manager failed", exc_info=error)


def _grace(resident: Resident) -> timedelta | None:
    """The time to stop: none for a worker that is loading, because it cannot answer."""
    return None if resident.ready.done() else timedelta(0)


def _load_error(key: ModelSetKey, error: PagemillError) -> WorkerLost:
    cause = error.details.get("cause", LossCause.LOAD_FAILED)
    return WorkerLost(f"{key} could not be loaded: {error.message}", cause=cause, reason=error.reason)
